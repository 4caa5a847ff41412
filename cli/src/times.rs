//! Instants and spans as they are typed.

use std::time::Duration;

use capkeep_pcap::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads RFC 3339, a date or date and time in UTC, or seconds since the epoch with up to nine decimals.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    if let Some(nanos) = epoch(text) {
        return nanos.map(Timestamp::from_nanos);
    }
    let instant = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| text.parse::<DateTime>().and_then(|time| Ok(time.to_zoned(TimeZone::UTC)?.timestamp())));
    let instant = instant.map_err(|_| {
        "neither RFC 3339 (2024-03-01T12:00:00Z) nor seconds since 1970 (1709294400.25)".to_owned()
    })?;
    i64::try_from(instant.as_nanosecond()).map(Timestamp::from_nanos).map_err(|_| TOO_FAR.to_owned())
}

const TOO_FAR: &str = "outside of the years 1677 to 2262, where nanoseconds in 64 bits end";

/// Nanoseconds from decimal seconds; `None` if the text is not of that form.
fn epoch(text: &str) -> Option<Result<i64, String>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (seconds, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(seconds) || !all_digits(decimals) {
        return None;
    }
    if decimals.len() > 9 {
        return Some(Err("more than nine decimals: a nanosecond is the finest".into()));
    }
    let nanos = || {
        let whole = seconds.parse::<i128>().ok()?.checked_mul(1_000_000_000)?;
        let part = format!("{decimals:0<9}").parse::<i128>().ok()?;
        let nanos = whole.checked_add(part)?;
        i64::try_from(if negative { -nanos } else { nanos }).ok()
    };
    Some(nanos().ok_or_else(|| TOO_FAR.into()))
}

/// Reads an idle timeout: a number with a unit (`ms`, `s`, `m` or `min`, `h`, `d`), or `none`.
pub(crate) fn idle_timeout(text: &str) -> Result<IdleTimeout, String> {
    const WANTED: &str = "not a number with a unit, such as 500ms, 30s, 5m, 1h or 1d, and not none";
    if text == "none" {
        return Ok(IdleTimeout(None));
    }
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(WANTED)?;
    let (number, unit) = text.split_at(unit_at);
    let seconds: f64 = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return Err(WANTED.into()),
    };
    let number: f64 = number.parse().map_err(|_| WANTED)?;
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|_| "too long")?;
    if duration.is_zero() {
        return Err("a flow of no packets: use none to never end a flow by silence".into());
    }
    Ok(IdleTimeout(Some(duration)))
}

/// An idle timeout, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdleTimeout(pub(crate) Option<Duration>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_rfc_3339_or_seconds_since_the_epoch() {
        let nanos = |text| instant(text).map(Timestamp::nanos);
        assert_eq!(nanos("2024-03-01T12:00:00Z"), Ok(1_709_294_400_000_000_000));
        assert_eq!(nanos("2024-03-01T14:00:00.000000001+02:00"), Ok(1_709_294_400_000_000_001));
        assert_eq!(nanos("2024-03-01T12:00:00"), Ok(1_709_294_400_000_000_000));
        assert_eq!(nanos("2024-03-01 12:00"), Ok(1_709_294_400_000_000_000));
        assert_eq!(nanos("2024-03-01"), Ok(1_709_251_200_000_000_000));
        assert_eq!(nanos("1709294400"), Ok(1_709_294_400_000_000_000));
        assert_eq!(nanos("1709294400.123456789"), Ok(1_709_294_400_123_456_789));
        assert_eq!(nanos("-1.5"), Ok(-1_500_000_000));
        for wrong in
            ["", "yesterday", "1.2.3", "1.", ".5", "1.0000000001", "99999999999999", "12:00", "3000-01-01"]
        {
            assert!(nanos(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_idle_timeout_has_a_unit() {
        let seconds = |text| idle_timeout(text).map(|timeout| timeout.0.map(|span| span.as_secs_f64()));
        assert_eq!(seconds("30s"), Ok(Some(30.0)));
        assert_eq!(seconds("500ms"), Ok(Some(0.5)));
        assert_eq!(seconds("1.5h"), Ok(Some(5_400.0)));
        assert_eq!(seconds("none"), Ok(None));
        for wrong in ["", "30", "s", "0s", "-5s", "5 parsecs", "1e3s", "1..5s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
