//! Programs do what the filters say: checked on made frames against a plain reading of the packet.

#![allow(
    clippy::doc_markdown,
    clippy::format_collect,
    clippy::verbose_bit_mask,
    reason = "bits as the RFCs write them; lists are short"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use capkeep_watcher::{Addresses, Filter, Ports, Protocol};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::assembler::{Instruction, MAX_INSTRUCTIONS, code::*};
use super::bpf::{
    ANCILLARY_HARDWARE, ANCILLARY_PACKET_TYPE, ANCILLARY_PROTOCOL, LOOPBACK, Link, MAX_EXTENSIONS, MAX_TAGS,
    OUTGOING, VLAN_TAGS, WITH_PORTS, compile,
};
use super::error::CaptureError;
use super::rule::Rule;

/// A packet, and what the kernel knows about it.
#[derive(Clone, Debug)]
struct Seen {
    link: Link,
    bytes: Vec<u8>,
    ether_type: u32,
    packet_type: u32,
    hardware: u32,
}

/// Runs a program as the kernel does, with its checks: a jump or scratch word out of range fails the test, a load out
/// of range drops the packet.
fn run(program: &[Instruction], seen: &Seen) -> u32 {
    let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [None; 16], 0_usize);
    let load = |offset: u32, size: usize| {
        let bytes = seen.bytes.get(offset as usize..offset as usize + size)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    };
    loop {
        let Instruction { code, if_true, if_false, k } = program[at];
        at += 1;
        let loaded = match code {
            LD_W_ABS if k == ANCILLARY_PROTOCOL => Some(seen.ether_type),
            LD_W_ABS if k == ANCILLARY_PACKET_TYPE => Some(seen.packet_type),
            LD_W_ABS if k == ANCILLARY_HARDWARE => Some(seen.hardware),
            LD_W_ABS => load(k, 4),
            LD_H_ABS => load(k, 2),
            LD_W_IND => load(x + k, 4),
            LD_H_IND => load(x + k, 2),
            LD_B_IND => load(x + k, 1),
            LD_LEN => Some(seen.bytes.len() as u32),
            LD_IMM => Some(k),
            LD_MEM => Some(memory[k as usize].expect("a word that was written")),
            ADD_K => Some(a.wrapping_add(k)),
            ADD_X => Some(a.wrapping_add(x)),
            SUB_K => Some(a.wrapping_sub(k)),
            AND_K => Some(a & k),
            LSH_K => Some(a << k),
            TXA => Some(x),
            _ => Some(a),
        };
        let Some(loaded) = loaded else { return 0 };
        a = loaded;
        let holds = match code {
            JEQ_K => a == k,
            JGT_K => a > k,
            JGE_K => a >= k,
            JGE_X => a >= x,
            JSET_K => a & k != 0,
            LDX_IMM => {
                x = k;
                continue;
            }
            LDX_MEM => {
                x = memory[k as usize].expect("a word that was written");
                continue;
            }
            ST => {
                memory[k as usize] = Some(a);
                continue;
            }
            STX => {
                memory[k as usize] = Some(x);
                continue;
            }
            TAX => {
                x = a;
                continue;
            }
            JA => {
                at += k as usize;
                continue;
            }
            RET_K => return k,
            LD_W_ABS | LD_H_ABS | LD_W_IND | LD_H_IND | LD_B_IND | LD_LEN | LD_IMM | LD_MEM | ADD_K
            | ADD_X | SUB_K | AND_K | LSH_K | TXA => continue,
            _ => panic!("the kernel has no such instruction: {code:#x}"),
        };
        at += usize::from(if holds { if_true } else { if_false });
    }
}

/// What the filters are about.
#[derive(Debug)]
struct Read {
    source: IpAddr,
    destination: IpAddr,
    protocol: u32,
    ports: Option<(u16, u16)>,
}

/// A plain reading of a packet; `None` if it is not IP.
fn read(seen: &Seen) -> Option<Read> {
    let half =
        |bytes: &[u8], at: usize| bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let (mut ether_type, mut rest) = match seen.link {
        Link::Ethernet => (u32::from(half(&seen.bytes, 12)?), &seen.bytes[14..]),
        Link::Cooked => (seen.ether_type, &seen.bytes[..]),
    };
    for _ in 0..MAX_TAGS {
        if VLAN_TAGS.contains(&ether_type) {
            ether_type = half(rest, 2)?.into();
            rest = &rest[4..];
        }
    }
    let (source, destination, mut protocol, mut body, mut is_first);
    if ether_type == 0x0800 && rest.len() >= 20 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&rest[at..at + 4]).unwrap());
        (source, destination, protocol) = (address(12), address(16), u32::from(rest[9]));
        is_first = half(rest, 6)? & 0x1fff == 0;
        body = rest.get(usize::from(rest[0] & 15) * 4..).unwrap_or_default();
    } else if ether_type == 0x86dd && rest.len() >= 40 {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&rest[at..at + 16]).unwrap());
        (source, destination, protocol) = (address(8), address(24), u32::from(rest[6]));
        (is_first, body) = (true, &rest[40..]);
        for _ in 0..MAX_EXTENSIONS {
            let length = match protocol {
                44 if body.len() >= 8 => 8,
                0 | 43 | 60 if body.len() >= 2 => (usize::from(body[1]) + 1) * 8,
                _ => break,
            };
            let is_fragment = protocol == 44;
            protocol = body[0].into();
            if is_fragment && half(body, 2)? & 0xfff8 != 0 {
                is_first = false;
                break;
            }
            body = body.get(length..).unwrap_or_default();
        }
    } else {
        return None;
    }
    let ports =
        (is_first && WITH_PORTS.contains(&protocol)).then(|| half(body, 0).zip(half(body, 2))).flatten();
    Some(Read { source, destination, protocol, ports })
}

/// Whether a packet is to be kept, said plainly.
fn is_kept(rules: &[Rule], seen: &Seen) -> bool {
    let is_loopback = seen.hardware == LOOPBACK;
    let is_outgoing = seen.packet_type == OUTGOING;
    if is_loopback && is_outgoing {
        return false;
    }
    let packet = read(seen);
    rules.is_empty()
        || rules.iter().any(|rule| {
            if rule.is_everything() {
                return true;
            }
            let Some(packet) = &packet else { return false };
            let is_protocol = match rule.protocol {
                Protocol::Tcp => packet.protocol == 6,
                Protocol::Udp => packet.protocol == 17,
                Protocol::Any => true,
            };
            let fits = |local, remote, ports: Option<(u16, u16)>| {
                rule.local.contains(local)
                    && rule.remote.contains(remote)
                    && match ports {
                        Some((local, remote)) => {
                            rule.local_ports.contains(local) && rule.remote_ports.contains(remote)
                        }
                        None => !rule.has_ports(),
                    }
            };
            let as_source = || fits(packet.source, packet.destination, packet.ports);
            let swapped = packet.ports.map(|(source, destination)| (destination, source));
            let as_destination = || fits(packet.destination, packet.source, swapped);
            is_protocol
                && if is_loopback {
                    as_source() || as_destination()
                } else if is_outgoing {
                    as_source()
                } else {
                    as_destination()
                }
        })
}

fn v4() -> impl Strategy<Value = Ipv4Addr> {
    select(vec![[10, 0, 0, 1], [10, 0, 0, 2], [10, 0, 1, 0], [192, 168, 255, 255], [0, 0, 0, 0]])
        .prop_map(Into::into)
}

fn v6() -> impl Strategy<Value = Ipv6Addr> {
    // Neighbours that differ in each of the four words.
    select(vec![
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1],
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 2],
        [0x2001, 0xdb8, 0, 0, 0, 1, 0, 1],
        [0x2001, 0xdb8, 0, 1, 0, 0, 0, 1],
        [0x2001, 0xdb9, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1],
    ])
    .prop_map(Into::into)
}

fn port() -> impl Strategy<Value = u16> + Clone {
    select(vec![0, 53, 80, 81, 443, 65535])
}

fn addresses() -> impl Strategy<Value = Addresses> {
    let one = || prop_oneof![v4().prop_map(IpAddr::V4), v6().prop_map(IpAddr::V6)];
    prop_oneof![
        2 => Just(Addresses::Any),
        1 => vec(one(), 1..4).prop_map(Addresses::List),
        1 => (v4(), v4()).prop_map(|(a, b)| Addresses::Range(a.min(b).into(), a.max(b).into())),
        1 => (v6(), v6()).prop_map(|(a, b)| Addresses::Range(a.min(b).into(), a.max(b).into())),
    ]
}

fn ports() -> impl Strategy<Value = Ports> {
    prop_oneof![
        3 => Just(Ports::Any),
        1 => vec(port(), 1..4).prop_map(Ports::List),
        1 => (port(), port()).prop_map(|(a, b)| Ports::Range(a.min(b), a.max(b))),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Any]);
    (protocol, addresses(), addresses(), ports(), ports()).prop_map(
        |(protocol, local, remote, local_ports, remote_ports)| Rule {
            protocol,
            local,
            remote,
            local_ports,
            remote_ports,
        },
    )
}

/// EtherType and bytes from the network header on.
fn network() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let transport = (port(), port(), vec(any::<u8>(), 0..12)).prop_map(|(source, destination, rest)| {
        [&source.to_be_bytes()[..], &destination.to_be_bytes(), &rest].concat()
    });
    let protocol = || select(vec![6_u8, 17, 132, 1, 58]);
    let over_v4 = (v4(), v4(), protocol(), select(vec![0_u16, 0, 0x2000, 0x4000, 0x20b9]), 0..4_u8);
    let over_v4 = (over_v4, transport.clone()).prop_map(|((from, to, protocol, fragment, options), body)| {
        let mut bytes = vec![0x45 + options, 0, 0, 40, 0, 1];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, protocol, 0, 0]);
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        bytes.extend(vec![1; usize::from(options) * 4]);
        bytes.extend(body);
        (0x0800, bytes)
    });
    let extension = (select(vec![0_u8, 43, 44, 60, 51]), select(vec![0_u8, 0, 1]), any::<bool>());
    let over_v6 = (v6(), v6(), protocol(), vec(extension, 0..6), transport);
    let over_v6 = over_v6.prop_map(|(from, to, protocol, extensions, body)| {
        let kinds: Vec<u8> = extensions.iter().map(|one| one.0).chain([protocol]).collect();
        let mut bytes = vec![0x60, 0, 0, 0, 0, 40, kinds[0], 64];
        bytes.extend(from.octets());
        bytes.extend(to.octets());
        for ((kind, units, is_first), next) in extensions.iter().zip(&kinds[1..]) {
            let second_half = if *is_first { [0, 1] } else { [0, 9] };
            let length = if *kind == 44 { 8 } else { (usize::from(*units) + 1) * 8 };
            let mut header = vec![0; length];
            (header[0], header[1]) = (*next, *units);
            header[2..4].copy_from_slice(&second_half);
            bytes.extend(header);
        }
        bytes.extend(body);
        (0x86dd, bytes)
    });
    let other = (select(vec![0x0806_u16, 0x88cc, 0x05dc]), vec![any::<u8>(); 28]);
    prop_oneof![4 => over_v4, 4 => over_v6, 1 => other]
}

fn seen() -> impl Strategy<Value = Seen> {
    let tags = vec((select(vec![0x8100_u16, 0x88a8, 0x9100]), any::<u16>()), 0..4);
    let cut = prop_oneof![3 => Just(usize::MAX), 1 => 0..80_usize];
    let tags = prop_oneof![2 => Just(Vec::new()), 1 => tags];
    let kernel = (select(vec![0_u32, 1, 2, 3, 4, 4]), select(vec![1_u32, 1, 772, 65534]));
    (network(), tags, cut, select(vec![Link::Ethernet, Link::Cooked]), kernel).prop_map(
        |((ether_type, network), tags, cut, link, (packet_type, hardware))| {
            let types: Vec<u16> = tags.iter().map(|tag| tag.0).chain([ether_type]).collect();
            let mut bytes = Vec::new();
            if link == Link::Ethernet {
                bytes.extend([2; 12]);
                bytes.extend(types[0].to_be_bytes());
            }
            for ((_, tag), next) in tags.iter().zip(&types[1..]) {
                bytes.extend(tag.to_be_bytes());
                bytes.extend(next.to_be_bytes());
            }
            bytes.extend(network);
            bytes.truncate(cut);
            Seen { link, bytes, ether_type: types[0].into(), packet_type, hardware }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_program_keeps_what_a_plain_reading_of_the_packet_keeps(rules in vec(rule(), 0..4), seen in seen()) {
        let program = compile(&rules, seen.link, 96).unwrap();
        let expected = if is_kept(&rules, &seen) { 96 } else { 0 };
        prop_assert_eq!(run(&program, &seen), expected, "{:?}", read(&seen));
    }
}

fn udp(from: [u8; 4], to: [u8; 4], ports: [u16; 2], packet_type: u32) -> Seen {
    let mut bytes = vec![0; 12];
    bytes.extend([8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    bytes.extend([0, 8, 0, 0]);
    Seen { link: Link::Ethernet, bytes, ether_type: 0x800, packet_type, hardware: 1 }
}

fn rules(filter: Filter) -> Vec<Rule> {
    Rule::read_all(&[filter]).unwrap()
}

#[test]
fn the_machine_is_the_source_of_what_leaves_and_the_destination_of_what_comes() {
    let rules = rules(Filter {
        local_ip_address: Some("10.0.0.1".into()),
        local_port: Some("53".into()),
        ..Filter::default()
    });
    let program = compile(&rules, Link::Ethernet, 64).unwrap();
    let (here, there) = ([10, 0, 0, 1], [10, 0, 0, 2]);
    assert_eq!(run(&program, &udp(here, there, [53, 999], OUTGOING)), 64);
    assert_eq!(run(&program, &udp(there, here, [999, 53], 0)), 64);
    assert_eq!(run(&program, &udp(here, there, [53, 999], 0)), 0);
    assert_eq!(run(&program, &udp(there, here, [999, 53], OUTGOING)), 0);
}

#[test]
fn lists_longer_than_a_short_jump_match_their_first_and_last_entries() {
    let ports: String = (1000..2500).map(|port| format!("{port};")).collect();
    let rules = rules(Filter { remote_port: Some(ports), ..Filter::default() });
    let program = compile(&rules, Link::Ethernet, 64);
    let Err(CaptureError::FilterTooLong { needed }) = program else { panic!("{program:?}") };
    assert!(needed > MAX_INSTRUCTIONS, "{needed}");

    let ports: String = (1000..1900).map(|port| format!("{port};")).collect();
    let rules = self::rules(Filter { remote_port: Some(ports), ..Filter::default() });
    let program = compile(&rules, Link::Ethernet, 64).unwrap();
    assert!(program.len() <= MAX_INSTRUCTIONS);
    for (port, kept) in [(999, 0), (1000, 64), (1300, 64), (1899, 64), (1900, 0)] {
        assert_eq!(run(&program, &udp([1, 1, 1, 1], [2, 2, 2, 2], [7, port], OUTGOING)), kept, "{port}");
    }
}

#[test]
fn what_the_kernel_can_not_take_is_told_without_building_it() {
    let list = |count: u32| Rule {
        local: Addresses::List((0..count).map(|bits| Ipv4Addr::from_bits(bits).into()).collect()),
        ..rules(Filter::default()).remove(0)
    };
    for count in [4096, 1 << 20] {
        let Err(CaptureError::FilterTooLong { needed }) = compile(&[list(count)], Link::Cooked, 64) else {
            panic!("taken");
        };
        assert!(needed > count as usize);
    }
}

#[test]
fn a_filter_that_can_not_be_read_is_told_with_its_place() {
    let bad = Filter { local_port: Some("http".into()), ..Filter::default() };
    let error = Rule::read_all(&[Filter::default(), bad]).unwrap_err();
    assert!(matches!(error, CaptureError::Filter { index: 1, field: "localPort", .. }), "{error:?}");
    let bad = Filter { protocol_text: Some("ICMP".into()), ..Filter::default() };
    let error = Rule::read_all(&[bad]).unwrap_err();
    assert!(matches!(error, CaptureError::Protocol { index: 0, .. }), "{error:?}");
}
