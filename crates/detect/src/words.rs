//! Numbers in the sentences of findings.

use capkeep_flow::Protocol;

/// Share of a whole; 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `2.5 %`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let percent = share(part, whole) * 100.0;
    if part > 0 && percent < 0.1 { "less than 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

/// `1 flow`, `2 flows`.
pub(crate) fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// `250 ms`, `1.5 s`, `12 min`.
pub(crate) fn span(nanos: i64) -> String {
    let seconds = nanos as f64 / 1e9;
    match nanos {
        ..=999_999 => format!("{:.0} µs", seconds * 1e6),
        1_000_000..=999_999_999 => format!("{:.0} ms", seconds * 1e3),
        1_000_000_000..=119_999_999_999 => format!("{seconds:.1} s"),
        120_000_000_000..=7_199_999_999_999 => format!("{:.1} min", seconds / 60.0),
        7_200_000_000_000..=172_799_999_999_999 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

/// `512 bytes`, `3.4 MB`.
pub(crate) fn bytes(n: u64) -> String {
    let value = n as f64;
    match n {
        0..=999 => format!("{n} bytes"),
        1_000..=999_999 => format!("{:.1} kB", value / 1e3),
        1_000_000..=999_999_999 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.1} GB", value / 1e9),
    }
}

/// `443/tcp`.
pub(crate) fn service(protocol: Protocol, port: u16) -> String {
    format!("{port}/{}", protocol.name())
}
