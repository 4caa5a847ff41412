//! Instants as people read them.

use capkeep_pcap::Timestamp;

/// RFC 3339 in UTC with microseconds, or nanoseconds where there are any: `2024-03-01T12:00:00.123456Z`.
pub fn utc(at: Timestamp) -> String {
    let format = if at.nanos() % 1_000 == 0 { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%S.%9fZ" };
    strftime(at, format)
}

/// RFC 3339 in UTC, whole seconds.
pub(crate) fn utc_seconds(at: Timestamp) -> String {
    strftime(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// Time of day in UTC, with milliseconds where a chart is that narrow.
pub(crate) fn clock(at: Timestamp, millis: bool) -> String {
    strftime(at, if millis { "%H:%M:%S.%3f" } else { "%H:%M:%S" })
}

/// `i64` nanoseconds reach from 1677 to 2262, well inside what `jiff` holds, so the fallback is never seen.
fn strftime(at: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.nanos()))
        .map_or_else(|_| at.to_string(), |time| time.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_rfc_3339_in_utc() {
        assert_eq!(utc(Timestamp::from_nanos(0)), "1970-01-01T00:00:00.000000Z");
        assert_eq!(utc(Timestamp::from_nanos(-1)), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(utc(Timestamp::from_parts(2_147_483_648, 5_000)), "2038-01-19T03:14:08.000005Z");
    }

    #[test]
    fn the_ends_of_the_range_are_written_too() {
        assert_eq!(utc_seconds(Timestamp::from_nanos(i64::MAX)), "2262-04-11T23:47:16Z");
        assert_eq!(utc_seconds(Timestamp::from_nanos(i64::MIN)), "1677-09-21T00:12:43Z");
    }
}
