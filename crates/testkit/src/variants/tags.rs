//! Things between Ethernet and IP.

use super::{
    Expected, Variant,
    base::{base, ethernet, is_v6},
    link_types::ethernet_pcap,
};
use crate::packet::Packet;

/// Puts `between` in front of the Ethernet type; the type stays.
fn tagged(between: &'static [u8]) -> (Vec<u8>, Expected) {
    ethernet_pcap(base(), move |packet, ip| {
        let (addresses, kind) = ethernet(packet).split_at_checked(12)?;
        Some([addresses, between, kind, ip].concat())
    })
}

/// Puts `between`, which starts with an Ethernet type, in the place of the Ethernet type.
fn replaced(between: impl Fn(&Packet, &[u8]) -> Vec<u8>) -> (Vec<u8>, Expected) {
    ethernet_pcap(base(), |packet, ip| Some([ethernet(packet).get(..12)?, &between(packet, ip), ip].concat()))
}

pub(super) const VLAN: Variant = Variant {
    name: "vlan",
    extension: "pcap",
    doc: "802.1Q: VLAN 100, priority 5.",
    make: || tagged(&[0x81, 0x00, 0xa0, 0x64]),
};

pub(super) const QINQ: Variant = Variant {
    name: "qinq",
    extension: "pcap",
    doc: "802.1ad: 88a8 with VLAN 200 outside, 8100 with VLAN 100 inside.",
    make: || tagged(&[0x88, 0xa8, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64]),
};

pub(super) const QINQ_9100: Variant = Variant {
    name: "qinq-9100",
    extension: "pcap",
    doc: "Two tags, the outer one of the old private type 9100.",
    make: || tagged(&[0x91, 0x00, 0x00, 0xc8, 0x81, 0x00, 0x00, 0x64]),
};

pub(super) const MPLS_1: Variant = Variant {
    name: "mpls-1",
    extension: "pcap",
    doc: "MPLS with one label, 16.",
    make: || replaced(|_, _| vec![0x88, 0x47, 0x00, 0x01, 0x01, 0x40]),
};

pub(super) const MPLS_3: Variant = Variant {
    name: "mpls-3",
    extension: "pcap",
    doc: "MPLS with three labels, 16, 17 and 18.",
    make: || {
        replaced(|_, _| {
            vec![0x88, 0x47, 0x00, 0x01, 0x00, 0x40, 0x00, 0x01, 0x10, 0x40, 0x00, 0x01, 0x21, 0x40]
        })
    },
};

pub(super) const PPPOE: Variant = Variant {
    name: "pppoe",
    extension: "pcap",
    doc: "PPP over Ethernet, session 1.",
    make: || {
        replaced(|_, ip| {
            let [high, low] = (ip.len() as u16 + 2).to_be_bytes();
            vec![0x88, 0x64, 0x11, 0x00, 0x00, 0x01, high, low, 0x00, if is_v6(ip) { 0x57 } else { 0x21 }]
        })
    },
};
