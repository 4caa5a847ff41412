//! Flows → findings.
//!
//! [`Detection`] takes flows as they end and asks every [`Detector`] of [`DETECTORS`] what it found; [`verdict`] says
//! in words what a single TCP flow shows. What a finding rests on goes with it: numbers, flows, packets, and the
//! display filters that show them. Memory stays bounded whatever the flows are; the same flows in the same order give
//! the same findings.

pub mod azure;
mod bounded;
mod detection;
mod detector;
mod detectors;
mod evidence;
mod finding;
mod quality;
mod settings;
mod subject;
#[cfg(test)]
mod tests;
mod verdict;
mod words;

pub use detection::{Detection, Findings, VerdictCount};
pub use detector::{About, Context, Detector, Run};
pub use detectors::DETECTORS;
pub use evidence::{Flows, Packets};
pub use finding::{Confidence, Finding, Number, Severity};
pub use quality::Quality;
pub use settings::{Settings, SettingsError, Threshold};
pub use subject::{Party, Subject};
pub use verdict::{Verdict, VerdictKind, verdict};
