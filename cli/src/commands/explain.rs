//! `capkeep explain`.

use std::fmt::Write as _;
use std::path::PathBuf;

use capkeep_detect::{DETECTORS, Detector, Settings};

use super::Done;
use crate::failure::hinted;
use crate::{output, thresholds};

/// Tell what a finding means, why it matters, how it was decided, and what to do next
///
/// Without an id: which detectors there are. The thresholds told are those in force, so name the file that `capkeep
/// analyze --thresholds` was given, if it was.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
pub(crate) struct Explain {
    /// Id of a detector, as `capkeep analyze` prints it; a number behind it (retransmissions:2) is ignored
    #[arg(value_name = "ID")]
    id: Option<String>,

    /// Print all thresholds as a TOML file that `capkeep analyze --thresholds` takes, or those of the file named
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[allow(clippy::option_option)]
    thresholds: Option<Option<PathBuf>>,
}

const AFTER_HELP: &str = "\
Examples:
  capkeep explain
      Every detector, in a line each.
  capkeep explain idle_timeout
      What it means that idle flows are forgotten, and what to do.
  capkeep explain --thresholds > thresholds.toml
      All thresholds with their sources, to be edited; then
      capkeep analyze capture.cap --thresholds thresholds.toml";

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let settings = thresholds::read(self.thresholds.as_ref().and_then(|file| file.as_deref()))?;
        let text = match (&self.id, &self.thresholds) {
            (Some(id), _) => explained(detector(id)?, &settings),
            (None, Some(_)) => settings.to_toml(),
            (None, None) => listed(),
        };
        output::print(text.as_bytes())?;
        Ok(Done::Fully)
    }
}

/// The detector of this id.
pub(super) fn detector(id: &str) -> anyhow::Result<&'static dyn Detector> {
    let name = id.split_once(':').map_or(id, |(name, _)| name).trim().to_ascii_lowercase().replace('-', "_");
    if let Some(detector) = DETECTORS.iter().find(|detector| detector.id() == name) {
        return Ok(*detector);
    }
    let near = DETECTORS.iter().map(|detector| detector.id());
    let near = near.max_by(|a, b| strsim::jaro_winkler(a, &name).total_cmp(&strsim::jaro_winkler(b, &name)));
    let hint = near.filter(|near| strsim::jaro_winkler(near, &name) > 0.7);
    Err(hinted(
        format!("there is no detector {id}"),
        match hint {
            Some(near) => format!("did you mean {near}? `capkeep explain` lists all"),
            None => "`capkeep explain` lists all".to_owned(),
        },
    ))
}

fn listed() -> String {
    let mut out = String::new();
    for detector in DETECTORS {
        let _ = writeln!(out, "{:22} {}", detector.id(), detector.about().title);
    }
    out.push_str("\n`capkeep explain ID` tells more.\n");
    out
}

/// Columns that text is wrapped at (chosen: reads well everywhere).
const WIDTH: usize = 80;

fn explained(detector: &dyn Detector, settings: &Settings) -> String {
    let about = detector.about();
    let mut out = format!("{}: {}\n", detector.id(), about.title);
    for (title, text) in [
        ("What it means", about.meaning),
        ("Why it matters on Azure", about.azure),
        ("How it is decided", about.decided),
        ("What it misses", about.misses),
        ("What to do next", about.next),
    ] {
        let _ = write!(out, "\n{title}\n{}", wrapped(text, "  "));
    }
    let thresholds = settings.thresholds();
    let mine: Vec<_> = thresholds.iter().filter(|threshold| threshold.group == detector.id()).collect();
    if !mine.is_empty() {
        out.push_str("\nThresholds in force\n");
    }
    for threshold in mine {
        let _ = writeln!(out, "  {} = {} [{}]", threshold.name, threshold.text, threshold.unit);
        out.push_str(&wrapped(threshold.about.trim(), "      "));
    }
    out
}

fn wrapped(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && indent.len() + line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(out, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{indent}{line}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_is_explained_in_narrow_lines() {
        for detector in DETECTORS {
            let text = explained(*detector, &Settings::default());
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
            assert!(text.contains("What to do next"));
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_gets_a_hint() {
        assert_eq!(detector("Zero-Window:3").unwrap().id(), "zero_window");
        let error = detector("zero_windows").map(Detector::id).unwrap_err();
        assert!(error.to_string().contains("zero_windows"));
    }
}
