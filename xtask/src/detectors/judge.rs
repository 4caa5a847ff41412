//! Holds what was found against what had to be found.

use serde_json::Value;

use super::truth::{Expected, Labelled, text};

/// A finding as the program tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) detector: String,
    pub(crate) severity: String,
    pub(crate) sentence: String,
    pub(crate) subject: String,
    /// All of it, to look for addresses in.
    whole: String,
}

impl Found {
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let detector = [text(value, "detector"), text(value, "id")].into_iter().find(|id| !id.is_empty())?;
        let sentence =
            [text(value, "sentence"), text(value, "what")].into_iter().find(|text| !text.is_empty());
        Some(Self {
            detector,
            severity: text(value, "severity"),
            sentence: sentence.unwrap_or_default(),
            subject: text(value, "subject"),
            whole: value.to_string(),
        })
    }

    /// True if it is about one of these addresses, or there are none to be about.
    fn is_about(&self, addresses: &[String]) -> bool {
        addresses.is_empty() || addresses.iter().any(|address| names(&self.whole, address))
    }
}

/// True if the text names the address, and not only one that begins or ends like it.
fn names(text: &str, address: &str) -> bool {
    text.match_indices(address).any(|(at, _)| {
        let is_free = |c: Option<char>| !c.is_some_and(|c| c.is_ascii_digit() || c == '.');
        is_free(text.get(..at).and_then(|before| before.chars().next_back()))
            && is_free(text.get(at + address.len()..).and_then(|after| after.chars().next()))
    })
}

/// What a detector did with a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It found what is there.
    Right,
    /// It found it, but told it as less severe than it is.
    TooMild,
    /// It missed what is there.
    Missed,
    /// It found what is not there.
    Wrong,
}

/// A detector's verdict on a capture. Captures in which it has nothing to find and finds nothing have none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) detector: String,
    pub(crate) verdict: Verdict,
    /// What it said, or what it should have said.
    pub(crate) detail: String,
}

fn rank(severity: &str) -> u8 {
    match severity {
        "critical" => 3,
        "warning" => 2,
        "note" => 1,
        _ => 0,
    }
}

/// One outcome for each finding that had to be there, and for each that had not.
pub(crate) fn judge(labelled: &Labelled, found: &[Found]) -> Vec<Outcome> {
    let mut out: Vec<_> = labelled.expect.iter().map(|expected| of_expected(expected, found)).collect();
    let is_known = |detector: &String| {
        labelled.expect.iter().any(|expected| expected.detector == *detector)
            || labelled.may.contains(detector)
    };
    let mut wrong: Vec<&Found> = found.iter().filter(|found| !is_known(&found.detector)).collect();
    // A capture counts once for each detector.
    wrong.sort_by(|a, b| a.detector.cmp(&b.detector));
    wrong.dedup_by(|a, b| a.detector == b.detector);
    out.extend(wrong.into_iter().map(|found| Outcome {
        detector: found.detector.clone(),
        verdict: Verdict::Wrong,
        detail: format!("{}: {}", found.severity, found.sentence),
    }));
    out
}

fn of_expected(expected: &Expected, found: &[Found]) -> Outcome {
    let fitting =
        found.iter().filter(|one| one.detector == expected.detector && one.is_about(&expected.addresses));
    let best = fitting.max_by_key(|one| rank(&one.severity));
    let (verdict, detail) = match best {
        None => (Verdict::Missed, format!("{} about {}", expected.severity, expected.addresses.join(", "))),
        Some(one) if rank(&one.severity) < rank(&expected.severity) => {
            (Verdict::TooMild, format!("{}, not {}: {}", one.severity, expected.severity, one.sentence))
        }
        Some(one) => (Verdict::Right, format!("{}: {}", one.severity, one.sentence)),
    };
    Outcome { detector: expected.detector.clone(), verdict, detail }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(detector: &str, severity: &str, subject: &str) -> Found {
        Found::read(&json!({"detector": detector, "severity": severity, "subject": subject, "sentence": "x"}))
            .unwrap_or_default()
    }

    #[test]
    fn what_has_to_be_there_is_asked_for_by_detector_address_and_severity() {
        let expected = Expected {
            detector: "syn_flood".into(),
            severity: "warning".into(),
            addresses: vec!["10.9.0.2".into()],
        };
        let labelled =
            Labelled { expect: vec![expected], may: vec!["rst_storm".into()], ..Labelled::default() };
        let verdicts = |found: &[Found]| -> Vec<Verdict> {
            judge(&labelled, found).into_iter().map(|outcome| outcome.verdict).collect()
        };
        assert_eq!(verdicts(&[found("syn_flood", "critical", "10.9.0.2:80/tcp")]), [Verdict::Right]);
        assert_eq!(verdicts(&[found("syn_flood", "note", "10.9.0.2")]), [Verdict::TooMild]);
        assert_eq!(verdicts(&[found("syn_flood", "warning", "10.9.0.20")]), [Verdict::Missed]);
        let besides =
            [found("rst_storm", "note", ""), found("beaconing", "note", ""), found("beaconing", "note", "")];
        assert_eq!(verdicts(&besides), [Verdict::Missed, Verdict::Wrong]);
    }
}
