//! Services in words.

use capkeep_flow::{Protocol, service_name};

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
}
