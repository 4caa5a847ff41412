//! `capkeep slice`.

mod cut;
mod sources;

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use capkeep_detect::{Detection, Findings, Packets};
use capkeep_flow::{Analysis, Event, Input, Options};
use capkeep_pcap::Filter;

use super::Done;
use super::explain::detector;
use crate::azure::Azure;
use crate::distant::Distant;
use crate::failure::{hinted, warn};
use crate::inputs::Inputs;
use crate::storage::Storage;
use crate::{interrupt, thresholds};
use cut::{cut, told};
use sources::{Source, Unfinished};

/// Cut packets out of captures, exactly as they were
///
/// Writes the packets of a finding, of a flow, that match a filter, or with the numbers named, to a pcapng file that
/// Wireshark opens: same bytes, lengths, link types and times. A comment on the file and on each packet says where it is
/// from.
///
/// A finding names at most 256 packets, the first; --whole-flows takes everything of its flows.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["finding", "flow", "filter", "packets"]))]
pub(crate) struct Slice {
    /// Capture files, folders, patterns, blobs, capture:NAME or - for standard input, as they were named to `capkeep analyze`
    ///
    /// What is not a file of this machine is read while it arrives. Only a finding needs two passes: for one, it is
    /// copied first, into the folder of the output (or that of temporary files), and the copy is gone afterwards.
    #[arg(value_name = "CAPTURE", required = true)]
    captures: Vec<PathBuf>,

    /// Packets of a finding: its id and its number, as `capkeep analyze` prints them (retransmissions:2)
    #[arg(long, value_name = "ID[:N]", help_heading = "What to cut out")]
    finding: Option<String>,

    /// Packets of the flow with this Community ID
    #[arg(long, value_name = "COMMUNITY_ID", help_heading = "What to cut out")]
    flow: Option<String>,

    /// Packets that match, in tcpdump's words: "tcp port 443 and host 10.0.0.4"
    #[arg(long, value_name = "EXPR", help_heading = "What to cut out")]
    filter: Option<String>,

    /// Packets with these numbers, counted from 1 as Wireshark does: 5,9-20 (of one capture)
    #[arg(long, value_name = "LIST", value_parser = numbers, help_heading = "What to cut out")]
    packets: Option<Numbers>,

    /// With --finding: all packets of its flows (of the first 16)
    #[arg(long, requires = "finding", help_heading = "What to cut out")]
    whole_flows: bool,

    /// The thresholds that `capkeep analyze` was given
    #[arg(long, value_name = "FILE", requires = "finding", help_heading = "What to cut out")]
    thresholds: Option<PathBuf>,

    /// Where to write to; - for standard output
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    output: PathBuf,

    /// Replace an older file of that name
    #[arg(long, help_heading = "Output")]
    force: bool,

    #[command(flatten)]
    storage: Storage,

    #[command(flatten)]
    azure: Azure,
}

const AFTER_HELP: &str = "\
Examples:
  capkeep slice capture.cap --finding retransmissions:1 -o evidence.pcapng
      The packets that a finding names.
  capkeep slice capture.cap --finding zero_window --whole-flows -o - | wireshark -k -i -
      All of its flows, straight into Wireshark.
  capkeep slice capture.cap --flow 1:LQU9qZlK+B5F3KDmev6m5PMibrg= -o flow.pcapng
      One flow.
  capkeep slice ring/ --filter 'host 10.0.0.4 and udp port 53' -o dns.pcapng
      What matches, of everything in a folder.
  capkeep slice capture:slow --finding retransmissions:1 -o evidence.pcapng
      Straight out of storage.
  ssh host tcpdump -w - -c 10000 | capkeep slice - --filter 'tcp port 443' -o https.pcapng
      From standard input.

Exit codes:
  0  done
  1  done, but a capture could not be read to its end
  2  error: nothing matched, or the command line is wrong";

/// Numbers of packets.
type Numbers = BTreeSet<(u64, u64)>;

/// Reads `5,9-20`; ranges may be written with `..` as well.
fn numbers(text: &str) -> Result<Numbers, String> {
    let wrong = || format!("`{text}` is not a list of packets such as 5,9-20");
    let mut list = Numbers::new();
    for part in text.split(',').map(str::trim) {
        let (start, end) = part.split_once("..").or_else(|| part.split_once('-')).unwrap_or((part, part));
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
        let range = number(start).zip(number(end)).filter(|(start, end)| start <= end);
        list.insert(range.ok_or_else(wrong)?);
    }
    Ok(list)
}

/// Which packets are wanted.
enum Wanted {
    /// By capture and number; and all of flows.
    Found(Packets, HashSet<String>),
    Flow(HashSet<String>),
    Filter(Filter),
    Numbers(Numbers),
}

impl Slice {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        // The runtime that fetches lives as long as the streams are read.
        let mut distant = Distant::new(&self.azure, &self.storage, None);
        let inputs = Inputs::expand(&self.captures, &mut |target| distant.streams(target))?;
        let to_stdout = self.output.as_os_str() == "-";
        if !to_stdout && inputs.contains(&self.output) {
            return Err(hinted("the output is one of the captures", "they are never changed"));
        }
        if !to_stdout && !self.force && self.output.symlink_metadata().is_ok() {
            return Err(hinted(format!("{} is there already", self.output.display()), "--force replaces it"));
        }
        let sources: Vec<Source> = inputs.list.into_iter().map(Source::new).collect();
        let unfinished = interrupt::guarded(
            || {
                let output = (!to_stdout).then_some(self.output.as_path());
                Unfinished::create(output, &sources, self.finding.is_some())
            },
            Unfinished::paths,
        )?;
        let (wanted, sources, what) = self.wanted(unfinished.fill(sources)?)?;
        let names: Vec<String> = sources.iter().map(|source| source.name.display().to_string()).collect();
        let comment = format!("{what}, cut by capkeep out of {}", names.join(", "));
        let Some(temporary) = &unfinished.output else {
            let out = BufWriter::new(io::stdout().lock());
            return told(&cut(&sources, &wanted, &comment, out)?.0);
        };
        let out: BufWriter<&File> = BufWriter::new(temporary.as_file());
        let (cut, _) = cut(&sources, &wanted, &comment, out)?;
        if let (Some(temporary), true) = (unfinished.output, cut.packets > 0) {
            let kept = if self.force {
                temporary.persist(&self.output)
            } else {
                temporary.persist_noclobber(&self.output)
            };
            kept.map_err(|error| error.error)
                .with_context(|| format!("cannot write {}", self.output.display()))?;
        }
        told(&cut)
    }

    /// What is wanted, the sources in the order in which they are numbered, and what it is in words.
    fn wanted(&self, sources: Vec<Source>) -> anyhow::Result<(Wanted, Vec<Source>, String)> {
        if let Some(id) = &self.finding {
            return self.of_finding(id, &sources);
        }
        if let Some(flow) = &self.flow {
            return Ok((Wanted::Flow([flow.clone()].into()), sources, format!("flow {flow}")));
        }
        if let Some(text) = &self.filter {
            let filter = Filter::parse(text).map_err(|error| {
                let indent = " ".repeat(text.chars().take(error.position).count());
                hinted(format!("--filter: {}", error.what), format!("{text}\n{indent}^"))
            })?;
            return Ok((Wanted::Filter(filter), sources, format!("packets that match {text}")));
        }
        if sources.len() > 1 {
            return Err(hinted("--packets needs one capture", "numbers are counted in each file anew"));
        }
        let list = self.packets.clone().unwrap_or_default();
        Ok((Wanted::Numbers(list), sources, "packets by number".to_owned()))
    }

    fn of_finding(&self, id: &str, sources: &[Source]) -> anyhow::Result<(Wanted, Vec<Source>, String)> {
        let detector = detector(id)?.id();
        let number = match id.split_once(':') {
            None => 1,
            Some((_, number)) => number.parse().map_err(|_| {
                hinted(format!("{number} is not the number of a finding"), "such as retransmissions:2")
            })?,
        };
        let settings = thresholds::read(self.thresholds.as_deref())?;
        let inputs: Vec<Input> = sources.iter().map(|source| source.input.clone()).collect();
        let (analysis, findings) = detect(&inputs, Detection::new(settings));
        let of_detector = findings.of(detector).count();
        let Some((_, finding)) = findings.of(detector).find(|(place, _)| *place == number) else {
            let what = match of_detector {
                0 => format!("there is no finding of {detector} in it"),
                n => format!("there are {n} findings of {detector}, no number {number}"),
            };
            return Err(hinted(what, "`capkeep analyze` lists the findings"));
        };
        let of_path = |path: &PathBuf| {
            let is_it = |source: &&Source| matches!(&source.input, Input::File(read) if read == path);
            sources.iter().find(is_it).cloned()
        };
        // Segments of a ring buffer are read in another order than they may have been named in.
        let sources = analysis.captures.iter().filter_map(|capture| of_path(&capture.path)).collect();
        let flows: HashSet<String> =
            if self.whole_flows { finding.flows.ids.iter().cloned().collect() } else { HashSet::new() };
        if finding.packets.numbers.is_empty() && flows.is_empty() {
            let hint = if finding.flows.ids.is_empty() {
                "it is about the capture as a whole"
            } else {
                "--whole-flows takes all of its flows"
            };
            return Err(hinted("this finding names no packet", hint));
        }
        if !finding.packets.is_complete() && !self.whole_flows {
            let what = format!(
                "it has {} packets, of which the first are named; --whole-flows takes all of its flows",
                finding.packets.count
            );
            warn(id, &what);
        }
        let what = format!("finding {detector}:{number} ({})", finding.sentence);
        Ok((Wanted::Found(finding.packets.clone(), flows), sources, what))
    }
}

/// Reads everything and asks the detectors, as `capkeep analyze` does.
fn detect(inputs: &[Input], detection: Detection) -> (Analysis, Findings) {
    let detection = Mutex::new(detection);
    let observer = |event: Event<'_>| {
        if let Event::Flows(flows) = event {
            detection.lock().unwrap_or_else(PoisonError::into_inner).observe(flows);
        }
    };
    let analysis = capkeep_flow::analyze(inputs, &Options::default(), &observer);
    let findings = detection.into_inner().unwrap_or_else(PoisonError::into_inner).finish(&analysis);
    (analysis, findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_packets_are_read_as_people_write_them() {
        assert_eq!(numbers("5"), Ok([(5, 5)].into()));
        assert_eq!(numbers("5, 9-20,30..31"), Ok([(5, 5), (9, 20), (30, 31)].into()));
        for wrong in ["", "0", "9-5", "a", "1,,2", "-3"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }
}
