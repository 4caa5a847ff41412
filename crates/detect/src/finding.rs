//! What a detector reports.

use std::fmt;

use capkeep_pcap::Timestamp;

use crate::detector::Detector;
use crate::evidence::{Evidence, Flows, Packets};
use crate::subject::Subject;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Something is wrong, or looks as if it were.
    Warning,
    /// Something does not work.
    Critical,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: &'static [Self] = &[Self::Note, Self::Warning, Self::Critical];

    /// Name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// It fits, other things do as well; or the capture undermines it.
    Low,
    /// More likely than not.
    Medium,
    /// There is hardly another explanation.
    High,
}

impl Confidence {
    /// Name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// One step less.
    #[must_use]
    pub const fn lowered(self) -> Self {
        match self {
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

/// A number behind a finding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// What it counts or measures.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit: `packets`, `flows`, `s`, `share` (of 1), `bytes`, …
    pub unit: &'static str,
}

impl Number {
    /// A count.
    pub(crate) const fn count(name: &'static str, value: u64, unit: &'static str) -> Self {
        Self { name, value: value as f64, unit }
    }

    /// A share of a whole; 0 of nothing.
    pub(crate) fn share(name: &'static str, part: u64, whole: u64) -> Self {
        Self { name, value: crate::words::share(part, whole), unit: "share" }
    }

    /// A span in seconds.
    pub(crate) const fn seconds(name: &'static str, nanos: i64) -> Self {
        Self { name, value: nanos as f64 / 1e9, unit: "s" }
    }
}

/// What a detector found, with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Id of the detector.
    pub detector: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// How sure it is.
    pub confidence: Confidence,
    /// What it is about.
    pub subject: Subject,
    /// Time of the first and the last that belongs to it; `None` where nothing of it has a time.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What was found, in one plain sentence.
    pub sentence: String,
    /// The numbers behind it.
    pub numbers: Vec<Number>,
    /// Its flows.
    pub flows: Flows,
    /// Its packets.
    pub packets: Packets,
}

impl Finding {
    /// From what was gathered for it.
    pub(crate) fn new(
        detector: &dyn Detector,
        (severity, confidence): (Severity, Confidence),
        subject: Subject,
        evidence: Evidence,
        sentence: String,
        numbers: Vec<Number>,
    ) -> Self {
        let Evidence { flows, packets, span } = evidence;
        let (detector, flows) = (detector.id(), flows.into());
        Self { detector, severity, confidence, subject, span, sentence, numbers, flows, packets }
    }

    /// A Wireshark display filter (4.0 or later) that selects exactly the packets named of one capture file; `None` if
    /// it names none of that file.
    pub fn display_filter(&self, capture: u32) -> Option<String> {
        self.packets.display_filter(capture)
    }

    /// A Wireshark display filter for what the finding is about, packets before and after it included; `None` if it is
    /// about whole capture files.
    pub fn context_filter(&self) -> Option<String> {
        self.subject.display_filter()
    }
}
