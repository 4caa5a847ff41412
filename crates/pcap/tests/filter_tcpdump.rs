//! The filter lets through the packets that tcpdump lets through, on captures without tunnels; every difference is
//! in a table with its reason.

#![allow(clippy::print_stderr, clippy::disallowed_methods, reason = "a test that is skipped says so")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use capkeep_pcap::{Filter, Reader, decode};

/// Both mean the same by these.
const EXPRESSIONS: &[&str] = &[
    "ip",
    "ip6",
    "arp",
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "sctp",
    "igmp",
    "ip and tcp",
    "ip6 and udp",
    "proto 17",
    "ip proto 1",
    "ip6 proto 17",
    "ip proto 6 or 17",
    "port 80",
    "port 53",
    "port 80 or 443",
    "tcp port 80",
    "tcp port 80 or 443",
    "udp port 53",
    "udp port 443",
    "src port 80",
    "dst port 80",
    "tcp src port 80 or 22",
    "src or dst port 53",
    "src and dst port 53",
    "portrange 1-1023",
    "src portrange 1024-65535",
    "tcp dst portrange 20-25",
    "portrange 1023-1",
    "port domain",
    "tcp port http or https or ssh",
    "net 10.0.0.0/8",
    "net 10",
    "net 192.168",
    "net 192.168.0.0/16 or 172.16.0.0/12",
    "src net 10.0.0.0 mask 255.0.0.0",
    "dst net 192.168.0.0/16",
    "src and dst net 192.168.0.0/16",
    "net 0.0.0.0/1",
    "net 224.0.0.0/4",
    "net fe80::/10",
    "net 2000::/3",
    "dst net ff00::/8",
    "arp net 192.168.0.0/16",
    "ip net 10.0.0.0/8",
    "host 192.168.1.1",
    "src 192.168.1.1 or dst 10.0.0.1",
    "dst host 255.255.255.255",
    "arp host 192.168.1.1",
    "host 127.0.0.1",
    "less 60",
    "greater 1000",
    "len > 100",
    "len >= 60 and len <= 70",
    "len % 2 = 0 and (len - 14) / 4 > 20",
    "ip and tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "ip and tcp[tcpflags] & tcp-syn != 0 and tcp[tcpflags] & tcp-ack = 0",
    "ip and tcp[13] == 2",
    "ip and tcp[13] & 4 != 0",
    "ip and tcp[13] == 16 and less 70",
    "ip and tcp[0:2] = 80",
    "ip and tcp[2:2] < 1024",
    "ip and tcp[4:4] > 0x7fffffff",
    "ip and tcp[14:2] = 0",
    "ip and udp[2:2] = 53",
    "icmp[icmptype] == icmp-echo",
    "icmp[icmptype] != icmp-echo and icmp[icmptype] != icmp-echoreply",
    "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 3",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "ip[8] < 64",
    "ip[9] = 6",
    "ip[12:4] & 0xff000000 = 0x0a000000",
    "ip6[7] = 255",
    "not tcp",
    "not port 80",
    "not (tcp or udp)",
    "tcp or udp and port 53",
    "tcp and port 80 or udp and port 53",
    "not tcp and not udp port 53",
    "tcp and not port 80 and not port 443",
    "ip and not tcp[13] & 2 != 0",
    "host 10.0.0.1 and not port 22",
    "port (80 or 443) and not host 10.0.0.1",
];

/// Captures on which tcpdump sees something else, and why. The part of a path that names the file.
const OTHERWISE: &[(&str, &str)] = &[
    ("arp-leak.pcap", "ARP with hardware addresses that are not six bytes: tcpdump reads at fixed places"),
    ("arp-oobr.pcap", "ARP that claims other lengths than it has: tcpdump looks at the type alone"),
    ("icmp-frame-relay.pcap", "libpcap looks for an NLPID where Cisco puts an Ethernet type"),
    ("ip6_fragments.pcap", "tcpdump finds no port behind an IPv6 fragment header"),
    ("ipv6-fragmented-dns.pcap", "tcpdump finds no port behind an IPv6 fragment header"),
    ("ipv6-hbh-routing0.pcap", "tcpdump finds no protocol behind other IPv6 extension headers"),
    ("ipv6_jumbogram_1.pcap", "tcpdump finds no protocol behind a hop-by-hop header"),
    (
        "kday1.pcap",
        "an IPv6 packet by its version behind the Ethernet type of IPv4: tcpdump filters by the type",
    ),
    ("mpls-traceroute.pcap", "tcpdump finds nothing behind MPLS labels without `mpls`"),
    ("null_loopback.pcap", "a family in the other byte order than the file's: tcpdump takes only the file's"),
    ("wlanmon.pcap", "802.11 frames with several packets in one: tcpdump looks at the outside"),
];

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

/// How many packets tcpdump lets through; `None` if it can't read the file at all.
fn tcpdump(file: &Path, expression: &str) -> Option<u64> {
    let output = Command::new("tcpdump").arg("-nr").arg(file).arg("--count").arg(expression).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().next()?.parse().ok()
}

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn skip(what: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{what}\n").as_bytes());
}

#[test]
fn the_same_packets_as_tcpdump() {
    if Command::new("tcpdump").arg("--version").output().is_err() {
        skip("SKIPPED: no tcpdump on this machine, filters were not compared with it");
        return;
    }
    let files = captures();
    if files.is_empty() {
        skip("SKIPPED: no captures, filters were not compared with tcpdump (set CAPKEEP_CAPTURES)");
        return;
    }
    let filters: Vec<(&str, Filter)> =
        EXPRESSIONS.iter().map(|text| (*text, Filter::parse(text).unwrap())).collect();
    let (mut compared, mut differences, mut explained) = (0, Vec::new(), BTreeSet::new());
    for file in &files {
        let name = file.to_string_lossy();
        let reason = OTHERWISE.iter().find(|(part, _)| name.ends_with(part)).map(|(_, reason)| *reason);
        let Ok(mut reader) = Reader::open(file) else { continue };
        let mut counts = vec![0u64; filters.len()];
        let mut all = 0;
        let mut tunnelled = false;
        let mut links = BTreeSet::new();
        while let Ok(Some(packet)) = reader.next_packet() {
            links.insert(packet.frame.link_type);
            let Ok(decoded) = decode(packet.frame.link_type, packet.data, packet.frame.wire_len) else {
                continue;
            };
            tunnelled |= decoded.tunnel.is_some() || decoded.vlan.is_some();
            all += 1;
            for (count, (_, filter)) in counts.iter_mut().zip(&filters) {
                *count += u64::from(filter.matches(&decoded, packet.frame.wire_len));
            }
        }
        // tcpdump reads captures of one link type, and looks behind no tunnel and no tag.
        if all == 0 || tunnelled || links.len() != 1 {
            continue;
        }
        // Packets without addresses are in no flow and in no filter.
        let with_addresses =
            |expression: &str| tcpdump(file, &format!("({expression}) and (ip or ip6 or arp)"));
        if tcpdump(file, "").is_none() {
            continue;
        }
        compared += 1;
        for (index, ((expression, _), ours)) in filters.iter().zip(&counts).enumerate() {
            // What finds nothing is asked of every fourth capture: starting tcpdump is what takes the time.
            if *ours == 0 && (index + compared) % 4 != 0 {
                continue;
            }
            let theirs = with_addresses(expression);
            // tcpdump refuses what a link type can't have, such as ARP on raw IP.
            let Some(theirs) = theirs else { continue };
            if theirs != *ours && reason.is_some() {
                explained.insert(name.to_string());
            } else if theirs != *ours {
                differences.push(format!("{name}: {expression}: {ours} here, {theirs} in tcpdump"));
            }
        }
    }
    eprintln!(
        "{compared} captures compared with tcpdump by {} expressions, {} differ as they should",
        filters.len(),
        explained.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
