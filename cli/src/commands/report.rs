//! `capkeep report`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use capkeep_detect::{Detection, Settings, Severity};
use capkeep_flow::{Event, Options};
use capkeep_report::baseline::Baseline;
use capkeep_report::flows::{ExportError, FileFormat};
use capkeep_report::terminal::visible;
use capkeep_report::unit::{Gather, Unit};
use capkeep_storage::CapturePath;
use clap::ValueEnum;

use super::Done;
use super::analyze::FailOn;
use crate::azure::Azure;
use crate::batch::{Folder, Lanes, Session, Sources, Task, assembly};
use crate::distant::Distant;
use crate::failure::hinted;
use crate::inputs::Inputs;
use crate::progress::Progress;
use crate::reading::Reading;
use crate::storage::Storage;
use crate::targets::{Found, is_target};
use crate::units::{bytes, seconds};
use crate::{output, thresholds};

/// Make a report and a dataset of one capture or of thousands
///
/// Analyses every capture, side by side, and writes a folder: index.html (opens anywhere, asks nothing of any server),
/// a page for each capture, the tables behind it as Parquet files in data/, and the report in short as Markdown, text
/// and JSON.
///
/// What was analysed stays in the folder: the same command goes on where it was interrupted, and later does only what is
/// new or changed. The report is always of the captures named in the command. A capture that cannot be read is a line in
/// it with the reason, and never the end.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
// Switches of the command line.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Report {
    /// Capture files, folders, patterns, URLs of blobs or the beginning of their names, capture:NAME, or - for standard
    /// input
    ///
    /// As for `capkeep analyze`. Blobs are read while their bytes arrive; nothing of them is written to the disk.
    #[arg(value_name = "PATH", required_unless_present = "all")]
    paths: Vec<PathBuf>,

    /// Folder of the report; made where it is missing
    #[arg(long, short, value_name = "FOLDER", default_value = "report", help_heading = "Output")]
    out: PathBuf,

    /// Every capture file of every storage account of the subscription
    #[arg(long, conflicts_with = "paths", help_heading = "What to read")]
    all: bool,

    /// Of files in storage, only those that changed in this span until now: 7d, 12h
    #[arg(long, value_name = "SPAN", value_parser = seconds, help_heading = "What to read")]
    since: Option<i64>,

    /// Of files in storage, only those of this virtual machine or scale set, by the path they were stored at
    #[arg(long, value_name = "NAME", help_heading = "What to read")]
    vm: Option<String>,

    /// Formats of the tables in data/ (repeatable); the flows are always Parquet
    #[arg(long, value_name = "FORMAT", default_value = "parquet", help_heading = "Output")]
    format: Vec<Format>,

    /// What the report is called
    #[arg(long, value_name = "TEXT", default_value = "Packet captures", help_heading = "Output")]
    title: String,

    /// Print the report in short as one JSON object, not as text
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Show no progress
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,

    /// What is new, gone, better or worse since this report (its report.json); exit code 1 if something is worse
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    compare: Option<PathBuf>,

    /// Analyse everything again
    #[arg(long, help_heading = "What to read")]
    fresh: bool,

    /// Fail (exit code 1) if there is a finding of this severity, or a higher one
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    fail_on: Option<FailOn>,

    /// Thresholds of the detectors, a TOML file; `capkeep explain --thresholds` prints all there are
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    thresholds: Option<PathBuf>,

    /// Threads of the analysis [default: one per core]; the report is the same for any number
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1024),
        help_heading = "Speed"
    )]
    threads: Option<u16>,

    /// About how much memory to use: fewer captures are analysed side by side where it is little
    #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = "1GB", help_heading = "Speed")]
    memory: i64,

    #[command(flatten)]
    reading: Reading,

    #[command(flatten)]
    storage: Storage,

    #[command(flatten)]
    azure: Azure,
}

/// A format of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Apache Parquet
    Parquet,
    /// Apache Arrow IPC
    Arrow,
    /// Comma separated
    Csv,
    /// One JSON array
    Json,
    /// A JSON object per line
    Ndjson,
}

impl From<Format> for FileFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Parquet => Self::Parquet,
            Format::Arrow => Self::Arrow,
            Format::Csv => Self::Csv,
            Format::Json => Self::Json,
            Format::Ndjson => Self::Ndjson,
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  capkeep report captures/ -o report
      A report of everything in a folder; open report/index.html.
  capkeep report https://logs.blob.core.windows.net/network-watcher-logs --vm web1 --since 7d -o web1
      A machine's last seven days, straight from storage.
  capkeep report --all --since 1d -o nightly --fail-on warning
      Every night: exit code 1 if something is wrong. Only new captures are analysed.
  duckdb -c \"select server_name, sum(wire_bytes) from 'report/data/flows/*/*.parquet' group by 1\"
      The dataset, for DuckDB, Polars, pandas or Spark; data/schema.json tells the columns.

Exit codes:
  0  done
  1  done, but something could not be read completely, was found with --fail-on, or is worse with --compare
  2  error: nothing usable could be read, the folder cannot be written, or the command line is wrong";

impl Report {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let options = self.reading.options()?;
        let settings = thresholds::read(self.thresholds.as_deref())?;
        // The runtime that fetches lives as long as the streams are read.
        let mut distant = Distant::new(&self.azure, &self.storage, None);
        let mut sources = Sources::default();
        let inputs = self.inputs(&mut distant, &mut sources)?;
        // Read before anything is written: it may be the one that is written over.
        let earlier = self.compare.as_deref().map(earlier).transpose()?;
        let folder = Folder::open(&self.out)?;
        let sessions = sources.sessions(&inputs, options.merge, &self.how()?);
        let keys: HashSet<&str> = sessions.iter().map(|session| session.key.as_str()).collect();
        let (known, new): (Vec<&Session>, Vec<&Session>) =
            sessions.iter().partition(|session| !self.fresh && is_known(&folder, session));
        self.analyze(&folder, &new, &options, &settings)?;
        folder.forget_others(&keys)?;
        let written = assembly::Assembly {
            title: &self.title,
            formats: &self.format.iter().map(|format| (*format).into()).collect::<Vec<_>>(),
            not_captures: inputs.not_captures,
            is_plain: self.is_plain(),
            earlier: earlier.as_ref(),
        }
        .write(&folder, &sessions)?;
        if self.json {
            output::print(&written.json)?;
        } else {
            let index = self.out.join("index.html");
            let counts = match (new.len(), known.len()) {
                (new, 0) => format!("{new} analysed"),
                (new, known) => format!("{new} analysed, {known} known from before"),
            };
            let text = format!(
                "{}\n{counts}; the report is {}\n",
                written.text,
                visible(&index.display().to_string())
            );
            output::print(text.as_bytes())?;
        }
        let baseline = &written.baseline;
        let damaged = baseline.captures_with_errors;
        if damaged > 0 && damaged == baseline.captures && baseline.packets == 0 {
            return Err(hinted("nothing could be read", "the report says why"));
        }
        let fails = self.fail_on.is_some_and(|least| written.worst >= Some(Severity::from(least)));
        Ok(if damaged > 0 || fails || written.is_worse { Done::Partly } else { Done::Fully })
    }

    fn inputs(&self, distant: &mut Distant<'_>, sources: &mut Sources) -> anyhow::Result<Inputs> {
        let mut streams = |found: Vec<Found>, distant: &mut Distant<'_>| {
            let chosen = found.into_iter().filter(|one| self.is_wanted(one));
            let chosen: Vec<Found> = chosen.inspect(|one| sources.note(one)).collect();
            chosen.into_iter().map(|one| distant.open(one)).collect::<anyhow::Result<Vec<_>>>()
        };
        if self.all {
            let found = distant.everywhere()?;
            let all = PathBuf::from("https://all");
            return Inputs::expand(&[all], &mut |_| streams(found.clone(), distant));
        }
        if (self.since.is_some() || self.vm.is_some())
            && !self.paths.iter().any(|path| path.to_str().is_some_and(is_target))
        {
            return Err(hinted("--since and --vm choose files in storage", "no PATH is one"));
        }
        Inputs::expand(&self.paths, &mut |target| {
            let found = distant.find(target)?;
            streams(found, distant)
        })
    }

    fn is_wanted(&self, one: &Found) -> bool {
        let since = self.since.map(|span| jiff::Timestamp::now().as_second().saturating_sub(span));
        let is_new = since.is_none_or(|since| one.blob.modified.as_second() >= since);
        let of = |vm: &String| {
            CapturePath::parse(&one.blob.name.name).is_some_and(|path| path.name.eq_ignore_ascii_case(vm))
        };
        is_new && self.vm.as_ref().is_none_or(of)
    }

    /// True if `capkeep slice` finds what is found here without being told anything.
    fn is_plain(&self) -> bool {
        self.reading.is_plain() && self.thresholds.is_none()
    }

    /// Everything that a result depends on besides the captures.
    fn how(&self) -> anyhow::Result<String> {
        let thresholds = match &self.thresholds {
            Some(path) => std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the thresholds {}", path.display()))?,
            None => String::new(),
        };
        Ok(format!("{} {} {:?} {thresholds}", env!("CARGO_PKG_VERSION"), Unit::FORMAT, self.reading))
    }

    /// Analyses sessions and keeps their units.
    fn analyze(
        &self,
        folder: &Folder,
        sessions: &[&Session],
        options: &Options,
        settings: &Settings,
    ) -> anyhow::Result<()> {
        let total = sessions.iter().map(|session| session.bytes).fold(0, u64::saturating_add);
        let has_stdin = sessions.iter().any(|session| session.is_fleeting());
        let progress = Progress::new((!has_stdin).then_some(total), self.quiet);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.threads.map_or(cores, usize::from);
        let memory = u64::try_from(self.memory).unwrap_or_default();
        let lanes = Lanes::new(threads, memory, sessions.iter().any(|session| session.is_distant));
        let work = Work { folder, options, settings, progress: &progress, is_plain: self.is_plain() };
        let each = |session: &&Session| work.unit(session);
        lanes.work(sessions.to_vec(), &each)?;
        progress.finish();
        Ok(())
    }
}

impl Task for &Session {
    fn weight(&self) -> u64 {
        self.bytes
    }
}

/// A report in short, to be compared with.
fn earlier(path: &Path) -> anyhow::Result<Baseline> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let wrong = |what: String| hinted(what, "--compare takes the report.json of an earlier report");
    let baseline: Baseline = serde_json::from_slice(&text)
        .map_err(|error| wrong(format!("{shown} is no report in short: {error}")))?;
    if baseline.schema != Baseline::SCHEMA {
        return Err(wrong(format!("{shown} is of another version: {:?}", baseline.schema)));
    }
    Ok(baseline)
}

/// True if its unit was made before. What broke off in a network is tried again.
fn is_known(folder: &Folder, session: &Session) -> bool {
    let is_whole = |unit: &Unit| !session.is_distant || unit.captures.iter().all(|one| one.error.is_none());
    // One that cannot be read is made again.
    !session.is_fleeting() && folder.read(&session.key).is_ok_and(|unit| is_whole(&unit))
}

/// What sessions are worked on with.
struct Work<'a> {
    folder: &'a Folder,
    options: &'a Options,
    settings: &'a Settings,
    progress: &'a Progress,
    is_plain: bool,
}

impl Work<'_> {
    /// Analyses a session and keeps what comes of it.
    fn unit(&self, session: &Session) -> anyhow::Result<()> {
        let made = self.folder.begin(&session.key)?;
        let detection = Mutex::new(Detection::new(self.settings.clone()));
        let gather = Gather::new(session.id.clone(), session.origins.clone(), &made.join("flows"))?;
        let gather = Mutex::new((gather, None::<ExportError>));
        let observer = |event: Event<'_>| match event {
            Event::Progress { bytes, .. } => self.progress.add(bytes),
            Event::Flows(flows) => {
                detection.lock().unwrap_or_else(PoisonError::into_inner).observe(flows);
                let mut guard = gather.lock().unwrap_or_else(PoisonError::into_inner);
                let (gather, failed) = &mut *guard;
                if failed.is_none() {
                    *failed = gather.observe(flows).err();
                }
            }
            _ => {}
        };
        let analysis = capkeep_flow::analyze(&session.inputs, self.options, &observer);
        let findings = detection.into_inner().unwrap_or_else(PoisonError::into_inner).finish(&analysis);
        let (gather, failed) = gather.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = failed {
            return Err(error.into());
        }
        let unit = gather.finish(&analysis, &findings)?;
        assembly::write_page(&unit, self.is_plain, &made)?;
        self.folder.keep(&session.key, &made, &unit)
    }
}
