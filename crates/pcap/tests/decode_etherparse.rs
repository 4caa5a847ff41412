//! On real captures the decoder sees what `etherparse` sees on its own, where both look at the same layer.

#![allow(clippy::print_stderr, clippy::disallowed_methods, reason = "a test that is skipped says so")]

use std::path::{Path, PathBuf};

use capkeep_pcap::{Decoded, Fragment, LinkType, Reader, SkipReason, Transport, decode};
use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

/// The captures of a folder next to the workspace, or of the one named by `CAPKEEP_CAPTURES`.
fn captures() -> Vec<PathBuf> {
    let folder = std::env::var_os("CAPKEEP_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures/files"),
        PathBuf::from,
    );
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// What both can say of a packet.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    source: u128,
    destination: u128,
    is_v6: bool,
    /// Source and destination port, payload length: TCP and UDP that are no later fragment.
    transport: Option<(u16, u16, usize)>,
}

fn ours(packet: &Decoded) -> Seen {
    let transport = packet.transport == Transport::Whole && matches!(packet.protocol, 6 | 17);
    Seen {
        source: packet.source,
        destination: packet.destination,
        is_v6: packet.is_v6,
        transport: transport.then_some((
            packet.source_port,
            packet.destination_port,
            packet.payload_captured as usize,
        )),
    }
}

fn theirs(data: &[u8]) -> Option<Seen> {
    let sliced = LaxSlicedPacket::from_ethernet(data).ok()?;
    let (source, destination, is_v6) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => (
            u32::from(ip.header().source_addr()).into(),
            u32::from(ip.header().destination_addr()).into(),
            false,
        ),
        LaxNetSlice::Ipv6(ip) => {
            (ip.header().source_addr().into(), ip.header().destination_addr().into(), true)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let transport = match sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            Some((tcp.source_port(), tcp.destination_port(), tcp.payload().len()))
        }
        Some(TransportSlice::Udp(udp)) => {
            Some((udp.source_port(), udp.destination_port(), udp.payload().len()))
        }
        _ => None,
    };
    Some(Seen { source, destination, is_v6, transport })
}

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn skip(what: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes());
}

#[test]
fn the_same_addresses_ports_and_payloads_as_etherparse() {
    let files = captures();
    if files.is_empty() {
        skip("SKIPPED: no captures, decoding was not compared (set CAPKEEP_CAPTURES)");
        return;
    }
    let (mut same, mut further, mut differences) = (0u64, 0u64, Vec::new());
    for file in &files {
        let Ok(mut reader) = Reader::open(file) else { continue };
        let mut number = 0;
        while let Ok(Some(packet)) = reader.next_packet() {
            number += 1;
            if packet.frame.link_type != LinkType::ETHERNET {
                continue;
            }
            let place = format!("{} {number}", file.display());
            match (decode(LinkType::ETHERNET, packet.data, packet.frame.wire_len), theirs(packet.data)) {
                // etherparse stops in front of tunnels, MPLS, PPPoE and 802.2.
                (Ok(packet), _) if packet.tunnel.is_some() || packet.is_arp => further += 1,
                // The other way round a length shorter than its header; etherparse takes what there is.
                (Ok(_), None) | (Err(SkipReason::BadIpHeader), Some(_)) => further += 1,
                (Ok(packet), Some(other)) if ours(&packet) == other => same += 1,
                (Ok(packet), Some(other)) => {
                    if explained(&packet, &other) {
                        further += 1;
                    } else {
                        differences.push(format!("{place}: {packet:?} / {other:?}"));
                    }
                }
                (Err(_), None) => same += 1,
                (Err(reason), Some(other)) => differences.push(format!("{place}: {reason} / {other:?}")),
            }
        }
    }
    eprintln!("{same} packets the same, {further} where only one looks further");
    assert!(same > 0 && differences.is_empty(), "{}", differences.join("\n"));
}

/// Differences with a reason.
fn explained(packet: &Decoded, other: &Seen) -> bool {
    let addresses =
        (packet.source, packet.destination, packet.is_v6) == (other.source, other.destination, other.is_v6);
    // etherparse reads no transport in fragments; the first one has the ports.
    let first = matches!(packet.fragment, Fragment::First(_)) && other.transport.is_none();
    // etherparse reads nothing of a TCP header whose options were not captured.
    let cut = packet.protocol == 6 && other.transport.is_none();
    addresses && (first || cut)
}
