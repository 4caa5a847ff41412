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
    let mut kinds: Vec<(&String, &Kind)> = picture.kinds.iter().collect();
    kinds.sort_by(|one, other| {
        other
            .1
            .worst()
            .cmp(&one.1.worst())
            .then(other.1.sessions.cmp(&one.1.sessions))
            .then(one.0.cmp(other.0))
    });
    let (bad, good): (Vec<_>, Vec<_>) =
        kinds.into_iter().partition(|(_, kind)| kind.worst() >= Level::Warning);
    let mut lines: Vec<Headline> = bad
        .iter()
        .take(MOST)
        .map(|(detector, kind)| Headline {
            level: kind.worst(),
            words: words(detector, kind, picture.totals.captures),
            to: Some(format!("#{}", super::findings::card_id(detector))),
        })
        .collect();
    let broken = picture.totals.captures_with_errors;
    if broken > 0 {
        let all = counted(picture.totals.captures, "capture file", "capture files");
        let words = format!("{broken} of {all} could not be read, or not to the end");
        let place = lines.partition_point(|line| line.level > Level::Warning);
        lines.insert(place, Headline { level: Level::Warning, words, to: Some("#skipped".into()) });
    }
    if bad.len() > MOST {
        lines.push(Headline {
            level: Level::Warning,
            words: format!("{} of findings more", counted((bad.len() - MOST) as u64, "kind", "kinds")),
            to: Some("#findings".into()),
        });
    }
    if lines.is_empty() {
        let words = if picture.totals.packets == 0 {
            "No packets"
        } else {
            "Nothing is wrong, as far as the captures show"
        };
        lines.push(Headline { level: Level::Fine, words: words.into(), to: None });
    }
    let notes: u64 = good.iter().map(|(_, kind)| kind.all()).sum();
    if notes > 0 {
        lines.push(Headline {
            level: Level::Note,
            words: format!("{} worth knowing", counted(notes, "thing", "things")),
            to: Some("#findings".into()),
        });
    }
    lines
}

/// A kind of finding in one sentence: what, where, how much.
fn words(detector: &str, kind: &Kind, captures: u64) -> String {
    if let ([one], 1) = (kind.instances.as_slice(), kind.all()) {
        return capital(&format!("{}: {}", one.finding.subject, one.finding.sentence));
    }
    let most = kind.hosts.iter().max_by_key(|(host, count)| (**count, std::cmp::Reverse((*host).clone())));
    let place = match (most, kind.hosts.len()) {
        (None, _) => String::new(),
        (Some((host, _)), 1) => format!(" at {host}"),
        (Some((host, _)), all) => {
            format!(" at {host} and {}", counted(all as u64 - 1, "other host", "other hosts"))
        }
    };
    let within =
        if captures > 1 { format!(", in {} of {captures} captures", kind.sessions) } else { String::new() };
    let found = counted(kind.all(), "finding", "findings");
    capital(&format!("{}{place}: {found}{within}", title(detector)))
}

/// With a capital letter, as a sentence begins.
fn capital(words: &str) -> String {
    let mut rest = words.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// What a detector finds, in a few words.
pub(super) fn title(detector: &str) -> &str {
    DETECTORS.iter().find(|known| known.id() == detector).map_or(detector, |known| known.about().title)
}
