//! Instants as the service writes them.

use jiff::{Timestamp, fmt::strtime};

fn utc(ns: i64) -> Timestamp {
    // Every i64 of nanoseconds is within what a `Timestamp` holds.
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or_default()
}

/// RFC 3339 with seven decimals: `2023-07-04T16:35:50.9687031Z`.
pub(super) fn rfc3339(ns: i64) -> String {
    let text = strtime::format("%Y-%m-%dT%H:%M:%S", utc(ns)).unwrap_or_default();
    format!("{text}.{:07}Z", ns.rem_euclid(1_000_000_000) / 100)
}

/// Folders and name of a capture file without its ending: `2023/04/03/packetcapture_08_56_34_409`.
pub(super) fn blob(ns: i64) -> String {
    let text = strtime::format("%Y/%m/%d/packetcapture_%H_%M_%S", utc(ns)).unwrap_or_default();
    format!("{text}_{:03}", ns.rem_euclid(1_000_000_000) / 1_000_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn instants_are_written_as_the_service_does() {
        let ns = 1_680_512_194_409_123_456;
        assert_eq!(super::rfc3339(ns), "2023-04-03T08:56:34.4091234Z");
        assert_eq!(super::blob(ns), "2023/04/03/packetcapture_08_56_34_409");
        super::rfc3339(i64::MIN);
    }
}
