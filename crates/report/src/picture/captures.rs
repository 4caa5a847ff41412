//! What was captured, and can it be trusted?

use capkeep_detect::Quality;
use capkeep_pcap::Timestamp;

use super::kinds::level;
use super::{Chapter, Picture};
use crate::card::Level;
use crate::table::{Block, Column, Facts, Table};
use crate::unit::{CaptureRow, Origin, Unit};
use crate::value::{Value, counted, percent};

pub(super) struct Captures;

/// A capture file in the list of all.
#[derive(Clone, Debug)]
pub struct CaptureLine {
    /// Where it comes from.
    pub origin: Origin,
    /// Its session.
    pub session: String,
    /// Files of the session.
    pub files: usize,
    /// What it holds; without its tables.
    pub row: CaptureRow,
    /// Quality of the session, in words; empty if there is nothing to complain of.
    pub quality: Vec<String>,
    /// The worst finding of the session, or of this file where it is about a file.
    pub worst: Option<(Level, String)>,
    /// Findings of the session.
    pub findings: u64,
}

/// The capture files of a unit.
pub(super) fn lines(unit: &Unit) -> impl Iterator<Item = CaptureLine> + '_ {
    let nothing = Origin::default();
    let files = unit.captures.len();
    (0u32..).zip(&unit.captures).map(move |(index, row)| {
        let of_file = unit.findings.iter().filter(|finding| finding.capture.is_none_or(|of| of == index));
        let worst = of_file.clone().max_by_key(|finding| {
            // Of equals the first.
            (level(&finding.severity), std::cmp::Reverse(finding.id()))
        });
        CaptureLine {
            origin: unit.origins.get(index as usize).unwrap_or(&nothing).clone(),
            session: unit.session.clone(),
            files,
            row: row.clone(),
            quality: complaints(&unit.quality.quality(), row),
            worst: worst.map(|finding| (level(&finding.severity), finding.sentence.clone())),
            findings: of_file.count() as u64,
        }
    })
}

/// What lowers trust in a capture.
fn complaints(quality: &Quality, row: &CaptureRow) -> Vec<String> {
    /// Share from which on it is worth a word (chosen: a percent).
    const SOME: f64 = 0.01;
    let mut words = Vec::new();
    for (share, what) in [
        (quality.copied_share(), "of packets twice"),
        (quality.one_sided_share(), "of connections one-sided"),
        (quality.unseen_share(), "of acknowledged data missing"),
    ] {
        if share >= SOME {
            words.push(format!("{} {what}", percent(share)));
        }
    }
    if row.truncated_packets > 0 {
        words.push(format!(
            "packets cut to {}",
            row.snap_len.filter(|n| *n > 0).map_or("a snap length".into(), |n| format!("{n} bytes"))
        ));
    }
    let lost = [row.drops.by_interface, row.drops.by_system, row.drops.between_packets];
    let lost: u64 = lost.into_iter().flatten().fold(0, u64::saturating_add);
    if lost > 0 {
        words.push(format!("{} lost on the way", counted(lost, "packet", "packets")));
    }
    if row.clock_jumps > 0 {
        words.push("the clock was set back".into());
    }
    words
}

impl Chapter for Captures {
    fn name(&self) -> &'static str {
        "captures"
    }

    fn title(&self) -> &'static str {
        "Captures"
    }

    fn about(&self) -> &'static str {
        "What was captured, and can it be trusted?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let mut blocks = vec![Block::Facts(totals(picture))];
        match picture.captures.as_slice() {
            [] => {}
            [one] => blocks.push(Block::Facts(facts(one))),
            many => blocks.push(Block::Table(table(many, picture))),
        }
        blocks
    }
}

fn totals(picture: &Picture) -> Facts {
    let totals = &picture.totals;
    let mut facts = Facts { title: "In all".into(), lines: Vec::new() };
    let time = |ns: Option<i64>| ns.map_or(Value::Nothing, |ns| Value::Time(Timestamp::from_nanos(ns)));
    facts.line("capture files", vec![Value::Count(totals.captures)]);
    facts.line("packets", vec![Value::Count(totals.packets)]);
    facts.line("on the wire", vec![Value::Bytes(totals.wire_bytes)]);
    facts.line("captured", vec![Value::Bytes(totals.captured_bytes)]);
    facts.line("flows", vec![Value::Count(totals.flows)]);
    facts.line("hosts", vec![Value::Count(picture.hosts.len() as u64)]);
    facts.line("first packet", vec![time(totals.first_ns)]);
    facts.line("last packet", vec![time(totals.last_ns)]);
    if picture.not_captures > 0 {
        facts.line("not captures", vec![Value::text(counted(picture.not_captures, "file", "files"))]);
    }
    facts
}

fn facts(one: &CaptureLine) -> Facts {
    let row = &one.row;
    let mut facts = Facts { title: one.origin.name.clone(), lines: Vec::new() };
    let text = |words: &Option<String>| words.as_ref().map_or(Value::Nothing, Value::text);
    if let Some(error) = &row.error {
        facts.line("problem", vec![Value::Problem(error.message.clone())]);
    }
    facts.line("VM", vec![text(&one.origin.vm)]);
    facts.line("capture", vec![text(&one.origin.capture)]);
    facts.line(
        "stored at",
        vec![one.origin.storage_path.as_ref().map_or(Value::Nothing, |path| Value::Path(path.clone()))],
    );
    facts.line("its capture", vec![exists(&one.origin)]);
    facts.line("format", vec![text(&row.format), text(&row.compression)]);
    let links: Vec<String> = row.link_types.keys().cloned().collect();
    facts.line("link types", vec![Value::text(links.join(", "))]);
    let list = |words: &[String], between| match words {
        [] => Value::Nothing,
        words => Value::text(words.join(between)),
    };
    facts.line("interfaces", vec![list(&row.interfaces, ", ")]);
    facts.line("filters", vec![list(&row.filters, "; ")]);
    facts.line("file", vec![row.file_bytes.map_or(Value::Nothing, Value::Bytes)]);
    facts.line("quality", vec![quality(one)]);
    facts
}

/// Words about the quality of a capture.
fn quality(one: &CaptureLine) -> Value {
    match (one.quality.as_slice(), one.row.packets) {
        (_, 0) => Value::Nothing,
        ([], _) => Value::text("good"),
        (words, _) => Value::Problem(words.join("; ")),
    }
}

fn exists(origin: &Origin) -> Value {
    match origin.capture_exists {
        Some(true) => Value::text("still there"),
        Some(false) => Value::text("deleted"),
        None => Value::Nothing,
    }
}

/// The name of a capture file, leading to its page where there is one.
pub(super) fn link(name: &str, session: &str, picture: &Picture) -> Value {
    match picture.pages {
        Some(folder) => Value::Link { words: name.to_owned(), to: format!("{folder}{session}.html") },
        None => Value::Path(name.to_owned()),
    }
}

fn table(lines: &[CaptureLine], picture: &Picture) -> Table {
    let mut lines: Vec<&CaptureLine> = lines.iter().collect();
    // What needs a look first; otherwise as they came.
    let badness = |one: &CaptureLine| {
        let error = u8::from(one.row.error.is_some());
        std::cmp::Reverse((one.worst.as_ref().map_or(Level::Fine, |(level, _)| *level), error))
    };
    lines.sort_by_key(|one| badness(one));
    let common = common(&lines);
    let rows = lines.iter().map(|one| {
        let row = &one.row;
        let span = row
            .first_ns
            .zip(row.last_ns)
            .map_or(Value::Nothing, |(first, last)| Value::Span(last.saturating_sub(first)));
        let level = one.worst.as_ref().map(|(level, _)| *level);
        let level = if row.error.is_some() { level.max(Some(Level::Warning)) } else { level };
        let worst = match (&row.error, &one.worst) {
            (Some(error), _) => Value::Problem(error.brief.clone()),
            (None, Some((level, sentence))) if *level >= Level::Warning => Value::Problem(sentence.clone()),
            (None, Some((_, sentence))) => Value::text(sentence),
            (None, None) => Value::Nothing,
        };
        let name = one.origin.name.get(common..).unwrap_or(&one.origin.name);
        vec![
            level.map_or(Value::Nothing, Value::Level),
            link(name, &one.session, picture),
            worst,
            one.origin.vm.as_ref().map_or(Value::Nothing, Value::text),
            row.first_ns.map_or(Value::Nothing, seconds),
            span,
            Value::Count(row.packets),
            quality(one),
            if one.findings > 0 { Value::Count(one.findings) } else { Value::Nothing },
            row.file_bytes.map_or(Value::Nothing, Value::Bytes),
            exists(&one.origin),
        ]
    });
    let columns = [
        Column::words("worst"),
        Column::words("capture file"),
        Column::words("what"),
        Column::words("VM").drop(4),
        Column::words("first packet").drop(5),
        Column::number("lasts").drop(6),
        Column::number("packets"),
        Column::words("quality").drop(3),
        Column::number("findings"),
        Column::number("size").drop(7),
        Column::words("its capture").drop(8),
    ];
    let mut table = without_empty("Capture files", &columns, rows.collect());
    if common > 0
        && let Some(folder) = lines.first().and_then(|one| one.origin.name.get(..common))
    {
        table.notes.push(format!("all of them in {folder}"));
    }
    table
}

/// Length of the folder that all names begin with.
fn common(lines: &[&CaptureLine]) -> usize {
    let Some(first) = lines.first().map(|one| one.origin.name.as_str()) else { return 0 };
    let alike = |name: &str| first.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let bytes = lines.iter().map(|one| alike(&one.origin.name)).min().unwrap_or(0);
    let folder = first.as_bytes().get(..bytes).unwrap_or_default();
    folder.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1)
}

/// A time to the second: what is told from one capture to the next.
fn seconds(ns: i64) -> Value {
    const SECOND: i64 = 1_000_000_000;
    Value::Time(Timestamp::from_nanos(ns.div_euclid(SECOND).saturating_mul(SECOND)))
}

/// A table without the columns that have nothing in any row.
pub(super) fn without_empty(title: &str, columns: &[Column], rows: Vec<Vec<Value>>) -> Table {
    let is_used =
        |index: usize| rows.iter().any(|row| row.get(index).is_some_and(|value| *value != Value::Nothing));
    let used: Vec<bool> = (0..columns.len()).map(is_used).collect();
    let keep = |index: usize| used.get(index).copied().unwrap_or(false);
    let pick =
        |row: Vec<Value>| (0..).zip(row).filter(|(index, _)| keep(*index)).map(|(_, value)| value).collect();
    Table {
        title: title.into(),
        columns: (0..).zip(columns).filter(|(index, _)| keep(*index)).map(|(_, column)| *column).collect(),
        rows: rows.into_iter().map(pick).collect(),
        notes: Vec::new(),
    }
}
