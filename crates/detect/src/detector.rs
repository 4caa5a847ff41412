//! What a detector is.

use capkeep_flow::{Analysis, FlowRecord};

use crate::finding::Finding;
use crate::quality::Quality;
use crate::settings::Settings;

/// What people are told of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What it finds, in a few words.
    pub title: &'static str,
    /// What a finding means.
    pub meaning: &'static str,
    /// Why it matters on Azure.
    pub azure: &'static str,
    /// How it is decided: the formula in words, with its sources.
    pub decided: &'static str,
    /// What it misses, and what it wrongly flags.
    pub misses: &'static str,
    /// What to do next.
    pub next: &'static str,
}

/// Finds one kind of thing. A new one is a file in `detectors` and a line in [`DETECTORS`](crate::DETECTORS).
pub trait Detector: Sync {
    /// Unique id: lower case, words joined by `_`; its thresholds are the table of the same name, if it has any.
    fn id(&self) -> &'static str;
    /// What people are told of it.
    fn about(&self) -> &'static About;
    /// Begins to look.
    fn start(&self, settings: &Settings) -> Box<dyn Run>;
}

/// A detector at work. Its memory is bounded whatever it is shown.
pub trait Run: Send {
    /// Looks at a flow that has ended.
    fn observe(&mut self, flow: &FlowRecord);
    /// Tells what it found, in an order that depends on the flows alone.
    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding>;
}

/// What is known once every flow was seen.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The analysis that the flows come from.
    pub analysis: &'a Analysis,
    /// Thresholds in force.
    pub settings: &'a Settings,
    /// How far the capture can be trusted.
    pub quality: &'a Quality,
}
