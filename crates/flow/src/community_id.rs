//! Community ID version 1.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use capkeep_pcap::{Decoded, icmp_counterpart};

use crate::record::Endpoint;

/// Seed of the hash: the specification's default.
const SEED: u16 = 0;

/// [Community ID](https://github.com/corelight/community-id-spec) version 1, seed 0, of the flow that a packet is in;
/// `None` for ARP. Later fragments have no ports: theirs is another.
pub fn community_id(packet: &Decoded) -> Option<String> {
    if packet.is_arp {
        return None;
    }
    let source = Endpoint { ip: packet.source_ip(), port: packet.source_port };
    let destination = Endpoint { ip: packet.destination_ip(), port: packet.destination_port };
    Some(of_ends(packet.protocol, source, destination))
}

/// The same of two ends.
pub(crate) fn of_ends(protocol: u8, client: Endpoint, server: Endpoint) -> String {
    // The ports of an ICMP flow are the message type and its counterpart, or the code where it has none: then the
    // sender stays first.
    let one_way = matches!(protocol, 1 | 58)
        && icmp_counterpart(protocol == 58, client.port as u8)
            .is_none_or(|kind| u16::from(kind) != server.port);
    let ports = matches!(protocol, 1 | 6 | 17 | 58 | 132);
    digest(protocol, client, server, one_way, ports)
}

fn digest(protocol: u8, source: Endpoint, destination: Endpoint, one_way: bool, ports: bool) -> String {
    let key = |end: &Endpoint| (octets(end.ip), end.port);
    let (low, high) = if one_way || key(&source) < key(&destination) {
        (source, destination)
    } else {
        (destination, source)
    };
    let mut sha1 = Sha1::new();
    sha1.update(SEED.to_be_bytes());
    sha1.update(octets(low.ip));
    sha1.update(octets(high.ip));
    sha1.update([protocol, 0]);
    if ports {
        sha1.update(low.port.to_be_bytes());
        sha1.update(high.port.to_be_bytes());
    }
    format!("1:{}", STANDARD.encode(sha1.finalize()))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protocol, source, its port (or ICMP type), destination, its port (or what answers that type, or the code), and
    /// what Corelight's own implementation says (`communityid` 1.5 from `PyPI`).
    const KNOWN: &[(u8, &str, u16, &str, u16, &str)] = &[
        (6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (6, "66.35.250.204", 80, "128.232.110.120", 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        (17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        (132, "192.168.170.8", 7, "192.168.170.56", 80, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="),
        (6, "2001:db8::1", 50000, "2001:db8::2", 443, "1:YXqXufkGr4i6TbJJYF83fvyDLZ8="),
        (1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        (1, "192.168.0.1", 0, "192.168.0.89", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        (1, "10.0.0.1", 3, "10.0.0.2", 1, "1:gkoOC4ouXvyYq0Ek/WqwbLoqcxM="),
        (1, "10.0.0.2", 3, "10.0.0.1", 1, "1:JHjlyD5IJJjl3wHWOMj46lLWZag="),
        (1, "10.0.0.2", 13, "10.0.0.1", 14, "1:th9CqcxflNss8X17pecPidKDzKw="),
        (
            58,
            "fe80::200:86ff:fe05:80da",
            135,
            "fe80::260:97ff:fe07:69ea",
            136,
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=",
        ),
        (58, "fe80::1", 1, "fe80::2", 4, "1:PQpOWBr5/ICePGOnTMaFJZeK2us="),
        (58, "fe80::1", 128, "fe80::2", 129, "1:3H+V/JVcqh/phPel5utt4dOKqOU="),
        (47, "10.1.2.3", 0, "10.4.5.6", 0, "1:hjmHR9XFBjHCDWCa1JnWlrW+aJY="),
        (89, "10.9.2.3", 0, "10.4.5.6", 0, "1:Ek5lqXY1JO/Fo5OCg2RTRlF6A30="),
    ];

    #[test]
    fn ids_are_those_of_the_reference_implementation() {
        for (protocol, source, source_port, destination, destination_port, expected) in KNOWN {
            let end = |ip: &str, port: &u16| Endpoint { ip: ip.parse().unwrap(), port: *port };
            let found = of_ends(*protocol, end(source, source_port), end(destination, destination_port));
            assert_eq!(found, *expected, "{protocol} {source} {destination}");
        }
    }
}
