//! `cargo xtask truth`: what was made to happen, beside what capkeep and its peers make of it.

mod readers;
mod table;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use capkeep_testkit::{FAULT_CASES, FaultCase, FaultTruth, Faults, Pcap, stream};
use clap::Args;

use self::readers::{Counts, READERS};
use crate::{root, target_directory};

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to write the table
    #[arg(long, default_value = "benches/TRUTH.md", value_name = "FILE")]
    out: PathBuf,
    /// Only cases whose names contain this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Which connections of all that could be
    #[arg(long, default_value_t = Faults::CLEAN.seed)]
    seed: u64,
    /// Leave the captures in the target folder, each with its truth beside it
    #[arg(long)]
    keep: bool,
}

/// A row of the table.
pub(crate) struct Row {
    case: &'static FaultCase,
    truth: FaultTruth,
    /// What each reader counts; `None` where it is not there or failed.
    counts: Vec<Option<Counts>>,
}

/// Makes every capture, lets every reader count, and writes the table.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    readers::install();
    let capkeep = readers::build()?;
    let folder = target_directory().join("truth");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut rows = Vec::new();
    for case in FAULT_CASES.iter().filter(|case| case.name.contains(&arguments.only)) {
        let file = folder.join(format!("{}.pcap", case.name));
        let truth = write(case, arguments.seed, &file)?;
        eprintln!("{}: {} packets", case.name, truth.packets);
        let counts = READERS.iter().map(|reader| reader.count(&file, &capkeep, &folder).ok()).collect();
        rows.push(Row { case, truth, counts });
        if !arguments.keep {
            fs::remove_file(&file)?;
            fs::remove_file(crate::generate::truth_path(&file))?;
        }
    }
    if rows.is_empty() {
        bail!("no case is called like {:?}", arguments.only);
    }
    let text = table::markdown(&rows, arguments.seed);
    let out = root().join(&arguments.out);
    fs::write(&out, &text).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{text}");
    Ok(())
}

/// Writes a case's capture with its truth beside it.
fn write(case: &FaultCase, seed: u64, file: &Path) -> Result<FaultTruth> {
    let capture = Faults { seed, ..case.faults }.capture();
    let mut out = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
    stream(&mut Pcap::ETHERNET.clone(), capture.packets.into_iter(), &mut out)?;
    fs::write(crate::generate::truth_path(file), json(case, &capture.truth))?;
    Ok(capture.truth)
}

/// The truth as JSON. Names and descriptions contain neither quotes nor control characters.
fn json(case: &FaultCase, truth: &FaultTruth) -> String {
    let events: Vec<_> = truth
        .events
        .iter()
        .map(|event| {
            format!(r#"{{"kind":"{}","packet":{},"flow":{}}}"#, event.kind.name(), event.packet, event.flow)
        })
        .collect();
    format!(
        concat!(
            r#"{{"name":"{}","doc":"{}","is_decidable":{},"packets":{},"retransmissions":{},"fast":{},"#,
            r#""timeouts":{},"reordered":{},"copies":{},"missing":{},"hidden":{},"events":["#,
            "\n  {}\n]}}\n"
        ),
        case.name,
        case.doc,
        case.is_decidable,
        truth.packets,
        truth.retransmissions,
        truth.fast,
        truth.timeouts,
        truth.reordered,
        truth.copies,
        truth.missing,
        truth.hidden,
        events.join(",\n  ")
    )
}
