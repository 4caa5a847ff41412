//! The summary: what an analyst asks first, one [`Section`] per question.

mod captures;
mod conversations;
mod findings;
mod health;
mod hosts;
mod outcomes;
mod protocols;
mod services;
mod skipped;
mod timeline;
mod totals;
mod tunnels;

use capkeep_detect::Findings;
use capkeep_flow::Analysis;

pub use captures::{called, names_every_problem, problem};

use crate::table::Block;
use crate::value::{count, counted};

/// Every section, in the order they are shown. A new one is a file here and a line in this slice.
pub const SECTIONS: &[&dyn Section] = &[
    &captures::Captures,
    &totals::Totals,
    &timeline::Timeline,
    &protocols::Protocols,
    &tunnels::Tunnels,
    &services::Services,
    &hosts::Hosts,
    &conversations::Conversations,
    &outcomes::Outcomes,
    &skipped::Skipped,
    &health::Health,
    &findings::Story,
];

/// One question a summary answers.
pub trait Section {
    /// Short unique name, lower case.
    fn name(&self) -> &'static str;
    /// The question it answers.
    fn about(&self) -> &'static str;
    /// The answer; empty if there is nothing to say.
    fn blocks(&self, analysis: &Analysis, view: &View<'_>) -> Vec<Block>;
}

/// How much of an analysis is wanted, and what there is besides it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View<'a> {
    /// Rows in tables of the heaviest.
    pub top: usize,
    /// Files in the folders read that were no captures.
    pub not_captures: u64,
    /// What detectors found, if they were asked.
    pub findings: Option<&'a Findings>,
    /// Command lines that lead on from there.
    pub next: &'a [String],
}

impl Default for View<'_> {
    fn default() -> Self {
        Self { top: 10, not_captures: 0, findings: None, next: &[] }
    }
}

/// All sections of a summary.
pub fn blocks(analysis: &Analysis, view: &View<'_>) -> Vec<Block> {
    SECTIONS.iter().flat_map(|section| section.blocks(analysis, view)).collect()
}

/// Rows of tables that are complete unless a capture is very odd (chosen: more than is ever met).
const ODD: usize = 20;

/// Takes the rows beyond [`ODD`] away and says so.
fn only_odd<T>(rows: &mut Vec<T>, packets: impl Fn(&T) -> u64, many: &str) -> Vec<String> {
    if rows.len() <= ODD {
        return Vec::new();
    }
    let rest = rows.split_off(ODD);
    let sum = rest.iter().map(packets).fold(0, u64::saturating_add);
    vec![format!("and {} {many} more, {}", count(rest.len() as u64), counted(sum, "packet", "packets"))]
}

/// What stands below a table of the heaviest: how many more there are, and whether the counts are exact.
fn top_notes(shown: usize, held: usize, others: u64, one: &str, many: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let more = held.saturating_sub(shown) as u64 + others;
    if more > 0 {
        notes.push(format!("and {} more", counted(more, one, many)));
    }
    if others > 0 {
        notes.push(format!(
            "lower bounds: more than {} were seen, and the lightest were dropped on the way",
            count(held as u64)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::terminal::Page;

    #[test]
    fn sections_have_unique_names_and_say_what_they_answer() {
        let mut seen = HashSet::new();
        for section in SECTIONS {
            assert!(seen.insert(section.name()), "{} twice", section.name());
            assert!(section.about().ends_with('?'), "{}", section.name());
        }
    }

    #[test]
    fn an_empty_analysis_says_little_and_does_not_panic() {
        let text = Page { width: 80, color: false }.draw(&blocks(&Analysis::default(), &View::default()));
        assert!(text.contains("0 packets"), "{text}");
    }

    #[test]
    fn every_section_fits_every_page() {
        use unicode_width::UnicodeWidthStr;
        let analysis = crate::fixture::analysis();
        for width in [40, 60, 80, 100, 120, 160, 240] {
            let text = Page { width, color: false }.draw(&blocks(&analysis, &View::default()));
            for line in text.lines() {
                // The narrowest pages keep the columns that must stay.
                assert!(line.width() <= width.max(72), "{width}: {}\n{text}", line.width());
            }
        }
    }

    #[test]
    fn a_summary_names_what_was_counted() {
        let text =
            Page { width: 160, color: false }.draw(&blocks(&crate::fixture::analysis(), &View::default()));
        for words in [
            "edge.pcapng",
            "cut short",
            "1,002,061",
            "https 443/tcp",
            "tls; also ssh",
            "edge.example.net (+1)",
            "2001:db8:1234:5678:9abc:def0:1234:5678",
            "vxlan",
            "established and closed",
            "lldp",
            "peak",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn hostile_names_stay_in_their_places() {
        let mut analysis = crate::fixture::analysis();
        let host = crate::fixture::ip("10.0.0.4");
        for name in ["\x1b[31mred\r\n", "\u{202e}moc.elpmaxe", "=cmd|' /C calc'!A0", "\u{fe0f}\u{200b}\u{7f}"]
        {
            analysis.names = capkeep_flow::Names::default();
            analysis.names.add(host, name, 1);
            for width in [40, 80, 120, 240] {
                let text = Page { width, color: false }.draw(&blocks(&analysis, &View::default()));
                assert!(text.chars().all(|c| c == '\n' || !crate::terminal::is_hostile(c)), "{text:?}");
            }
        }
    }

    #[test]
    fn odd_captures_do_not_make_endless_tables() {
        let mut analysis = crate::fixture::analysis();
        let capture = analysis.captures.first_mut().unwrap();
        capture.skipped = (0..5_000).map(|n| (capkeep_pcap::SkipReason::EtherType(n), 1)).collect();
        capture.facts.other_records = (0..5_000).map(|n| (format!("kind {n}"), 1)).collect();
        capture.link_types = (0..5_000).map(|n| (capkeep_pcap::LinkType(n), 1)).collect();
        let counts = capkeep_flow::Counts { packets: 1, wire_bytes: 1 };
        analysis.protocols = (0..=255).map(|n| (capkeep_flow::Protocol::Ip(n), counts)).collect();
        let text = Page { width: 80, color: false }.draw(&blocks(&analysis, &View::default()));
        assert!(text.lines().count() < 120, "{text}");
        assert!(text.contains("and 4,980 reasons more, 4,980 packets"), "{text}");
    }

    #[test]
    fn many_captures_become_a_table_with_the_worst_first() {
        let mut analysis = crate::fixture::analysis();
        let one = analysis.captures.first().cloned().unwrap();
        for i in 0..40 {
            let mut capture = one.clone();
            capture.path = format!("ring/part-{i:03}.pcap").into();
            capture.error = (i == 17).then(|| capkeep_flow::CaptureError {
                message: "file is cut short at byte 77: packet record needs 16 bytes, 3 are left".into(),
                brief: "cut short at byte 77".into(),
                offset: Some(77),
            });
            analysis.captures.push(capture);
        }
        let view = View { not_captures: 3, ..View::default() };
        let text = Page { width: 100, color: false }.draw(&blocks(&analysis, &view));
        let first = text.lines().position(|line| line.contains("part-017")).unwrap();
        assert!(first < 6, "{text}");
        assert!(text.contains("  cut short at byte 77\n"), "{text}");
        assert!(text.contains("not captures: 3"), "{text}");
        assert!(text.lines().count() < 120, "{text}");
    }
}
