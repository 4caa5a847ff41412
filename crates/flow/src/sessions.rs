//! Which files belong together: the segments of a ring buffer are one capture in pieces.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use capkeep_pcap::{Batch, LinkType, Reader, Timestamp};

use crate::options::Input;

/// Groups inputs into sessions whose flows cross file edges.
///
/// Files are stitched where their names say that they are segments (see [`segment_name`]), their numbers follow on
/// each other, their link types agree, and no segment begins before the one in front of it did. A mere counter at
/// the end of a name proves less: such files must also go on where the one before ended, within [`LONGEST_GAP`].
/// Everything else stays apart, in the order given.
pub(crate) fn group(inputs: &[Input], merge: bool) -> Vec<Vec<Input>> {
    if merge {
        return if inputs.is_empty() { Vec::new() } else { vec![inputs.to_vec()] };
    }
    let mut candidates: BTreeMap<(PathBuf, Series), Vec<(u64, usize)>> = BTreeMap::new();
    for (index, input) in inputs.iter().enumerate() {
        if let Input::File(path) = input
            && let Some((series, number)) = segment_name(path)
        {
            let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
            candidates.entry((folder, series)).or_default().push((number, index));
        }
    }
    // Position of the first segment → the inputs of its session, in order.
    let mut stitched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut taken = vec![false; inputs.len()];
    for ((_, series), mut segments) in candidates.into_iter().filter(|(_, segments)| segments.len() > 1) {
        segments.sort_unstable();
        for run in runs(inputs, &segments, series.is_counter) {
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

/// Longest silence between two files of a mere counter (chosen: a ring buffer goes on with the next packet; a minute
/// without one is rare on a host somebody captures on).
const LONGEST_GAP: i64 = 60_000_000_000;

/// Stretches of segments that follow on each other, two files at least.
fn runs(inputs: &[Input], segments: &[(u64, usize)], is_counter: bool) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    let mut previous: Option<(u64, Extent)> = None;
    for (number, index) in segments {
        let Some(extent) = inputs.get(*index).and_then(|input| extent(input, is_counter)) else {
            previous = None;
            continue;
        };
        let follows = previous.is_some_and(|(before, earlier)| {
            *number == before + 1
                && earlier.link_type == extent.link_type
                && earlier.first <= extent.first
                && (!is_counter || (0..=LONGEST_GAP).contains(&extent.first.since(earlier.last)))
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

/// Where a file lies in time.
#[derive(Clone, Copy)]
struct Extent {
    first: Timestamp,
    /// Of the last packet; of the first one where nobody asked.
    last: Timestamp,
    link_type: LinkType,
}

/// Looks at the first packet of a file, and reads on to the last one `to_the_end`; `None` if there is none.
fn extent(input: &Input, to_the_end: bool) -> Option<Extent> {
    let Input::File(path) = input else { return None };
    let mut reader = Reader::open(path).ok()?;
    let packet = reader.next_packet().ok()??.frame;
    let mut extent = Extent { first: packet.timestamp, last: packet.timestamp, link_type: packet.link_type };
    if to_the_end {
        let mut batch = Batch::default();
        while let Ok(true) = reader.next_batch(&mut batch) {
            extent.last = batch.frames.iter().map(|frame| frame.timestamp).fold(extent.last, Ord::max);
        }
    }
    Some(extent)
}

/// What the segments of one capture have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    /// The name without the number.
    name: String,
    /// True where nothing but a counter at the end says so.
    is_counter: bool,
}

/// The series a segment's name belongs to and its number in it.
///
/// - `name_00001_20240131120000.pcap`: Wireshark and dumpcap; the number, whatever the time.
/// - `name.pcap1`, `name.pcap02`: tcpdump `-C`; the file without a number is the first.
/// - `name_1.cap`, `name-0001.cap`, `name(2).cap`, `name.3.cap`: a counter of at most six digits at the end.
fn segment_name(path: &Path) -> Option<(Series, u64)> {
    let series = |name, is_counter| Series { name, is_counter };
    let name = path.file_name()?.to_str()?;
    let (stem, extension) = split_extension(name);
    // tcpdump appends its number to the extension.
    let bare = extension.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = extension.get(bare.len()..).unwrap_or_default();
    if CAPTURE_EXTENSIONS.contains(&bare) && digits.len() <= 6 && !digits.is_empty() {
        return Some((series(format!("{stem}.{bare}"), false), digits.parse().ok()?));
    }
    let fields: Vec<&str> = stem.split('_').collect();
    if let [head @ .., number, time] = fields.as_slice()
        && !head.is_empty()
        && all_digits(number)
        && number.len() == 5
        && all_digits(time)
        && time.len() == 14
    {
        let name = format!("{}_#.{extension}", head.join("_"));
        return Some((series(name, false), number.parse().ok()?));
    }
    let trimmed = stem.strip_suffix(')').unwrap_or(stem);
    let prefix = trimmed.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = trimmed.get(prefix.len()..).unwrap_or_default();
    let separated = prefix.ends_with(['_', '-', '.', '(', ' ']);
    if digits.is_empty() {
        // Perhaps tcpdump's first file.
        return CAPTURE_EXTENSIONS
            .contains(&extension)
            .then(|| (series(format!("{stem}.{extension}"), false), 0));
    }
    // Azure's own names end in a time of day, `packetcapture_HH_MM_SS_mmm`: not a counter.
    let is_time = is_capture_time(stem);
    let number = digits.parse().ok()?;
    (separated && digits.len() <= 6 && !is_time)
        .then(|| (series(format!("{prefix}#.{extension}"), true), number))
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

/// True for names that end in `_HH_MM_SS_mmm`.
fn is_capture_time(stem: &str) -> bool {
    let fields: Vec<&str> = stem.rsplitn(5, '_').collect();
    match fields.as_slice() {
        [millis, seconds, minutes, hours, _] => {
            millis.len() == 3
                && [seconds, minutes, hours].iter().all(|field| field.len() == 2 && all_digits(field))
                && all_digits(millis)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segment_names_are_told_from_times_of_day() {
        let name = |text: &str| segment_name(Path::new(text)).map(|(series, number)| (series.name, number));
        assert_eq!(name("ring_00002_20240131120000.pcapng"), Some(("ring_#.pcapng".into(), 2)));
        assert_eq!(name("x.pcap12"), Some(("x.pcap".into(), 12)));
        assert_eq!(name("x.pcap"), Some(("x.pcap".into(), 0)));
        assert_eq!(name("a_7.cap"), Some(("a_#.cap".into(), 7)));
        assert_eq!(name("a_7.cap.gz"), Some(("a_#.cap.gz".into(), 7)));
        assert_eq!(name("packetcapture_12_30_01_123.cap"), None);
        assert_eq!(name("host10.cap"), None);
    }
}
