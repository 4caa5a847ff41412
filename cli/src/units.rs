//! Sizes and spans as people write them.

/// Reads a number of bytes: `500MB`, `1GiB`, `65535`.
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    const UNITS: &[(&str, f64)] = &[
        ("", 1.0),
        ("b", 1.0),
        ("k", 1e3),
        ("kb", 1e3),
        ("m", 1e6),
        ("mb", 1e6),
        ("g", 1e9),
        ("gb", 1e9),
        ("kib", 1_024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
    ];
    number(text, UNITS).ok_or_else(|| "not a number of bytes, such as 500MB, 1GiB or 65535".into())
}

/// Reads a span in whole seconds: `2h`, `90m`, `1h30m`, `45s`, `2d`.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    const UNITS: &[(&str, f64)] = &[
        ("s", 1.0),
        ("sec", 1.0),
        ("seconds", 1.0),
        ("m", 60.0),
        ("min", 60.0),
        ("minute", 60.0),
        ("minutes", 60.0),
        ("h", 3_600.0),
        ("hour", 3_600.0),
        ("hours", 3_600.0),
        ("d", 86_400.0),
        ("day", 86_400.0),
        ("days", 86_400.0),
    ];
    const WANTED: &str = "not a span, such as 2h, 90m, 1h30m or 45s";
    let mut rest = text.trim();
    let mut sum = 0i64;
    if rest.is_empty() {
        return Err(WANTED.into());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(WANTED)?;
        let (_, tail) = rest.split_at(digits);
        let space = tail.len() - tail.trim_start().len();
        let letters = |c: char| !c.is_ascii_alphabetic();
        let unit = space + tail.trim_start().find(letters).unwrap_or(tail.len() - space);
        let (part, tail) = rest.split_at(digits + unit);
        sum = number(part, UNITS).and_then(|part| sum.checked_add(part)).ok_or(WANTED)?;
        rest = tail.trim_start();
    }
    Ok(sum)
}

fn number(text: &str, units: &[(&str, f64)]) -> Option<i64> {
    // A comma divides thousands for some and decimals for others.
    let text = text.trim().replace('_', "");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| unit.trim().eq_ignore_ascii_case(name))?;
    let value = number.parse::<f64>().ok()? * factor;
    // 2^53: what a double holds exactly.
    (value.fract() == 0.0 && value < 9_007_199_254_740_992.0).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_decimal_and_binary_units() {
        for (text, value) in
            [("500MB", 500_000_000), ("1GiB", 1 << 30), ("65535", 65_535), ("1.5 kb", 1_500), ("0", 0)]
        {
            assert_eq!(bytes(text), Ok(value), "{text}");
        }
        for wrong in ["", "MB", "-1", "5 parsecs", "1.5", "1e9", "99999999999999999999", "1,5GB", "1,000"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn spans_add_up() {
        for (text, value) in [
            ("2h", 7_200),
            ("90m", 5_400),
            ("1h30m", 5_400),
            ("1h 30min 5s", 5_405),
            ("0.5h", 1_800),
            ("0s", 0),
            ("2 hours 5 minutes", 7_500),
        ] {
            assert_eq!(seconds(text), Ok(value), "{text}");
        }
        for wrong in ["", "90", "h", "1h30", "-5s", "0.3s", "2 weeks"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
