//! `capkeep slice`.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use capkeep_detect::{Detection, Findings, Packets};
use capkeep_flow::{Analysis, Event, Input, Options, community_id};
use capkeep_pcap::{Batch, Decoded, Filter, Fragment, PcapNgWriter, Reader, decode};

use super::Done;
use super::explain::detector;
use crate::failure::{hinted, warn};
use crate::inputs::Inputs;
use crate::{interrupt, thresholds};

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
    /// Capture files, folders or patterns, as they were named to `capkeep analyze`
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
        let inputs = Inputs::expand(&self.captures, &mut |target| {
            Err(hinted(format!("{target} is not here"), "`capkeep fetch` brings it; then slice the file"))
        })?;
        let mut files = Vec::new();
        for input in &inputs.list {
            let Input::File(path) = input else {
                return Err(hinted("standard input cannot be cut", "captures are read twice: name a file"));
            };
            files.push(path.clone());
        }
        let to_stdout = self.output.as_os_str() == "-";
        if !to_stdout && inputs.contains(&self.output) {
            return Err(hinted("the output is one of the captures", "they are never changed"));
        }
        if !to_stdout && !self.force && self.output.symlink_metadata().is_ok() {
            return Err(hinted(format!("{} is there already", self.output.display()), "--force replaces it"));
        }
        let (wanted, files, what) = self.wanted(&inputs, files)?;
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let comment = format!("{what}, cut by capkeep out of {}", names.join(", "));
        if to_stdout {
            let out = BufWriter::new(io::stdout().lock());
            return told(&cut(&files, &wanted, &comment, out)?.0);
        }
        let temporary = interrupt::guarded(
            || beside(&self.output).with_context(|| format!("cannot write {}", self.output.display())),
            |temporary| vec![temporary.path().to_owned()],
        )?;
        let out: BufWriter<&File> = BufWriter::new(temporary.as_file());
        let (cut, _) = cut(&files, &wanted, &comment, out)?;
        if cut.packets == 0 {
            return told(&cut);
        }
        let kept = if self.force {
            temporary.persist(&self.output)
        } else {
            temporary.persist_noclobber(&self.output)
        };
        kept.map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", self.output.display()))?;
        told(&cut)
    }

    /// What is wanted, the files in the order in which they are numbered, and what it is in words.
    fn wanted(&self, inputs: &Inputs, files: Vec<PathBuf>) -> anyhow::Result<(Wanted, Vec<PathBuf>, String)> {
        if let Some(id) = &self.finding {
            return self.of_finding(id, inputs);
        }
        if let Some(flow) = &self.flow {
            return Ok((Wanted::Flow([flow.clone()].into()), files, format!("flow {flow}")));
        }
        if let Some(text) = &self.filter {
            let filter = Filter::parse(text).map_err(|error| {
                let indent = " ".repeat(text.chars().take(error.position).count());
                hinted(format!("--filter: {}", error.what), format!("{text}\n{indent}^"))
            })?;
            return Ok((Wanted::Filter(filter), files, format!("packets that match {text}")));
        }
        if files.len() > 1 {
            return Err(hinted("--packets needs one capture", "numbers are counted in each file anew"));
        }
        let list = self.packets.clone().unwrap_or_default();
        Ok((Wanted::Numbers(list), files, "packets by number".to_owned()))
    }

    fn of_finding(&self, id: &str, inputs: &Inputs) -> anyhow::Result<(Wanted, Vec<PathBuf>, String)> {
        let detector = detector(id)?.id();
        let number = match id.split_once(':') {
            None => 1,
            Some((_, number)) => number.parse().map_err(|_| {
                hinted(format!("{number} is not the number of a finding"), "such as retransmissions:2")
            })?,
        };
        let settings = thresholds::read(self.thresholds.as_deref())?;
        let (analysis, findings) = detect(inputs, Detection::new(settings));
        let of_detector = findings.of(detector).count();
        let Some((_, finding)) = findings.of(detector).find(|(place, _)| *place == number) else {
            let what = match of_detector {
                0 => format!("there is no finding of {detector} in it"),
                n => format!("there are {n} findings of {detector}, no number {number}"),
            };
            return Err(hinted(what, "`capkeep analyze` lists the findings"));
        };
        let files: Vec<PathBuf> = analysis.captures.iter().map(|capture| capture.path.clone()).collect();
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
        Ok((Wanted::Found(finding.packets.clone(), flows), files, what))
    }
}

/// Reads everything and asks the detectors, as `capkeep analyze` does.
fn detect(inputs: &Inputs, detection: Detection) -> (Analysis, Findings) {
    let detection = Mutex::new(detection);
    let observer = |event: Event<'_>| {
        if let Event::Flows(flows) = event {
            detection.lock().unwrap_or_else(PoisonError::into_inner).observe(flows);
        }
    };
    let analysis = capkeep_flow::analyze(&inputs.list, &Options::default(), &observer);
    let findings = detection.into_inner().unwrap_or_else(PoisonError::into_inner).finish(&analysis);
    (analysis, findings)
}

/// What was cut out.
#[derive(Default)]
struct Cut {
    packets: u64,
    damaged: BTreeMap<PathBuf, String>,
}

fn told(cut: &Cut) -> anyhow::Result<Done> {
    for (path, problem) in &cut.damaged {
        warn(&path.display().to_string(), problem);
    }
    if cut.packets == 0 {
        return Err(hinted("no packet matches", "nothing was written"));
    }
    Ok(if cut.damaged.is_empty() { Done::Fully } else { Done::Partly })
}

fn cut<W: Write>(files: &[PathBuf], wanted: &Wanted, comment: &str, out: W) -> anyhow::Result<(Cut, W)> {
    let mut cut = Cut::default();
    let mut writer = PcapNgWriter::new(out, comment).context("cannot write")?;
    for (index, path) in (0..).zip(files) {
        if let Err(problem) = cut_file(index, path, wanted, &mut writer)? {
            cut.damaged.insert(path.clone(), problem);
        }
    }
    cut.packets = writer.packets();
    Ok((cut, writer.finish().context("cannot write")?))
}

/// Cuts out of one file; the inner error is one of the file.
fn cut_file<W: Write>(
    index: u32,
    path: &Path,
    wanted: &Wanted,
    writer: &mut PcapNgWriter<W>,
) -> anyhow::Result<Result<(), String>> {
    let problem = |error: capkeep_pcap::Error| Ok(Err(error.to_string()));
    let mut reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(error) => return problem(error),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut batch = Batch::default();
    let mut fragments = Fragments::default();
    loop {
        match reader.next_batch(&mut batch) {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return problem(error),
        }
        for (number, packet) in (batch.first_number..).zip(batch.packets()) {
            let decoded = || decode(packet.frame.link_type, packet.data, packet.frame.wire_len).ok();
            let is_wanted = match wanted {
                Wanted::Numbers(list) => list.iter().any(|(first, last)| (*first..=*last).contains(&number)),
                Wanted::Filter(filter) => {
                    decoded().is_some_and(|decoded| filter.matches(&decoded, packet.frame.wire_len))
                }
                Wanted::Flow(flows) => decoded().is_some_and(|decoded| fragments.are_of(flows, &decoded)),
                Wanted::Found(packets, flows) => {
                    packets.numbers.get(&index).is_some_and(|numbers| numbers.contains(&number))
                        || (!flows.is_empty()
                            && decoded().is_some_and(|decoded| fragments.are_of(flows, &decoded)))
                }
            };
            if is_wanted {
                let interface = reader.facts().interfaces.get(packet.frame.interface as usize);
                writer
                    .packet(&packet, interface, &format!("packet {number} of {name}"))
                    .with_context(|| format!("cannot write packet {number} of {}", path.display()))?;
            }
        }
    }
}

/// Fragments whose first one, with the ports, was of a flow that is wanted.
#[derive(Default)]
struct Fragments(HashSet<(u128, u128, u8, u32)>);

impl Fragments {
    /// Most datagrams remembered (chosen: more are not under way at a time).
    const MOST: usize = 1 << 16;

    /// True if a packet is of one of the flows.
    fn are_of(&mut self, flows: &HashSet<String>, packet: &Decoded) -> bool {
        let key = |id| (packet.source, packet.destination, packet.protocol, id);
        if let Fragment::Later { id, .. } = packet.fragment
            && self.0.contains(&key(id))
        {
            return true;
        }
        let is_of = community_id(packet).is_some_and(|id| flows.contains(&id));
        if let Fragment::First(id) = packet.fragment
            && is_of
            && self.0.len() < Self::MOST
        {
            self.0.insert(key(id));
        }
        is_of
    }
}

/// A new file in the folder of the target, with the rights any new file gets, removed when it is dropped.
fn beside(target: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!(".{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Less the umask.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
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
