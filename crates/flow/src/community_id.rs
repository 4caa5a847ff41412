//! Community ID version 1.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use capkeep_pcap::icmp_counterpart;

use crate::record::{Endpoint, FlowRecord};

/// Seed of the hash: the specification's default.
const SEED: u16 = 0;

/// The Community ID of a flow.
pub(crate) fn of_flow(flow: &FlowRecord) -> Option<String> {
    let number = flow.protocol.number()?;
    // The ports of an ICMP flow are the message type and its counterpart, or the code where it has none: then the
    // sender stays first.
    let one_way = matches!(number, 1 | 58)
        && icmp_counterpart(number == 58, flow.client.port as u8)
            .is_none_or(|kind| u16::from(kind) != flow.server.port);
    let ports = matches!(number, 1 | 6 | 17 | 58 | 132);
    Some(digest(number, flow.client, flow.server, one_way, ports))
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
