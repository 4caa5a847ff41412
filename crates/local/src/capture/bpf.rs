//! Filters of a capture → a program of the kernel's packet filter.
//!
//! A packet is kept if one filter matches, and without filters always. A filter that asks for nothing matches everything,
//! ARP too; every other filter matches IP only, with up to two VLAN tags in the frame and any that the card took off.
//!
//! The machine's end ("local") is the source of a packet that leaves and the destination of any other. On the loopback
//! both ends are the machine's, and both ways are tried; the copy of a packet on its way out is not taken there, since
//! the same packet comes in (as libpcap).
//!
//! Ports are those of TCP, UDP and SCTP, as for `port` of tcpdump. A fragment other than the first has none, and neither
//! has a packet cut before them: such packets match only filters without ports. IPv6 extension headers are followed, four
//! at most (hop-by-hop, routing, destination options, fragment), where tcpdump looks for ports directly behind the IPv6
//! header; AH and ESP are not followed, nor are tunnels.
//!
//! The program first writes what it needs of the packet to scratch memory, then tries one filter after the other.

#![allow(
    clippy::wildcard_imports,
    clippy::needless_for_each,
    reason = "instruction codes are words of their own; one line per line of the program"
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use capkeep_watcher::{Addresses, Ports, Protocol};

use super::assembler::{Assembler, Instruction, Label, code::*};
use super::error::{CaptureError, Result};
use super::rule::Rule;

/// What the bytes of a packet start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// An Ethernet header.
    Ethernet,
    /// The network header; what was before it is known to the kernel only.
    Cooked,
}

/// `SKF_AD_OFF` of `linux/filter.h`: loads from here on ask the kernel about the packet.
pub(super) const ANCILLARY: u32 = (-0x1000_i32) as u32;
/// `SKF_AD_PROTOCOL`: the `EtherType`.
pub(super) const ANCILLARY_PROTOCOL: u32 = ANCILLARY;
/// `SKF_AD_PKTTYPE`: where the packet goes.
pub(super) const ANCILLARY_PACKET_TYPE: u32 = ANCILLARY + 4;
/// `SKF_AD_HATYPE`: kind of the interface.
pub(super) const ANCILLARY_HARDWARE: u32 = ANCILLARY + 28;
/// `PACKET_OUTGOING` of `linux/if_packet.h`.
pub(super) const OUTGOING: u32 = 4;
/// `ARPHRD_LOOPBACK` of `linux/if_arp.h`.
pub(super) const LOOPBACK: u32 = 772;

/// `EtherType`s of VLAN tags: IEEE 802.1Q, 802.1ad, and the one older switches use for the outer tag.
pub(super) const VLAN_TAGS: [u32; 3] = [0x8100, 0x88a8, 0x9100];
/// VLAN tags followed in the frame; two are what 802.1ad has.
pub(super) const MAX_TAGS: usize = 2;
/// IPv6 extension headers followed: chosen, one of each kind that is followed.
pub(super) const MAX_EXTENSIONS: usize = 4;
/// Protocols with ports in their first four bytes: TCP, UDP, SCTP.
pub(super) const WITH_PORTS: [u32; 3] = [6, 17, 132];

// Words of scratch memory.
const FAMILY: u32 = 0;
const SOURCE: u32 = 1;
const DESTINATION: u32 = 5;
const PROTOCOL: u32 = 9;
const SOURCE_PORT: u32 = 10;
const DESTINATION_PORT: u32 = 11;
const HAS_PORTS: u32 = 12;
const SPARE: u32 = 13;

/// The program that keeps `keep_bytes` bytes of each packet that `rules` let through.
///
/// # Errors
/// [`CaptureError::FilterTooLong`] if the kernel takes no program of that length.
pub(super) fn compile(rules: &[Rule], link: Link, keep_bytes: u32) -> Result<Vec<Instruction>> {
    let mut program = Assembler::default();
    let (keep, drop) = (program.label(), program.label());

    // The loopback shows each packet twice.
    let is_taken = program.label();
    program.plain(LD_W_ABS, ANCILLARY_HARDWARE);
    program.branch_unless(JEQ_K, LOOPBACK, is_taken);
    program.plain(LD_W_ABS, ANCILLARY_PACKET_TYPE);
    program.branch_if(JEQ_K, OUTGOING, drop);
    program.here(is_taken);

    if !rules.is_empty() && !rules.iter().any(Rule::is_everything) {
        let try_rules = program.label();
        read_packet(&mut program, link, try_rules, drop);
        program.here(try_rules);
        if rules.iter().any(Rule::has_sides) {
            swap_unless_outgoing(&mut program);
            match_rules(&mut program, rules, (SOURCE, SOURCE_PORT), (DESTINATION, DESTINATION_PORT), keep);
            program.plain(LD_W_ABS, ANCILLARY_HARDWARE);
            program.branch_unless(JEQ_K, LOOPBACK, drop);
            match_rules(&mut program, rules, (DESTINATION, DESTINATION_PORT), (SOURCE, SOURCE_PORT), keep);
        } else {
            match_rules(&mut program, rules, (SOURCE, SOURCE_PORT), (DESTINATION, DESTINATION_PORT), keep);
        }
        program.jump(drop);
    }
    program.here(keep);
    program.plain(RET_K, keep_bytes);
    program.here(drop);
    program.plain(RET_K, 0);
    program.finish().map_err(|needed| CaptureError::FilterTooLong { needed })
}

/// Writes addresses, protocol and ports to scratch memory. What is not IP goes to `drop`.
fn read_packet(program: &mut Assembler, link: Link, done: Label, drop: Label) {
    // The kernel takes no program that reads a word nothing was written to.
    program.plain(LD_IMM, 0);
    (FAMILY..=HAS_PORTS).for_each(|word| program.plain(ST, word));

    match link {
        Link::Ethernet => {
            program.plain(LDX_IMM, 14);
            program.plain(LD_H_ABS, 12);
        }
        Link::Cooked => {
            program.plain(LDX_IMM, 0);
            program.plain(LD_W_ABS, ANCILLARY_PROTOCOL);
        }
    }
    let network = program.label();
    for _ in 0..MAX_TAGS {
        let tag = program.label();
        VLAN_TAGS.iter().for_each(|kind| program.branch_if(JEQ_K, *kind, tag));
        program.jump(network);
        program.here(tag);
        program.plain(LD_H_IND, 2);
        program.plain(ST, SPARE);
        advance(program, 4);
        program.plain(LD_MEM, SPARE);
    }
    program.here(network);
    let (v4, v6, ports) = (program.label(), program.label(), program.label());
    program.branch_if(JEQ_K, 0x0800, v4);
    program.branch_if(JEQ_K, 0x86dd, v6);
    program.jump(drop);

    program.here(v4);
    store(program, FAMILY, 4);
    copy(program, LD_W_IND, 12, SOURCE);
    copy(program, LD_W_IND, 16, DESTINATION);
    copy(program, LD_B_IND, 9, PROTOCOL);
    program.plain(LD_H_IND, 6);
    program.branch_if(JSET_K, 0x1fff, done);
    program.plain(LD_B_IND, 0);
    program.plain(AND_K, 0x0f);
    program.plain(LSH_K, 2);
    program.plain(ADD_X, 0);
    program.plain(TAX, 0);
    program.jump(ports);

    program.here(v6);
    store(program, FAMILY, 6);
    (0..4).for_each(|word| copy(program, LD_W_IND, 8 + 4 * word, SOURCE + word));
    (0..4).for_each(|word| copy(program, LD_W_IND, 24 + 4 * word, DESTINATION + word));
    copy(program, LD_B_IND, 6, PROTOCOL);
    advance(program, 40);
    for _ in 0..MAX_EXTENSIONS {
        extension(program, ports, done);
    }

    program.here(ports);
    let has_ports = program.label();
    program.plain(LD_MEM, PROTOCOL);
    WITH_PORTS.iter().for_each(|protocol| program.branch_if(JEQ_K, *protocol, has_ports));
    program.jump(done);
    program.here(has_ports);
    need(program, 4, done);
    copy(program, LD_H_IND, 0, SOURCE_PORT);
    copy(program, LD_H_IND, 2, DESTINATION_PORT);
    store(program, HAS_PORTS, 1);
}

/// Steps over one IPv6 extension header (RFC 8200, section 4) if there is one.
fn extension(program: &mut Assembler, ports: Label, done: Label) {
    let (options, fragment, next) = (program.label(), program.label(), program.label());
    program.plain(LD_MEM, PROTOCOL);
    program.branch_if(JEQ_K, 44, fragment);
    [0, 43, 60].iter().for_each(|header| program.branch_if(JEQ_K, *header, options));
    program.jump(ports);

    program.here(options);
    need(program, 2, done);
    copy(program, LD_B_IND, 0, PROTOCOL);
    program.plain(LD_B_IND, 1);
    program.plain(ADD_K, 1);
    program.plain(LSH_K, 3);
    program.plain(ADD_X, 0);
    program.plain(TAX, 0);
    program.jump(next);

    program.here(fragment);
    need(program, 8, done);
    copy(program, LD_B_IND, 0, PROTOCOL);
    program.plain(LD_H_IND, 2);
    program.branch_if(JSET_K, 0xfff8, done);
    advance(program, 8);
    program.here(next);
}

/// Goes to `short` if the packet has fewer than `bytes` bytes behind the index register. A load from there would end the
/// program, and filters that do not ask for these bytes would not be tried.
fn need(program: &mut Assembler, bytes: u32, short: Label) {
    program.plain(LD_LEN, 0);
    program.branch_unless(JGE_K, bytes, short);
    program.plain(SUB_K, bytes);
    program.branch_unless(JGE_X, 0, short);
}

fn advance(program: &mut Assembler, bytes: u32) {
    program.plain(TXA, 0);
    program.plain(ADD_K, bytes);
    program.plain(TAX, 0);
}

fn copy(program: &mut Assembler, load: u16, offset: u32, word: u32) {
    program.plain(load, offset);
    program.plain(ST, word);
}

fn store(program: &mut Assembler, word: u32, value: u32) {
    program.plain(LD_IMM, value);
    program.plain(ST, word);
}

/// Puts the machine's end in the place of the source.
fn swap_unless_outgoing(program: &mut Assembler) {
    let done = program.label();
    program.plain(LD_W_ABS, ANCILLARY_PACKET_TYPE);
    program.branch_if(JEQ_K, OUTGOING, done);
    let words = (0..4).map(|word| (SOURCE + word, DESTINATION + word));
    for (one, other) in words.chain([(SOURCE_PORT, DESTINATION_PORT)]) {
        program.plain(LD_MEM, one);
        program.plain(LDX_MEM, other);
        program.plain(ST, other);
        program.plain(STX, one);
    }
    program.here(done);
}

/// Goes to `keep` if a rule matches, with the words of scratch memory that hold address and port of each end.
fn match_rules(program: &mut Assembler, rules: &[Rule], local: (u32, u32), remote: (u32, u32), keep: Label) {
    for rule in rules {
        let next = program.label();
        let protocol = match rule.protocol {
            Protocol::Tcp => Some(6),
            Protocol::Udp => Some(17),
            Protocol::Any => None,
        };
        if let Some(protocol) = protocol {
            program.plain(LD_MEM, PROTOCOL);
            program.branch_unless(JEQ_K, protocol, next);
        }
        if rule.has_ports() {
            program.plain(LD_MEM, HAS_PORTS);
            program.branch_if(JEQ_K, 0, next);
        }
        match_addresses(program, &rule.local, local.0, next);
        match_addresses(program, &rule.remote, remote.0, next);
        match_ports(program, &rule.local_ports, local.1, next);
        match_ports(program, &rule.remote_ports, remote.1, next);
        program.jump(keep);
        program.here(next);
    }
}

fn match_ports(program: &mut Assembler, ports: &Ports, word: u32, no: Label) {
    match ports {
        Ports::Any => {}
        Ports::Range(first, last) => {
            program.plain(LD_MEM, word);
            program.branch_unless(JGE_K, (*first).into(), no);
            program.branch_if(JGT_K, (*last).into(), no);
        }
        Ports::List(list) => {
            let yes = program.label();
            program.plain(LD_MEM, word);
            list.iter().for_each(|port| program.branch_if(JEQ_K, (*port).into(), yes));
            program.jump(no);
            program.here(yes);
        }
    }
}

fn match_addresses(program: &mut Assembler, addresses: &Addresses, word: u32, no: Label) {
    let family = |program: &mut Assembler, family, no| {
        program.plain(LD_MEM, FAMILY);
        program.branch_unless(JEQ_K, family, no);
    };
    match addresses {
        Addresses::Any => {}
        Addresses::Range(IpAddr::V4(first), IpAddr::V4(last)) => {
            family(program, 4, no);
            program.plain(LD_MEM, word);
            program.branch_unless(JGE_K, first.to_bits(), no);
            program.branch_if(JGT_K, last.to_bits(), no);
        }
        Addresses::Range(IpAddr::V6(first), IpAddr::V6(last)) => {
            family(program, 6, no);
            at_least(program, *first, word, no);
            at_most(program, *last, word, no);
        }
        // The reader of ranges takes none of two families.
        Addresses::Range(..) => program.jump(no),
        Addresses::List(list) => {
            let (yes, try_v6) = (program.label(), program.label());
            let v4: Vec<Ipv4Addr> = list.iter().filter_map(|one| as_v4(*one)).collect();
            let v6: Vec<Ipv6Addr> = list.iter().filter_map(|one| as_v6(*one)).collect();
            if !v4.is_empty() {
                family(program, 4, try_v6);
                program.plain(LD_MEM, word);
                v4.iter().for_each(|address| program.branch_if(JEQ_K, address.to_bits(), yes));
                program.jump(no);
            }
            program.here(try_v6);
            if !v6.is_empty() {
                family(program, 6, no);
            }
            for address in v6 {
                let next = program.label();
                for (value, word) in words(address).into_iter().zip(word..) {
                    program.plain(LD_MEM, word);
                    program.branch_unless(JEQ_K, value, next);
                }
                program.jump(yes);
                program.here(next);
            }
            program.jump(no);
            program.here(yes);
        }
    }
}

/// Goes to `no` if the address in scratch memory is before `first`.
fn at_least(program: &mut Assembler, first: Ipv6Addr, word: u32, no: Label) {
    let yes = program.label();
    for (value, word) in words(first).into_iter().zip(word..) {
        program.plain(LD_MEM, word);
        program.branch_if(JGT_K, value, yes);
        program.branch_unless(JEQ_K, value, no);
    }
    program.here(yes);
}

/// Goes to `no` if the address in scratch memory is behind `last`.
fn at_most(program: &mut Assembler, last: Ipv6Addr, word: u32, no: Label) {
    let yes = program.label();
    for (value, word) in words(last).into_iter().zip(word..) {
        program.plain(LD_MEM, word);
        program.branch_if(JGT_K, value, no);
        program.branch_unless(JEQ_K, value, yes);
    }
    program.here(yes);
}

/// The four words of an address.
fn words(address: Ipv6Addr) -> [u32; 4] {
    let bits = address.to_bits();
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

fn as_v4(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn as_v6(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}
