//! Verdicts to Markdown.

use std::{collections::BTreeSet, fmt::Write, path::Path};

use super::{Judged, judge::Verdict};
use crate::bench::machine::first_line;

/// Counts of one detector.
#[derive(Default)]
struct Score {
    positive: u64,
    right: u64,
    too_mild: u64,
    negative: u64,
    wrong: u64,
}

impl Score {
    fn of(id: &str, all: &[&Judged]) -> Self {
        let mut score = Self::default();
        for judged in all {
            let expected =
                judged.labelled.expect.iter().filter(|expected| expected.detector == id).count() as u64;
            score.positive += expected;
            let is_open = expected == 0 && !judged.labelled.may.iter().any(|may| may == id);
            score.negative += u64::from(is_open);
            for outcome in judged.outcomes.iter().filter(|outcome| outcome.detector == id) {
                match outcome.verdict {
                    Verdict::Right => score.right += 1,
                    Verdict::TooMild => score.too_mild += 1,
                    Verdict::Wrong => score.wrong += 1,
                    Verdict::Missed => {}
                }
            }
        }
        score
    }

    fn row(&self, id: &str) -> String {
        let found = self.right + self.too_mild;
        let share = |part: u64, whole: u64| {
            if whole == 0 { "–".to_owned() } else { format!("{:.2}", part as f64 / whole as f64) }
        };
        format!(
            "| `{id}` | {} | {} | {} | {} | {} | {} | {} |",
            self.positive,
            found,
            self.too_mild,
            self.negative,
            self.wrong,
            share(found, found + self.wrong),
            share(found, self.positive)
        )
    }
}

/// The whole page.
pub(crate) fn markdown(all: &[Judged], ids: &[String], capkeep: &Path) -> String {
    let mut out = String::from(
        "# Detectors on captures of which it is known what is in them\n\n\
         Made by `cargo xtask detectors` from the captures of `testdata/findings` and from variants of every case, which \
         `testdata/findings/make.py` makes with other numbers each time. A positive is a finding that has to be there: \
         detector, address, at least that severity; *too mild* ones are found, but told as less severe. A negative is a \
         capture in which the detector has nothing to say; what it says there is wrong. Captures in which a detector may say \
         something because it is true as well count for neither.\n\n",
    );
    let quiet = all.iter().filter(|judged| judged.labelled.expect.is_empty()).count();
    let lines = [
        ("date", first_line("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        ("kernel", first_line("uname", &["-srm"])),
        ("capkeep", first_line(&capkeep.to_string_lossy(), &["--version"])),
        ("commit", first_line("git", &["describe", "--always", "--dirty"])),
        ("captures", format!("{}, of which {quiet} are quiet", all.len())),
    ];
    for (what, is) in lines {
        // Writing into a string does not fail.
        let _ = writeln!(out, "- {what}: {is}");
    }
    let (hard, easy): (Vec<_>, Vec<_>) = all.iter().partition(|judged| judged.labelled.is_hard);
    for (title, some) in [("Detectors", easy), ("Cases about which reasonable people may disagree", hard)] {
        let spoken: BTreeSet<&String> = some.iter().flat_map(|j| &j.outcomes).map(|o| &o.detector).collect();
        let is_main = title == "Detectors";
        if some.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "\n## {title}\n\n| detector | positives | found | too mild | negatives | wrong | precision | recall |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|\n"
        );
        for id in ids.iter().filter(|id| is_main || spoken.contains(id)) {
            let _ = writeln!(out, "{}", Score::of(id, &some).row(id));
        }
    }
    out.push_str("\n## What is not right\n\n");
    let mut is_all_right = true;
    for judged in all {
        for outcome in judged.outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Right) {
            is_all_right = false;
            let word = match outcome.verdict {
                Verdict::Missed => "missed",
                Verdict::TooMild => "too mild",
                Verdict::Wrong | Verdict::Right => "wrong",
            };
            let _ = writeln!(
                out,
                "- {}: `{}` {word} ({})",
                judged.labelled.file, outcome.detector, outcome.detail
            );
        }
    }
    if is_all_right {
        out.push_str("Nothing.\n");
    }
    let quiet: Vec<_> =
        all.iter().filter(|j| j.labelled.expect.is_empty() && j.outcomes.is_empty()).collect();
    let files: Vec<_> = quiet.iter().map(|judged| judged.labelled.file.as_str()).collect();
    let _ = write!(out, "\n## Quiet captures in which nothing is found\n\n{}\n", files.join(", "));
    out
}
