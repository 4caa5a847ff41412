//! What a reader has to know first, the worst first, in plain words.

use capkeep_detect::DETECTORS;

use super::{Kind, Picture};
use crate::card::Level;
use crate::html::Headline;
use crate::value::counted;

/// Most lines about findings (chosen: one screen).
const MOST: usize = 8;

/// The first lines of a report.
pub fn lead(picture: &Picture) -> Vec<Headline> {
    let mut lines = Vec::new();
    let broken = picture.totals.captures_with_errors;
    if broken > 0 {
        lines.push(Headline {
            level: Level::Warning,
            words: format!(
                "{} of {} could not be read, or not to the end",
                broken,
                counted(picture.totals.captures, "capture file", "capture files")
            ),
            to: Some("#captures".into()),
        });
    }
    let mut kinds: Vec<(&String, &Kind)> = picture.kinds.iter().collect();
    kinds.sort_by(|one, other| {
        other
            .1
            .worst()
            .cmp(&one.1.worst())
            .then(other.1.sessions.cmp(&one.1.sessions))
            .then(one.0.cmp(other.0))
    });
    let is_bad = |kind: &Kind| kind.worst() >= Level::Warning;
    for (detector, kind) in kinds.iter().filter(|(_, kind)| is_bad(kind)).take(MOST) {
        lines.push(Headline {
            level: kind.worst(),
            words: words(detector, kind, picture.totals.captures),
            to: Some(format!("#{}", super::findings::card_id(detector))),
        });
    }
    let bad = kinds.iter().filter(|(_, kind)| is_bad(kind)).count();
    if bad > MOST {
        lines.push(Headline {
            level: Level::Warning,
            words: format!("and {} of findings more", counted((bad - MOST) as u64, "kind", "kinds")),
            to: Some("#findings".into()),
        });
    }
    let notes: u64 = kinds.iter().filter(|(_, kind)| !is_bad(kind)).map(|(_, kind)| kind.all()).sum();
    if notes > 0 {
        lines.push(Headline {
            level: Level::Note,
            words: format!("{} worth knowing", counted(notes, "thing", "things")),
            to: Some("#findings".into()),
        });
    }
    if bad == 0 && broken == 0 {
        let words = if picture.totals.packets == 0 {
            "no packets".to_owned()
        } else {
            "nothing is wrong, as far as the captures show".to_owned()
        };
        lines.insert(0, Headline { level: Level::Fine, words, to: None });
    }
    lines
}

/// A kind of finding in one sentence.
fn words(detector: &str, kind: &Kind, captures: u64) -> String {
    let first = kind.instances.first();
    if kind.all() == 1
        && let Some(one) = first
    {
        return format!("{}: {}", one.finding.subject, one.finding.sentence);
    }
    let title = title(detector);
    let hosts = match kind.hosts.len() as u64 {
        0 => String::new(),
        n => format!(", {}", counted(n, "host", "hosts")),
    };
    let within = if captures > 1 {
        format!(" in {}", counted(kind.sessions, "capture", "captures"))
    } else {
        String::new()
    };
    format!("{title}: {}{within}{hosts}", counted(kind.all(), "finding", "findings"))
}

/// What a detector finds, in a few words.
pub(super) fn title(detector: &str) -> &str {
    DETECTORS.iter().find(|known| known.id() == detector).map_or(detector, |known| known.about().title)
}
