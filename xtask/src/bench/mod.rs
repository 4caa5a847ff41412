//! `cargo xtask bench`: capkeep and its peers on the same files.

mod files;
pub(crate) mod machine;
mod measure;
mod report;
pub(crate) mod storage;
mod tools;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::{files::Bed, measure::Sample, tools::Tool};
use crate::{root, target_directory};

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Five rounds, without the 10 million packets and the slow peers
    #[arg(long)]
    quick: bool,
    /// Rounds, each of which runs every command once [default: 5, or 3 if quick]
    #[arg(long)]
    rounds: Option<usize>,
    /// Where to write the results
    #[arg(long, default_value = "benches/RESULTS.md", value_name = "FILE")]
    out: PathBuf,
    /// Binary to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    capkeep: Option<PathBuf>,
    /// Measure with the peers that are there, install none
    #[arg(long)]
    no_install: bool,
}

/// One command on one file, and what came of it.
pub(crate) struct Run {
    /// Row of the table.
    tool: Tool,
    /// File it reads.
    bed: &'static Bed,
    /// At most so many rounds: enough is known of slow ones sooner.
    most_rounds: usize,
    /// Reason why there is nothing to measure.
    missing: Option<String>,
    /// One for each round.
    samples: Vec<Sample>,
}

/// Measures and reports.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if !arguments.no_install {
        tools::install();
    }
    let capkeep = match &arguments.capkeep {
        Some(path) => path.clone(),
        None => build()?,
    };
    let directory = target_directory().join("bench");
    fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    let rounds = arguments.rounds.unwrap_or(if arguments.quick { 5 } else { 15 });
    let machine = machine::describe(&capkeep, &machine::peers());
    let mut runs = plan(&capkeep, arguments.quick);
    for bed in files::BEDS {
        if runs.iter().any(|run| run.bed.name == bed.name) {
            bed.make(&directory)?;
        }
    }
    for round in 0..rounds {
        for run in &mut runs {
            if run.missing.is_some() || round >= run.most_rounds {
                continue;
            }
            eprintln!("round {} of {rounds}: {} on {}", round + 1, run.tool.name, run.bed.name);
            let file = run.bed.path(&directory);
            match measure::measure(&run.tool, &file, &directory) {
                Ok(sample) => run.samples.push(sample),
                Err(error) => run.missing = Some(format!("{error:#}")),
            }
        }
    }
    let sizes = |bed: &Bed| fs::metadata(bed.path(&directory)).map_or(0, |m| m.len());
    let text = report::markdown(&runs, &machine, &sizes, arguments.quick);
    let out = root().join(&arguments.out);
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(&out, &text).with_context(|| format!("cannot write {}", out.display()))?;
    println!("{text}");
    Ok(())
}

/// Builds the release binary and says where it is.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "capkeep"])
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("capkeep does not build: {status}");
    }
    Ok(target_directory().join("release/capkeep"))
}

/// What is run, in the order it is run in each round.
fn plan(capkeep: &std::path::Path, is_quick: bool) -> Vec<Run> {
    let ours = tools::capkeep(capkeep);
    let mut runs = Vec::new();
    for bed in files::BEDS {
        if is_quick && bed.is_slow {
            continue;
        }
        let tools = ours.iter().chain(tools::PEERS).filter(|tool| bed.tools.contains(&tool.name));
        for tool in tools {
            if is_quick && tool.is_slow {
                continue;
            }
            let most_rounds = match (tool.is_slow, bed.is_slow) {
                (true, _) => 1,
                (false, true) => 3,
                (false, false) => usize::MAX,
            };
            runs.push(Run {
                missing: tool.missing(),
                tool: tool.clone(),
                bed,
                most_rounds,
                samples: Vec::new(),
            });
        }
    }
    runs
}
