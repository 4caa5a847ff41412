//! Values that tables hold, and how people read them.

use capkeep_pcap::Timestamp;

use crate::card::Level;
use crate::time;

/// A value in a table: what it is, not how it looks.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing to say.
    Nothing,
    /// Words. They may come from a file or its name: a renderer escapes them.
    Text(String),
    /// Name of a file, with its folder; where there is little room the folder is shortened first.
    Path(String),
    /// Words beside others that matter less, such as the name of an address; they come from outside. Kept in one line.
    Aside(String),
    /// Words that name a problem.
    Problem(String),
    /// A command line: never broken, so that it can be copied.
    Command(String),
    /// Words that lead to another place of the report: a path relative to the page, or `#` and the name of a place.
    Link {
        /// The words.
        words: String,
        /// Where they lead. A renderer percent-encodes it.
        to: String,
    },
    /// How much something matters.
    Level(Level),
    /// A number of things.
    Count(u64),
    /// Bytes.
    Bytes(u64),
    /// Bytes per second; shown as bits per second, as links are sold.
    ByteRate(f64),
    /// A part of a whole, 0 to 1.
    Share(f64),
    /// The same part, drawn as a bar.
    Bar(f64),
    /// An instant.
    Time(Timestamp),
    /// A span in nanoseconds.
    Span(i64),
}

impl Value {
    /// Words.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// Part of a whole; nothing of nothing is nothing.
    pub fn share(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::Nothing } else { Self::Share(part as f64 / whole as f64) }
    }

    /// Part of a whole as a bar.
    pub fn bar(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::Nothing } else { Self::Bar(part as f64 / whole as f64) }
    }

    /// The value in words, not yet escaped. Bars are empty: they are drawn.
    pub fn words(&self) -> String {
        match self {
            Self::Nothing | Self::Bar(_) => String::new(),
            Self::Text(words)
            | Self::Path(words)
            | Self::Aside(words)
            | Self::Problem(words)
            | Self::Command(words)
            | Self::Link { words, .. } => words.clone(),
            Self::Level(level) => level.word().into(),
            Self::Count(n) => count(*n),
            Self::Bytes(n) => scaled(*n as f64, "B"),
            Self::ByteRate(rate) => scaled(rate * 8.0, "bit/s"),
            Self::Share(share) => percent(*share),
            Self::Time(at) => time::utc(*at),
            Self::Span(nanos) => span(*nanos),
        }
    }
}

/// A number with thousands separators: `1,002,061`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "1 flow", "2 flows".
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A number with its SI prefix: `506.2 MB`; exact below a thousand.
fn scaled(n: f64, unit: &str) -> String {
    const PREFIXES: [&str; 6] = ["k", "M", "G", "T", "P", "E"];
    if n < 999.5 {
        let small = n < 10.0 && n.fract() > 0.0;
        return if small { format!("{n:.2} {unit}") } else { format!("{n:.0} {unit}") };
    }
    let mut n = n;
    let mut prefix = "";
    for p in PREFIXES {
        // Below, not at, the point where one decimal would print as 1000.0.
        if n < 999.95 && !prefix.is_empty() {
            break;
        }
        n /= 1000.0;
        prefix = p;
    }
    format!("{n:.1} {prefix}{unit}")
}

/// A number of things per second: exact where it is large, with decimals where it is small.
pub(crate) fn rated(rate: f64) -> String {
    match rate {
        0.0..0.01 if rate > 0.0 => "<0.01".into(),
        ..10.0 => format!("{rate:.2}"),
        _ => count(rate.round() as u64),
    }
}

/// A share in percent with one decimal; what is there but too small to print says so.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "<0.1 %".into()
    } else if percent > 99.9 && percent < 100.0 {
        ">99.9 %".into()
    } else {
        format!("{percent:.1} %")
    }
}

/// A span in the one or two units a person would use: `5 min 7 s`, `12.3 ms`.
pub(crate) fn span(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let n = nanos.unsigned_abs();
    let words = match n {
        0..1_000 => format!("{n} ns"),
        1_000..999_950 => format!("{:.1} µs", n as f64 / 1e3),
        999_950..999_950_000 => format!("{:.1} ms", n as f64 / 1e6),
        999_950_000..60_000_000_000 => format!("{:.1} s", n as f64 / 1e9),
        _ => {
            let seconds = n / 1_000_000_000;
            let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
            match (days, hours) {
                (0, 0) => format!("{minutes} min {} s", seconds % 60),
                (0, _) => format!("{hours} h {minutes} min"),
                _ => format!("{} d {hours} h", count(days)),
            }
        }
    };
    format!("{sign}{words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_and_grouped_by_thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn bytes_are_si_with_one_decimal() {
        let bytes = |n| Value::Bytes(n).words();
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1_000), "1.0 kB");
        assert_eq!(bytes(999_949), "999.9 kB");
        assert_eq!(bytes(999_950), "1.0 MB");
        assert_eq!(bytes(506_234_567), "506.2 MB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
    }

    #[test]
    fn a_share_that_is_there_never_prints_as_nothing() {
        assert_eq!(percent(0.0), "0.0 %");
        assert_eq!(percent(0.000_01), "<0.1 %");
        assert_eq!(percent(0.999_99), ">99.9 %");
        assert_eq!(percent(1.0), "100.0 %");
    }

    #[test]
    fn spans_use_the_units_people_use() {
        assert_eq!(span(0), "0 ns");
        assert_eq!(span(1_500), "1.5 µs");
        assert_eq!(span(999_999_999), "1.0 s");
        assert_eq!(span(307_000_000_000), "5 min 7 s");
        assert_eq!(span(3_600_000_000_000), "1 h 0 min");
        assert_eq!(span(-90_000_000_000), "-1 min 30 s");
        assert_eq!(span(i64::MAX), "106,751 d 23 h");
    }
}
