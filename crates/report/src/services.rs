//! Services in words.

use capkeep_flow::{Protocol, ServiceCounts, service_name, speaks_as_named};

use crate::value::Value;

/// Name, port and protocol of a service as one word: `https 443/tcp`, `8123/udp`, `icmp`.
pub(crate) fn words(protocol: Protocol, port: u16) -> String {
    let protocol_name = protocol.name();
    match service_name(protocol, port) {
        Some(name) => format!("{name} {port}/{protocol_name}"),
        None if port != 0 || matches!(protocol, Protocol::Ip(6 | 17 | 132)) => {
            format!("{port}/{protocol_name}")
        }
        None => protocol_name.into_owned(),
    }
}

/// What is spoken at a service, most flows first: `tls`, `tls, http`; what its port is not named after is told apart:
/// `tls; also ssh`, `not https: ssh`.
pub(crate) fn spoken(protocol: Protocol, port: u16, spoken: &[(&'static str, ServiceCounts)]) -> Value {
    let is_odd = |name: &str| speaks_as_named(protocol, port, name) == Some(false);
    let list = |odd: bool| {
        let names: Vec<&str> =
            spoken.iter().map(|(name, _)| *name).filter(|name| is_odd(name) == odd).collect();
        names.join(", ")
    };
    let (usual, odd) = (list(false), list(true));
    match (usual.is_empty(), odd.is_empty()) {
        (true, true) => Value::Nothing,
        (false, true) => Value::Text(usual),
        (false, false) => Value::Problem(format!("{usual}; also {odd}")),
        (true, false) => {
            Value::Problem(format!("not {}: {odd}", service_name(protocol, port).unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_protocol_and_port() {
        assert_eq!(words(Protocol::Ip(17), 53), "dns 53/udp");
        assert_eq!(words(Protocol::Ip(17), 40_000), "40000/udp");
        assert_eq!(words(Protocol::Ip(1), 0), "icmp");
        assert_eq!(words(Protocol::Arp, 0), "arp");
    }

    #[test]
    fn what_is_spoken_is_told_and_what_the_port_is_not_named_after_as_such() {
        let at = |port, names: &[&'static str]| {
            let heard: Vec<_> = names.iter().map(|name| (*name, ServiceCounts::default())).collect();
            spoken(Protocol::Ip(6), port, &heard)
        };
        assert_eq!(at(443, &[]), Value::Nothing);
        assert_eq!(at(443, &["tls"]), Value::text("tls"));
        assert_eq!(at(8_443, &["http"]), Value::Problem("not https-alt: http".into()));
        assert_eq!(at(443, &["ssh", "tls", "http"]), Value::Problem("tls; also ssh, http".into()));
        assert_eq!(at(12_345, &["ssh", "http"]), Value::text("ssh, http"), "nothing else was promised");
    }
}
