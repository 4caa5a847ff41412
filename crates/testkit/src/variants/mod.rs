//! One set of packets, written in many ways.

mod base;
mod compressed;
mod expected;
mod extension_headers;
mod formats;
mod fragments;
mod icmp_errors;
mod ip_tunnels;
mod link_types;
mod offload;
mod order;
mod pcapng_blocks;
mod sctp;
mod snap;
mod stubs;
mod tags;
mod udp_tunnels;

use std::{fs, io, path::Path};

pub use base::BASE;
pub use expected::{Detail, Ending, Expected};

/// A way to write the base set.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Unique name: lower case, digits and hyphens.
    pub name: &'static str,
    /// File name extension, without the dot.
    pub extension: &'static str,
    /// What is special about it, one sentence.
    pub doc: &'static str,
    make: fn() -> (Vec<u8>, Expected),
}

impl Variant {
    /// The file's bytes and what is in them.
    pub fn bytes(&self) -> (Vec<u8>, Expected) {
        (self.make)()
    }

    /// Name and extension.
    pub fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.extension)
    }

    /// Writes the file and says what is in it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, path: &Path) -> io::Result<Expected> {
        let (bytes, expected) = self.bytes();
        fs::write(path, bytes)?;
        Ok(expected)
    }
}

/// All variants.
pub const fn variants() -> &'static [Variant] {
    VARIANTS
}

const VARIANTS: &[Variant] = &[
    formats::PCAP_US_LE,
    formats::PCAP_US_BE,
    formats::PCAP_NS_LE,
    formats::PCAP_NS_BE,
    formats::PCAP_MODIFIED_LE,
    formats::PCAP_MODIFIED_BE,
    formats::PCAPNG_LE,
    formats::PCAPNG_BE,
    formats::NETMON_1,
    formats::NETMON_2_0,
    formats::NETMON_2_1,
    formats::NETMON_2_2,
    formats::NETMON_2_3,
    formats::SNOOP,
    pcapng_blocks::SECTIONS,
    pcapng_blocks::TURNING,
    pcapng_blocks::SIMPLE,
    pcapng_blocks::OBSOLETE,
    pcapng_blocks::EXTRAS,
    compressed::GZIP,
    compressed::GZIP_MEMBERS,
    compressed::GZIP_PCAPNG,
    compressed::GZIP_CUT,
    compressed::ZSTD,
    compressed::LZ4,
    compressed::XZ,
    link_types::LINUX_SLL,
    link_types::LINUX_SLL2,
    link_types::RAW,
    link_types::IPV4,
    link_types::IPV6,
    link_types::NULL_LE,
    link_types::NULL_BE,
    link_types::LOOP,
    link_types::PPP,
    link_types::PPP_BARE,
    tags::VLAN,
    tags::QINQ,
    tags::QINQ_9100,
    tags::MPLS_1,
    tags::MPLS_3,
    tags::PPPOE,
    udp_tunnels::VXLAN,
    udp_tunnels::GENEVE,
    udp_tunnels::GTPU,
    udp_tunnels::GTPU_EXTENSION,
    udp_tunnels::TEREDO,
    udp_tunnels::MPLS_UDP,
    ip_tunnels::GRE,
    ip_tunnels::NVGRE,
    ip_tunnels::ERSPAN_2,
    ip_tunnels::ERSPAN_3,
    ip_tunnels::IP_IN_IP,
    ip_tunnels::SIX_IN_FOUR,
    ip_tunnels::FOUR_IN_SIX,
    ip_tunnels::NESTED,
    extension_headers::IPV6_EXTENSIONS,
    fragments::FRAGMENTS,
    fragments::FRAGMENTS_REVERSED,
    icmp_errors::ICMP_ERRORS,
    sctp::SCTP,
    offload::LSO_ZERO,
    offload::LSO_KEPT,
    snap::SNAP_34,
    snap::SNAP_64,
    snap::SNAP_96,
    order::TIMES_SHUFFLED,
    order::PACKETS_SHUFFLED,
    order::TWICE,
    order::YEAR_2038,
    order::YEAR_2100,
    stubs::CUT_RECORD,
    stubs::CUT_HEADER,
    stubs::EMPTY_PCAP,
    stubs::EMPTY_PCAPNG,
    stubs::ZERO_BYTES,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Ending, Expected, base::base, variants};
    use crate::FlowTruth;

    #[test]
    fn names_are_unique_and_every_variant_is_described() {
        let names: BTreeSet<_> = variants().iter().map(|v| v.name).collect();
        assert_eq!(names.len(), variants().len());
        for variant in variants() {
            assert!(variant.doc.ends_with('.') && variant.doc.len() > 20, "{}", variant.name);
            assert!(variant.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
        }
    }

    #[test]
    fn nothing_vanishes() {
        for variant in variants() {
            let (bytes, expected) = variant.bytes();
            let in_flows: u64 = expected.flows.iter().map(FlowTruth::packets).sum();
            assert_eq!(in_flows + expected.without_flow, expected.packets, "{}", variant.name);
            assert!(expected.icmp_errors <= expected.without_flow, "{}", variant.name);
            assert!(expected.captured_bytes <= expected.wire_bytes, "{}", variant.name);
            assert_eq!(bytes.is_empty(), expected.ending == Ending::EmptyFile, "{}", variant.name);
        }
    }

    #[test]
    fn a_variant_is_the_same_every_time() {
        for variant in variants() {
            assert_eq!(variant.bytes(), variant.bytes(), "{}", variant.name);
        }
    }

    #[test]
    fn what_is_counted_from_packets_is_what_the_generator_planned() {
        let base = base();
        let Expected { flows, packets, .. } = base.expected();
        assert_eq!(packets, 2000);
        assert_eq!(flows, base.flows);
    }

    #[test]
    fn the_base_set_has_something_of_everything() {
        let base = base();
        let has = |what: &dyn Fn(&FlowTruth) -> bool| base.flows.iter().filter(|f| what(f)).count();
        for protocol in ["tcp", "udp", "icmp", "icmp6"] {
            assert!(has(&|f| f.protocol.name() == protocol) > 0, "{protocol}");
        }
        for state in ["S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "OTH"] {
            assert!(has(&|f| f.conn_state.name() == state) > 0, "{state}");
        }
        assert!(has(&|f| f.client.is_ipv6()) > 10);
    }
}
