//! Money, ages, totals: what the subcommands say in the same way.

use capkeep_cleanup::{Prices, Row, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::survey::Totals;
use crate::commands::capture::{Printing, Sheet};

/// An amount of money without its currency: as exact as it is small.
pub(super) fn money(amount: f64) -> String {
    match amount {
        0.0 => "0".to_owned(),
        ..0.0001 => "<0.0001".to_owned(),
        ..1.0 => format!("{amount:.4}"),
        _ => format!("{amount:.2}"),
    }
}

/// How long ago something was: `12 d`.
pub(super) fn age(time: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(time).max(SignedDuration::ZERO);
    match (age.as_hours() / 24, age.as_hours(), age.as_mins()) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (days, ..) => format!("{days} d"),
    }
}

/// A day.
pub(super) fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

/// "1 file", "2 files".
pub(super) fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

/// Bytes: `3.1 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    capkeep_report::Value::Bytes(bytes).words()
}

/// Account, container and name.
pub(super) fn place(row: &Row) -> String {
    format!("{}/{}/{}", row.account_name(), row.container, row.name)
}

/// What a verdict means.
const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Live => "their capture exists",
        Verdict::Orphan => "their capture is known, and gone",
        Verdict::OrphanByPath => "machine and time match no capture",
        Verdict::VmGone => "no capture, and the machine is gone too",
        Verdict::Unknown => "not named by the service; never touched",
        Verdict::Unsure => "something is not known; never touched",
    }
}

/// Draws a sheet below what was printed before, for people.
pub(super) fn draw(printing: &Printing, sheet: &Sheet) -> anyhow::Result<()> {
    printing.words("")?;
    printing.one(&(), sheet)
}

/// Counts a row.
pub(super) fn count(totals: &mut Totals, row: &Row, prices: &Prices) {
    let sum = totals.entry(row.verdict).or_default();
    sum.0 += 1;
    sum.1 += row.size;
    sum.2 += prices.of(row.size, row.tier.as_deref());
}

/// Writes totals below each other.
pub(super) fn write_totals(sheet: &mut Sheet, totals: &Totals, prices: &Prices) {
    for (verdict, (count, size, cost)) in totals {
        let cost = format!("{} {} a month", money(*cost), prices.currency());
        let what = meaning(*verdict);
        sheet.line(verdict.words(), format!("{}, {}, {cost}: {what}", files(*count), bytes(*size)));
    }
    if totals.is_empty() {
        sheet.line("files", "none were found");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_amounts_are_told_more_exactly() {
        for (amount, text) in [(0.0, "0"), (0.00001, "<0.0001"), (0.00234, "0.0023"), (12.345, "12.35")] {
            assert_eq!(money(amount), text);
        }
    }

    #[test]
    fn ages_have_one_unit() {
        let at = |minutes: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        for (minutes, text) in [(5, "5 min"), (61, "1 h"), (3 * 1_440, "3 d"), (-5, "0 min")] {
            assert_eq!(age(Timestamp::UNIX_EPOCH, at(minutes)), text);
        }
    }
}
