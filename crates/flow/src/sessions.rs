//! Which files belong together: the segments of a ring buffer are one capture in pieces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use capkeep_pcap::{Batch, Format, LinkType, Reader, Timestamp};

use crate::options::Input;

/// Groups inputs into sessions whose flows cross file edges.
///
/// Files are stitched where their names say that they are segments (dumpcap's, tcpdump's, counters) and their numbers follow on
/// each other, and where each goes on where the one before ended, within a minute, with the same link type, snap
/// length, interface name and format. Everything else stays apart, in the order given.
pub fn sessions(inputs: &[Input], merge: bool) -> Vec<Vec<Input>> {
    if merge {
        return if inputs.is_empty() { Vec::new() } else { vec![inputs.to_vec()] };
    }
    let mut candidates: BTreeMap<(PathBuf, String), Vec<(u64, usize)>> = BTreeMap::new();
    for (index, input) in inputs.iter().enumerate() {
        if let Input::File(path) = input
            && let Some((series, number)) = segment_name(path)
        {
            candidates.entry((folder(path), series)).or_default().push((number, index));
        }
    }
    // tcpdump's first file has no number: `x.pcap` in front of `x.pcap1`.
    for (index, input) in inputs.iter().enumerate() {
        if let Input::File(path) = input
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
            && let Some(segments) = candidates.get_mut(&(folder(path), name.to_owned()))
            && segments.iter().all(|(number, _)| *number != 0)
        {
            segments.push((0, index));
        }
    }
    // Position of the first segment → the inputs of its session, in order.
    let mut stitched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut taken = vec![false; inputs.len()];
    for mut segments in candidates.into_values().filter(|segments| segments.len() > 1) {
        segments.sort_unstable();
        for run in runs(inputs, &segments) {
            let first = run.iter().copied().min().unwrap_or_default();
            for index in &run {
                if let Some(flag) = taken.get_mut(*index) {
                    *flag = true;
                }
            }
            stitched.insert(first, run);
        }
    }
    let mut sessions = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        if let Some(run) = stitched.get(&index) {
            sessions.push(run.iter().filter_map(|member| inputs.get(*member).cloned()).collect());
        } else if !taken.get(index).copied().unwrap_or(false) {
            sessions.push(vec![input.clone()]);
        }
    }
    sessions
}

/// Longest silence between two segments (chosen: a ring buffer goes on with the next packet; a minute without one is
/// rare on a host somebody captures on).
const LONGEST_GAP: i64 = 60_000_000_000;

/// Stretches of segments that follow on each other, two files at least.
fn runs(inputs: &[Input], segments: &[(u64, usize)]) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    let mut previous: Option<(u64, Extent)> = None;
    for (number, index) in segments {
        let Some(extent) = inputs.get(*index).and_then(extent) else {
            previous = None;
            continue;
        };
        let follows = previous.as_ref().is_some_and(|(before, earlier)| {
            *number == before + 1
                && earlier.origin == extent.origin
                && earlier.first <= extent.first
                && (0..=LONGEST_GAP).contains(&extent.first.since(earlier.last))
        });
        match runs.last_mut() {
            Some(run) if follows => run.push(*index),
            _ => runs.push(vec![*index]),
        }
        previous = Some((*number, extent));
    }
    runs.retain(|run| run.len() > 1);
    runs
}

/// Where a file lies in time, and what it was captured from.
struct Extent {
    first: Timestamp,
    last: Timestamp,
    origin: (LinkType, Option<Format>, u32, Option<String>),
}

/// Reads a candidate to its end; `None` if it is no file or has no packet. Names alone prove too little: captures of
/// different hosts may be numbered as well.
fn extent(input: &Input) -> Option<Extent> {
    let Input::File(path) = input else { return None };
    if !path.is_file() {
        return None;
    }
    let mut reader = Reader::open(path).ok()?;
    let mut batch = Batch::default();
    let mut span: Option<(Timestamp, Timestamp, LinkType)> = None;
    while let Ok(true) = reader.next_batch(&mut batch) {
        for frame in batch.frames.iter().filter(|frame| frame.has_time) {
            let at = frame.timestamp;
            let (first, last, _) = span.get_or_insert((at, at, frame.link_type));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }
    let (first, last, link_type) = span?;
    let interface = reader.facts().interfaces.first();
    let snap_len = interface.map_or(0, |interface| interface.snap_len);
    let name = interface.and_then(|interface| interface.name.clone());
    Some(Extent { first, last, origin: (link_type, reader.facts().format, snap_len, name) })
}

fn folder(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_path_buf()
}

/// The series a segment's name belongs to and its number in it.
///
/// - `name_00001_20240131120000.pcap`: Wireshark and dumpcap; the number, whatever the time.
/// - `name.pcap1`, `name.pcap02`: tcpdump `-C`.
/// - `name_001.cap`, `name-0001.cap`: a counter of three to six digits with leading zeros or as many digits as its
///   neighbours, as rotating programs write it. Not `vm-1.cap`, `10.0.0.4.cap`, `cap-2024-01-31.cap` or
///   `x_12_30_05.cap`: numbers of hosts, addresses and times count something else.
fn segment_name(path: &Path) -> Option<(String, u64)> {
    let name = path.file_name()?.to_str()?;
    let (stem, extension) = split_extension(name);
    // tcpdump appends its number to the extension.
    let (kind, compression) = extension.split_once('.').unwrap_or((extension, ""));
    let bare = kind.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = kind.get(bare.len()..).unwrap_or_default();
    if CAPTURE_EXTENSIONS.contains(&bare) && (1..=6).contains(&digits.len()) {
        let dot = if compression.is_empty() { "" } else { "." };
        return Some((format!("{stem}.{bare}{dot}{compression}"), digits.parse().ok()?));
    }
    let fields: Vec<&str> = stem.split('_').collect();
    if let [head @ .., number, time] = fields.as_slice()
        && !head.is_empty()
        && all_digits(number)
        && number.len() == 5
        && all_digits(time)
        && time.len() == 14
    {
        return Some((format!("{}_#.{extension}", head.join("_")), number.parse().ok()?));
    }
    let prefix = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = stem.get(prefix.len()..).unwrap_or_default();
    let head = prefix.strip_suffix(['_', '-'])?;
    let part_of_more = head.ends_with(|c: char| c.is_ascii_digit());
    let is_counter = (3..=6).contains(&digits.len()) && !part_of_more && !head.is_empty();
    is_counter.then_some((format!("{prefix}#{}.{extension}", digits.len()), digits.parse().ok()?))
}

/// Extensions whose trailing digits are tcpdump's counter.
const CAPTURE_EXTENSIONS: &[&str] = &["pcap", "cap", "pcapng", "dmp"];

/// The name in front of the extension, and the extension with a compression behind it (`pcap.gz`).
fn split_extension(name: &str) -> (&str, &str) {
    let mut at = name.rfind('.').unwrap_or(name.len());
    let compressed = matches!(name.get(at..), Some(".gz" | ".zst" | ".lz4" | ".xz"));
    if compressed && let Some(before) = name.get(..at).and_then(|head| head.rfind('.')) {
        at = before;
    }
    (name.get(..at).unwrap_or(name), name.get(at + 1..).unwrap_or_default())
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_are_told_from_times_of_day() {
        let name = |text: &str| segment_name(Path::new(text));
        assert_eq!(name("ring_00002_20240131120000.pcapng"), Some(("ring_#.pcapng".into(), 2)));
        assert_eq!(name("x.pcap12"), Some(("x.pcap".into(), 12)));
        assert_eq!(name("x.pcap1.gz"), Some(("x.pcap.gz".into(), 1)));
        assert_eq!(name("eth0.pcap1"), Some(("eth0.pcap".into(), 1)));
        assert_eq!(name("a_007.cap"), Some(("a_#3.cap".into(), 7)));
        assert_eq!(name("a_007.cap.gz"), Some(("a_#3.cap.gz".into(), 7)));
        let none = [
            "packetcapture_12_30_01_123.cap",
            "host10.cap",
            "vm-1.cap",
            "10.0.0.4.pcap",
            "cap-2024-01-31.pcap",
            "x_12-00-05.pcap",
            "x.pcap",
        ];
        for text in none {
            assert_eq!(name(text), None, "{text}");
        }
    }
}
