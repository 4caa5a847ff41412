//! `capkeep analyze`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use capkeep_detect::{Detection, Findings, Severity};
use capkeep_flow::{Analysis, Event, Input, Options};
use capkeep_report::flows::{ExportError, FlowExport};
use capkeep_report::terminal::visible;
use capkeep_report::{View, json, summary};
use clap::ValueEnum;

use super::Done;
use crate::azure::Azure;
use crate::color::{ColorChoice, page};
use crate::distant::Distant;
use crate::export::Exporter;
use crate::failure::{hinted, warn};
use crate::inputs::Inputs;
use crate::progress::Progress;
use crate::reading::Reading;
use crate::storage::Storage;
use crate::{interrupt, output, thresholds};

/// Read captures and tell what is in them
///
/// Reads capture files into bidirectional flows and prints a summary: what the files say of themselves, traffic
/// over time, protocols, tunnels, the busiest services, hosts and conversations, how TCP connections went, and
/// which packets are in no flow and why.
///
/// Files are recognised by their first bytes, never by their names: pcap (microseconds, nanoseconds, "modified",
/// both byte orders), pcapng, Microsoft Network Monitor 1 and 2, snoop; also in gzip, zstd, lz4 or xz. Segments of
/// a ring buffer are read as one capture, so that their flows cross the edges of files; other files stay apart.
///
/// A damaged or cut file never stops the others: what came before the damage is counted, the place is told, and
/// the exit code is 1.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
// Switches of the command line.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Analyze {
    /// Capture files, folders, patterns, or - for standard input
    ///
    /// A folder stands for every capture in it and below; hidden files and files that are no captures are left
    /// out and counted. A file that is named must be a capture. Patterns (*, ?, [a-z], **) may be quoted: they
    /// work in every shell.
    ///
    /// A blob, by its URL with or without a signature, is read while its
    /// bytes arrive, and so is every blob whose name begins so; capture:NAME stands for the files of a capture. Nothing is
    /// written to the disk, unless --keep says so.
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// Keep what is read from storage in this folder, verified, as `capkeep fetch` does
    #[arg(long, value_name = "FOLDER", help_heading = "What to read")]
    keep: Option<PathBuf>,

    /// Write all flows to this file; its name ends in .parquet, .arrow, .csv, .json or .ndjson (repeatable)
    ///
    /// One row per flow, in an order that depends on the captures alone. `capkeep schema flows` tells what the
    /// columns mean. The file appears when it is whole; an older one of the same name is replaced then.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    flows: Vec<PathBuf>,

    /// Print the summary as one JSON object; `capkeep schema analysis` tells its keys
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Rows in tables of the busiest
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = "Output")]
    top: u32,

    /// Fail (exit code 1) if there is a finding of this severity, or a higher one
    #[arg(long, value_name = "SEVERITY", help_heading = "Findings")]
    fail_on: Option<FailOn>,

    /// Thresholds of the detectors, a TOML file; `capkeep explain --thresholds` prints all there are
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    thresholds: Option<PathBuf>,

    /// Show no progress
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    color: ColorChoice,

    /// Columns of the summary [default: those of the terminal, or 80]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Output")]
    width: Option<u16>,

    #[command(flatten)]
    reading: Reading,

    /// Count only: no TCP health, and nothing of what applications say
    #[arg(long, help_heading = "Flows")]
    no_health: bool,

    /// Threads of the analysis [default: one per core]; the output is the same for any number
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..=1024),
        help_heading = "Speed"
    )]
    threads: Option<u16>,

    #[command(flatten)]
    storage: Storage,

    #[command(flatten)]
    azure: Azure,
}

/// The least severity to fail on.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FailOn {
    /// Any finding
    Note,
    /// Something is wrong
    Warning,
    /// Something does not work
    Critical,
}

impl From<FailOn> for Severity {
    fn from(severity: FailOn) -> Self {
        match severity {
            FailOn::Note => Self::Note,
            FailOn::Warning => Self::Warning,
            FailOn::Critical => Self::Critical,
        }
    }
}

const AFTER_HELP: &str = "\
Examples:
  capkeep analyze capture.cap
      A summary of one capture.
  capkeep analyze ring/ --flows flows.parquet
      Everything in a folder, and its flows for DuckDB, Polars or pandas.
  capkeep analyze '2024-03-*/*.pcapng.gz' --json | jq '.captures[] | select(.error)'
      Which captures are damaged.
  ssh host tcpdump -w - -c 10000 | capkeep analyze -
      From standard input.
  capkeep analyze big.pcap --filter 'host 10.0.0.4 and tcp' --idle-timeout none
      One host, and flows as tshark counts them.
  capkeep analyze capture.cap --fail-on warning
      For scripts: 1 if something is wrong; `capkeep explain` tells what findings mean.
  capkeep analyze https://logs.blob.core.windows.net/network-watcher-logs/subscriptions/…/packetcapture_11_55_33_090.cap
      A blob, while it arrives; capture:NAME does the same for a capture.

Exit codes:
  0  done
  1  done, but something could not be read completely, or was found with --fail-on; the output says what
  2  error: nothing usable could be read, or the command line is wrong";

impl Analyze {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let options = Options { health: !self.no_health, ..self.reading.options()? };
        // The runtime that fetches lives as long as the streams are read.
        let mut distant = Distant::new(&self.azure, &self.storage, self.keep.as_deref());
        let inputs = Inputs::expand(&self.paths, &mut |target| distant.streams(target))?;
        let exporter = self.exporter(&inputs)?;
        let detection = Mutex::new(Detection::new(thresholds::read(self.thresholds.as_deref())?));
        let analysis = self.analyze(&inputs, &options, exporter.as_ref(), &detection)?;
        let findings = detection.into_inner().unwrap_or_else(PoisonError::into_inner).finish(&analysis);
        if let Some(exporter) = exporter {
            exporter.finish().context("the flows were not written")?;
        }
        let next = self.next(&analysis, &findings);
        let view = View {
            top: self.top as usize,
            not_captures: inputs.not_captures,
            findings: (!self.no_health).then_some(&findings),
            next: &next,
        };
        let mut out = Vec::new();
        if self.json {
            json::write(&analysis, &view, &mut out)?;
        } else {
            out = page(self.color, self.width).draw(&summary::blocks(&analysis, &view)).into_bytes();
        }
        output::print(&out)?;
        // Where the summary and standard error go to the same eyes, the summary has said it.
        let same_eyes = !self.json && io::stdout().is_terminal() && io::stderr().is_terminal();
        let done = verdict(&analysis, !(same_eyes && summary::names_every_problem(&analysis)))?;
        let fails = self.fail_on.is_some_and(|least| findings.worst() >= Some(least.into()));
        Ok(if fails { Done::Partly } else { done })
    }

    /// Command lines that lead on from the first finding: what it means, and its packets.
    fn next(&self, analysis: &Analysis, findings: &Findings) -> Vec<String> {
        let Some(first) = findings.list.first().filter(|_| !self.no_health) else { return Vec::new() };
        let mut lines = vec![format!("capkeep explain {}", first.detector)];
        let with_packets = findings.list.iter().position(|finding| !finding.packets.numbers.is_empty());
        let Some((place, finding)) = with_packets.and_then(|place| Some((place, findings.list.get(place)?)))
        else {
            return lines;
        };
        let are_files = analysis.captures.iter().all(|capture| capture.path.as_os_str() != "-");
        if self.reading.is_plain() && are_files {
            let captures: Vec<String> = self.paths.iter().map(|path| quoted(path)).collect();
            let thresholds = self.thresholds.as_ref().map(|path| format!(" --thresholds {}", quoted(path)));
            lines.push(format!(
                "capkeep slice {} --finding {}:{}{} -o evidence.pcapng",
                captures.join(" "),
                finding.detector,
                findings.number(place),
                thresholds.unwrap_or_default()
            ));
        } else if let Some((index, _)) = finding.packets.numbers.first_key_value()
            && let Some(filter) = finding.display_filter(*index)
        {
            lines.push(format!("in Wireshark: {filter}"));
        }
        lines
    }

    /// Opens the flow files. Without any, nothing of the table library is touched.
    fn exporter(&self, inputs: &Inputs) -> anyhow::Result<Option<Exporter>> {
        if self.flows.is_empty() {
            return Ok(None);
        }
        if let Some(path) = self.flows.iter().find(|path| inputs.contains(path)) {
            return Err(hinted(
                format!("--flows {} is one of the captures to read", path.display()),
                "it would be overwritten",
            ));
        }
        let create = || {
            FlowExport::create(&self.flows, self.threads != Some(1)).map_err(|error| match error {
                ExportError::UnknownFormat { .. } => {
                    hinted(format!("--flows: {error}"), "the end of the name tells the format")
                }
                error => anyhow::Error::new(error),
            })
        };
        let mut export = interrupt::guarded(create, FlowExport::temporary_paths)?;
        for (index, input) in (0..).zip(&inputs.list) {
            // Until the analysis tells how it numbers them.
            export.capture(index, &named(input), None);
        }
        Ok(Some(Exporter::start(export)))
    }

    fn analyze(
        &self,
        inputs: &Inputs,
        options: &Options,
        exporter: Option<&Exporter>,
        detection: &Mutex<Detection>,
    ) -> anyhow::Result<Analysis> {
        let progress = Progress::new(inputs.bytes(), self.quiet);
        let observer = |event: Event<'_>| match event {
            Event::Progress { bytes, .. } => progress.add(bytes),
            Event::Capture { index, path, session } => {
                if let Some(exporter) = exporter {
                    exporter.capture(index, path.to_owned(), Some(session));
                }
            }
            Event::Flows(flows) => {
                detection.lock().unwrap_or_else(PoisonError::into_inner).observe(flows);
                if let Some(exporter) = exporter {
                    exporter.flows(flows);
                }
            }
            _ => {}
        };
        let threads = self.threads.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("analysis-{i}"))
            .build()
            .context("cannot start threads")?;
        let analysis = pool.install(|| capkeep_flow::analyze(&inputs.list, options, &observer));
        progress.finish();
        Ok(analysis)
    }
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = visible(&path.display().to_string());
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+@%,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// How an input is called in tables.
fn named(input: &Input) -> PathBuf {
    match input {
        Input::File(path) => path.clone(),
        Input::Stream(stream) => stream.name.clone(),
        Input::Stdin | Input::Bytes(_) => "-".into(),
    }
}

/// Tells how the command ended, and warns of what could not be read where that is wanted.
fn verdict(analysis: &Analysis, warnings: bool) -> anyhow::Result<Done> {
    let mut damaged = 0;
    for capture in &analysis.captures {
        if let Some(problem) = summary::problem(capture) {
            damaged += 1;
            if warnings {
                warn(&summary::called(capture), &problem);
            }
        }
    }
    if damaged == 0 {
        return Ok(Done::Fully);
    }
    if damaged == analysis.captures.len() && analysis.totals.packets == 0 {
        return Err(hinted(
            if damaged == 1 { "nothing could be read" } else { "nothing could be read of any capture" },
            "pcap, pcapng, NetMon and snoop are read, also in gzip, zstd, lz4 and xz",
        ));
    }
    Ok(Done::Partly)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::super::definition().debug_assert();
    }
}
