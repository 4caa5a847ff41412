//! What is wrong, and where?

use capkeep_detect::DETECTORS;
use capkeep_pcap::Timestamp;

use super::kinds::level;
use super::lead::title;
use super::{Chapter, Instance, Kind, Picture};
use crate::card::{Card, Level};
use crate::table::{Block, Column, Facts, Table};
use crate::value::{Value, count, counted};

pub(super) struct Findings;

impl Chapter for Findings {
    fn name(&self) -> &'static str {
        "findings"
    }

    fn title(&self) -> &'static str {
        "Findings"
    }

    fn about(&self) -> &'static str {
        "What is wrong, and where?"
    }

    fn blocks(&self, picture: &Picture) -> Vec<Block> {
        let mut blocks: Vec<Block> = verdicts(picture).into_iter().collect();
        let mut kinds: Vec<(&String, &Kind)> = picture.kinds.iter().collect();
        kinds.sort_by(|one, other| {
            other
                .1
                .worst()
                .cmp(&one.1.worst())
                .then(other.1.sessions.cmp(&one.1.sessions))
                .then(one.0.cmp(other.0))
        });
        if kinds.is_empty() && picture.totals.packets > 0 {
            blocks.push(Block::Words("No detector found anything.".into()));
        }
        blocks.extend(kinds.into_iter().map(|(detector, kind)| Block::Card(card(detector, kind, picture))));
        blocks
    }
}

/// Name of a kind's card on its page.
pub(super) fn card_id(detector: &str) -> String {
    format!("finding-{}", detector.replace('_', "-"))
}

fn verdicts(picture: &Picture) -> Option<Block> {
    let all: u64 = picture.verdicts.values().sum();
    if all == 0 {
        return None;
    }
    let mut rows: Vec<(&String, &u64)> = picture.verdicts.iter().collect();
    rows.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    let rows = rows.into_iter().map(|(verdict, flows)| {
        vec![
            Value::text(verdict.replace('_', " ")),
            Value::Count(*flows),
            Value::share(*flows, all),
            Value::bar(*flows, all),
        ]
    });
    Some(Block::Table(Table {
        title: format!("Verdict on {}", counted(all, "TCP flow", "TCP flows")),
        columns: vec![
            Column::words("verdict"),
            Column::number("flows"),
            Column::number("share").drop(1),
            Column::words("").drop(2),
        ],
        rows: rows.collect(),
        notes: Vec::new(),
    }))
}

fn card(detector: &str, kind: &Kind, picture: &Picture) -> Card {
    let about = DETECTORS.iter().find(|known| known.id() == detector).map(|known| known.about());
    let mut facts = Facts::default();
    let by_level: Vec<String> = kind
        .counts
        .iter()
        .rev()
        .map(|(level, n)| match level {
            Level::Critical => format!("{} critical", count(*n)),
            Level::Warning => counted(*n, "warning", "warnings"),
            _ => counted(*n, "note", "notes"),
        })
        .collect();
    facts.line("found", vec![Value::text(by_level.join(", ")), within(kind, picture)]);
    facts.line("hosts", hosts(kind));
    let mut evidence = vec![Block::Table(table(kind, picture))];
    if let Some(about) = about {
        facts.line("next", vec![Value::text(about.next)]);
        let mut background = Facts { title: "Background".into(), lines: Vec::new() };
        background.line("means", vec![Value::text(about.meaning)]);
        background.line("on Azure", vec![Value::text(about.azure)]);
        background.line("decided", vec![Value::text(about.decided)]);
        background.line("misses", vec![Value::text(about.misses)]);
        evidence.push(Block::Facts(background));
    }
    if let Some(first) = kind.instances.first() {
        facts.line("filter", filter(first));
        if picture.is_plain {
            facts.line("slice", slice(first));
        }
    }
    facts.line("more", vec![Value::Command(format!("capkeep explain {detector}"))]);
    let words = match kind.instances.first() {
        Some(one) if kind.all() == 1 => format!("{}: {}", one.finding.subject, one.finding.sentence),
        _ => title(detector).to_owned(),
    };
    Card { level: kind.worst(), title: words, id: Some(card_id(detector)), lines: facts.lines, evidence }
}

fn within(kind: &Kind, picture: &Picture) -> Value {
    if picture.captures.len() < 2 {
        return Value::Nothing;
    }
    Value::text(format!("in {}", counted(kind.sessions, "capture", "captures")))
}

/// The hosts that it is about most often.
fn hosts(kind: &Kind) -> Vec<Value> {
    const SHOWN: usize = 5;
    let mut hosts: Vec<(&String, &u64)> = kind.hosts.iter().collect();
    hosts.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    let more = hosts.len().saturating_sub(SHOWN) as u64;
    let mut values: Vec<Value> = hosts.into_iter().take(SHOWN).map(|(host, _)| Value::text(host)).collect();
    if more > 0 {
        values.push(Value::text(format!("and {} more", count(more))));
    }
    values
}

/// The packets in Wireshark; of one file, because numbers are per file.
fn filter(one: &Instance) -> Vec<Value> {
    match one.finding.packets.first() {
        Some(packets) if !packets.display_filter.is_empty() => {
            vec![Value::Command(packets.display_filter.clone())]
        }
        _ => one.finding.context_filter.iter().map(|filter| Value::Command(filter.clone())).collect(),
    }
}

/// The command that cuts the packets out.
fn slice(one: &Instance) -> Vec<Value> {
    let Some([option, id]) = one.finding.slice() else { return Vec::new() };
    let files: Vec<String> = one.files.iter().map(|file| quoted(file)).collect();
    vec![Value::Command(format!("capkeep slice {} {option} {id} -o evidence.pcapng", files.join(" ")))]
}

/// A word as a shell takes it. Control characters make it something that no shell should be given.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=+@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", crate::terminal::visible(word).replace('\'', "'\\''"))
}

fn table(kind: &Kind, picture: &Picture) -> Table {
    let rows = kind.instances.iter().map(|one| {
        let finding = &one.finding;
        let sentence = match level(&finding.severity) {
            Level::Warning | Level::Critical => Value::Problem(finding.sentence.clone()),
            _ => Value::text(&finding.sentence),
        };
        vec![
            Value::Level(level(&finding.severity)),
            one.vm.as_ref().map_or(Value::Nothing, Value::text),
            capture(one, picture),
            Value::text(&finding.subject),
            sentence,
            Value::text(&finding.confidence),
            finding.first_ns.map_or(Value::Nothing, |at| Value::Time(Timestamp::from_nanos(at))),
            Value::Count(finding.packet_count),
        ]
    });
    Table {
        title: "Where".into(),
        columns: vec![
            Column::words("severity"),
            Column::words("VM").drop(4),
            Column::words("capture").drop(3),
            Column::words("about"),
            Column::words("what"),
            Column::words("sure").drop(5),
            Column::words("first").drop(6),
            Column::number("packets").drop(7),
        ],
        rows: rows.collect(),
        notes: super::rest(
            kind.instances.len(),
            usize::try_from(kind.all()).unwrap_or(usize::MAX),
            0,
            "findings",
        ),
    }
}

fn capture(one: &Instance, picture: &Picture) -> Value {
    let name = one.finding.capture.and_then(|index| one.files.get(index as usize)).or(one.files.first());
    let Some(name) = name else { return Value::Nothing };
    super::captures::link(name, &one.session, picture)
}
