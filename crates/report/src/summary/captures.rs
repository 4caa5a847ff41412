//! What the capture files say of themselves.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use capkeep_flow::{Analysis, Capture};

use super::{Section, View};
use crate::table::{Block, Column, Facts, Table};
use crate::value::{Value, count, counted};

/// Most captures told one by one (chosen: a screen of 50 lines).
const ONE_BY_ONE: usize = 8;
/// Rows of the table otherwise (chosen).
const ROWS: usize = 20;
/// Most interfaces, link types and kinds of records named (chosen).
const SOME: usize = 6;
/// Most comments shown (chosen).
const COMMENTS: usize = 3;
/// Most characters of the name of the program that wrote a file (chosen: one line of 80 columns).
const APPLICATION: usize = 60;
/// Widest file name that is kept whole before columns are left out (chosen: half of a page of 120 columns).
const NAME: usize = 60;

pub(super) struct Captures;

impl Section for Captures {
    fn name(&self) -> &'static str {
        "captures"
    }

    fn about(&self) -> &'static str {
        "what was read, what does it say of itself, and could it be read to its end?"
    }

    fn blocks(&self, analysis: &Analysis, _view: &View<'_>) -> Vec<Block> {
        let captures = &analysis.captures;
        if captures.len() > ONE_BY_ONE {
            return vec![Block::Table(many(captures))];
        }
        let alone = captures.len() == 1;
        captures.iter().map(|capture| Block::Facts(one(capture, alone))).collect()
    }
}

/// How a capture is called: its path, or what `-` stands for.
pub fn called(capture: &Capture) -> String {
    if capture.path.as_os_str() == "-" { "standard input".into() } else { capture.path.display().to_string() }
}

/// The error of a capture in one line, its offset included.
pub fn problem(capture: &Capture) -> Option<String> {
    let error = capture.error.as_ref()?;
    Some(match error.offset {
        // The reader's messages name the offset where it means something.
        Some(offset) if !error.message.contains(&offset.to_string()) => {
            format!("{} (byte {offset})", error.message)
        }
        _ => error.message.clone(),
    })
}

/// True if the summary names every capture that could not be read to its end.
pub fn names_every_problem(analysis: &Analysis) -> bool {
    let captures = &analysis.captures;
    captures.len() <= ONE_BY_ONE || captures.iter().filter(|capture| capture.error.is_some()).count() <= ROWS
}

/// Names of the link types, and their packets where there are several.
fn links(capture: &Capture) -> Vec<Value> {
    if capture.link_types.is_empty() {
        let mut names: Vec<String> =
            capture.facts.interfaces.iter().map(|interface| interface.link_type.to_string()).collect();
        names.dedup();
        names.truncate(SOME);
        return names.into_iter().map(Value::Text).collect();
    }
    let several = capture.link_types.len() > 1;
    let words = |(link, packets): (&capkeep_pcap::LinkType, &u64)| {
        Value::Text(if several {
            format!("{link} ({})", counted(*packets, "packet", "packets"))
        } else {
            link.to_string()
        })
    };
    some(capture.link_types.iter().map(words))
}

/// The first few values, and how many there are in all.
fn some(mut values: impl ExactSizeIterator<Item = Value>) -> Vec<Value> {
    let all = values.len();
    let mut some: Vec<Value> = values.by_ref().take(SOME).collect();
    if all > SOME {
        some.push(Value::Text(format!("{} in all", count(all as u64))));
    }
    some
}

fn snap_len(capture: &Capture) -> Value {
    let lengths = capture.facts.interfaces.iter().map(|interface| u64::from(interface.snap_len));
    match (lengths.clone().min(), lengths.max()) {
        (Some(least), Some(most)) if least == most && most > 0 => {
            Value::Text(format!("snap length {}", count(most)))
        }
        (Some(least), Some(most)) if most > 0 => {
            Value::Text(format!("snap lengths {} to {}", count(least), count(most)))
        }
        _ => Value::Nothing,
    }
}

/// A program's name and version in one line, without the state of its sources that some add in parentheses:
/// `Dumpcap (Wireshark) 4.0.17 (Git v4.0.17 packaged as …)` is `Dumpcap (Wireshark) 4.0.17`.
fn program(name: &str) -> String {
    let is_sources = |at: &usize| name.get(..*at).is_some_and(|version| version.ends_with(char::is_numeric));
    let end = name.match_indices(" (").map(|(at, _)| at).find(is_sources).unwrap_or(name.len());
    let name = name.get(..end).unwrap_or(name);
    if name.chars().count() <= APPLICATION {
        return name.into();
    }
    name.chars().take(APPLICATION - 1).chain(['…']).collect()
}

fn one(capture: &Capture, alone: bool) -> Facts {
    let facts = &capture.facts;
    let mut out = Facts { title: called(capture), lines: Vec::new() };
    if let Some(problem) = problem(capture) {
        out.line("error", vec![Value::Problem(problem)]);
    }
    let mut format = vec![
        facts.format.map_or(Value::Nothing, |format| Value::text(format.name())),
        facts.compression.map_or(Value::Nothing, |packed| Value::text(packed.name())),
    ];
    format.extend(links(capture));
    format.push(snap_len(capture));
    format.push(capture.file_bytes.map_or(Value::Nothing, Value::Bytes));
    if facts.sections > 1 {
        format.push(Value::Text(counted(u64::from(facts.sections), "section", "sections")));
    }
    out.line("format", format);
    out.line("written by", facts.application.iter().map(|name| Value::Text(program(name))).collect());
    if !alone {
        out.line(
            "packets",
            super::totals::volume(capture.packets, capture.wire_bytes, capture.captured_bytes),
        );
        out.line("time", super::totals::time(capture.first, capture.last));
    }
    let named = facts.interfaces.iter().filter_map(|interface| {
        let name = interface.name.as_deref()?;
        Some(Value::Text(match &interface.filter {
            Some(filter) => format!("{name} [{filter}]"),
            None => name.to_owned(),
        }))
    });
    out.line("interfaces", some(named.collect::<Vec<_>>().into_iter()));
    out.line("losses", drops(capture));
    let times = |n: u64| if n == 1 { "once".to_owned() } else { format!("{} times", count(n)) };
    let mut notes = Vec::new();
    if capture.truncated_packets > 0 {
        notes.push(Value::Text(format!(
            "{} cut by the snap length",
            counted(capture.truncated_packets, "packet", "packets")
        )));
    }
    if capture.time_goes_back > 0 {
        notes.push(Value::Text(format!("time goes back {}", times(capture.time_goes_back))));
    }
    if facts.without_time > 0 {
        notes.push(Value::Text(format!(
            "{} without a time",
            counted(facts.without_time, "packet", "packets")
        )));
    }
    out.line("note", notes);
    let records = facts.other_records.iter();
    out.line(
        "also holds",
        some(records.map(|(kind, n)| {
            Value::Text(counted(*n, &format!("{kind} record"), &format!("{kind} records")))
        })),
    );
    let mut comments: Vec<&String> = Vec::new();
    for comment in &facts.comments {
        if comments.len() < COMMENTS && !comments.contains(&comment) {
            comments.push(comment);
            out.line("comment", vec![Value::text(comment)]);
        }
    }
    if facts.comment_count > comments.len() as u64 {
        out.line("", vec![Value::Text(format!("{} comments in all", count(facts.comment_count)))]);
    }
    out
}

/// Packets lost before they reached the file, summed over the interfaces.
fn drops(capture: &Capture) -> Vec<Value> {
    let drops = || capture.facts.interfaces.iter().map(|interface| interface.drops);
    let sum = |each: &dyn Fn(capkeep_pcap::Drops) -> Option<u64>| {
        drops().filter_map(each).reduce(u64::saturating_add)
    };
    let words = |n: Option<u64>, how: &str| match n {
        Some(n) => Value::Text(format!("{} {how}", counted(n, "packet", "packets"))),
        None => Value::Nothing,
    };
    vec![
        words(sum(&|d| d.by_interface), "dropped by the interface"),
        words(sum(&|d| d.by_system), "dropped by the system"),
        words(sum(&|d| d.between_packets), "missing between others"),
    ]
}

fn many(captures: &[Capture]) -> Table {
    let folder = common_folder(captures.iter().map(|capture| capture.path.as_path()));
    // What needs a look first, then the most bytes; the files of a session stay together, in their order.
    let mut session_bytes: BTreeMap<u32, u64> = BTreeMap::new();
    for capture in captures {
        *session_bytes.entry(capture.session).or_default() += capture.wire_bytes;
    }
    let mut order: Vec<&Capture> = captures.iter().collect();
    order.sort_by_key(|capture| {
        let bytes = session_bytes.get(&capture.session).copied().unwrap_or(0);
        (capture.error.is_none(), Reverse(bytes), capture.session)
    });
    let damaged = captures.iter().filter(|capture| capture.error.is_some()).count();
    let file_name = |capture: &&Capture| {
        capture.path.file_name().map_or(0, |name| name.to_string_lossy().chars().count())
    };
    // Room for the longest name and for an elided folder before it.
    let room = order.iter().take(ROWS).map(file_name).max().unwrap_or(0) + "…/".chars().count();
    let mut columns = vec![
        Column::words("capture").at_least(room.min(NAME) as u8),
        Column::words("format").drop(4),
        Column::number("packets"),
        Column::number("bytes").drop(1),
        Column::words("from").drop(5),
        Column::number("span").drop(3),
    ];
    if damaged > 0 {
        columns.push(Column::words("could not be read").whole());
    }
    let row = |capture: &&Capture| {
        let name = folder.as_deref().and_then(|folder| capture.path.strip_prefix(folder).ok());
        let facts = &capture.facts;
        let format = match (facts.format, facts.compression) {
            (Some(format), Some(packed)) => Value::Text(format!("{} in {}", format.name(), packed.name())),
            (Some(format), None) => Value::text(format.name()),
            _ => Value::Nothing,
        };
        let span = capture.last.zip(capture.first).map(|(last, first)| last.since(first));
        let mut row = vec![
            Value::Path(name.map_or_else(|| called(capture), |name| name.display().to_string())),
            format,
            Value::Count(capture.packets),
            Value::Bytes(capture.wire_bytes),
            capture.first.map_or(Value::Nothing, |at| Value::Text(crate::time::utc_seconds(at))),
            span.map_or(Value::Nothing, Value::Span),
        ];
        if damaged > 0 {
            let brief = capture.error.as_ref().map(|error| error.brief.clone());
            row.push(brief.map_or(Value::Nothing, Value::Problem));
        }
        row
    };
    let title = match &folder {
        Some(folder) => format!("Captures in {}", folder.display()),
        None => "Captures".into(),
    };
    let mut notes = Vec::new();
    if order.len() > ROWS {
        let hidden = order.iter().skip(ROWS).filter(|capture| capture.error.is_some()).count();
        let rest = counted((order.len() - ROWS) as u64, "capture", "captures");
        notes.push(match hidden {
            0 => format!("and {rest} more, read to their ends"),
            _ => format!("and {rest} more, {} of them not read to their ends", count(hidden as u64)),
        });
    }
    Table { title, columns, rows: order.iter().take(ROWS).map(row).collect(), notes }
}

/// The deepest folder all paths lie in.
fn common_folder<'a>(mut paths: impl Iterator<Item = &'a Path>) -> Option<PathBuf> {
    let mut common: Vec<Component<'a>> = paths.next()?.parent()?.components().collect();
    for path in paths {
        let same = common.iter().zip(path.parent()?.components()).take_while(|(a, b)| **a == *b).count();
        common.truncate(same);
    }
    (!common.is_empty()).then(|| common.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_named_in_one_line_without_the_state_of_its_sources() {
        for (name, words) in [
            (
                "Dumpcap (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u3)",
                "Dumpcap (Wireshark) 4.0.17",
            ),
            ("Dumpcap (Wireshark) 4.2.5 (v4.2.5-0-g4aa814ac25a1).", "Dumpcap (Wireshark) 4.2.5"),
            ("etl2pcapng", "etl2pcapng"),
            ("", ""),
        ] {
            assert_eq!(program(name), words);
        }
        assert_eq!(program(&"é".repeat(200)).chars().count(), APPLICATION);
    }

    #[test]
    fn damaged_files_come_first_then_the_most_bytes_and_segments_stay_together() {
        let capture = |path: &str, session, wire_bytes| Capture {
            path: path.into(),
            session,
            wire_bytes,
            ..Capture::default()
        };
        let mut captures = vec![
            capture("x/small.pcap", 0, 5),
            capture("x/ring_00009.pcap", 1, 4),
            capture("x/ring_00010.pcap", 1, 40),
            capture("x/ring_00011.pcap", 1, 4),
            capture("x/big.pcap", 2, 45),
            capture("x/cut.pcap", 3, 1),
        ];
        captures[5].error = Some(capkeep_flow::CaptureError {
            message: "file is cut short".into(),
            brief: "cut short at byte 7".into(),
            offset: Some(7),
        });
        let names: Vec<String> = many(&captures).rows.iter().map(|row| row[0].words()).collect();
        let expected =
            ["cut.pcap", "ring_00009.pcap", "ring_00010.pcap", "ring_00011.pcap", "big.pcap", "small.pcap"];
        assert_eq!(names, expected);
    }

    #[test]
    fn standard_input_is_called_so() {
        let capture = Capture { path: "-".into(), ..Capture::default() };
        assert_eq!(one(&capture, true).title, "standard input");
    }

    #[test]
    fn the_common_folder_is_the_deepest_all_paths_share() {
        let of = |paths: &[&str]| common_folder(paths.iter().map(Path::new));
        assert_eq!(of(&["a/b/c.pcap", "a/b/d/e.pcap"]), Some(PathBuf::from("a/b")));
        assert_eq!(of(&["a.pcap", "b.pcap"]), None);
        assert_eq!(of(&["/x/a.pcap", "/y/b.pcap"]), Some(PathBuf::from("/")));
        assert_eq!(of(&[]), None);
    }
}
