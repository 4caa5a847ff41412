//! What a capture file says of itself.

use crate::LinkType;

/// File format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// libpcap, microseconds.
    Pcap,
    /// libpcap, nanoseconds.
    PcapNanos,
    /// libpcap with Alexey Kuznetzov's longer record header.
    PcapModified,
    /// libpcap of Red Hat 6.1: the longer record header under the usual magic.
    PcapRedHat,
    /// libpcap of `SuSE` 6.3: a longer record header still.
    PcapSuse,
    /// libpcap of Nokia IPSO.
    PcapNokia,
    /// libpcap of AIX.
    PcapAix,
    /// pcapng.
    PcapNg,
    /// Microsoft Network Monitor 1.x.
    NetMon1,
    /// Microsoft Network Monitor 2.x.
    NetMon2,
    /// Sun snoop (RFC 1761).
    Snoop,
}

impl Format {
    /// Name as `capinfos` writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcap => "pcap",
            Self::PcapNanos => "nsecpcap",
            Self::PcapModified => "modpcap",
            Self::PcapRedHat => "rh6_1pcap",
            Self::PcapSuse => "suse6_3pcap",
            Self::PcapNokia => "nokiapcap",
            Self::PcapAix => "aixpcap",
            Self::PcapNg => "pcapng",
            Self::NetMon1 => "netmon1",
            Self::NetMon2 => "netmon2",
            Self::Snoop => "snoop",
        }
    }
}

/// What the capture is wrapped in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), members one after the other included.
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// LZ4 frames.
    Lz4,
    /// xz.
    Xz,
}

impl Compression {
    /// Short name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Xz => "xz",
        }
    }
}

/// Packets that were lost before they reached the file, as the file counts them (pcapng statistics blocks, drop
/// counts of pcapng and snoop packet records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Packets the interface received (`isb_ifrecv`).
    pub received: Option<u64>,
    /// Packets the interface dropped (`isb_ifdrop`).
    pub by_interface: Option<u64>,
    /// Packets the operating system dropped (`isb_osdrop`).
    pub by_system: Option<u64>,
    /// Packets lost between packets, as their records count them (`epb_dropcount`, the drops count of the
    /// obsolete packet block, snoop's cumulative drops).
    pub between_packets: Option<u64>,
}

/// One capture interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// What its packets start with.
    pub link_type: LinkType,
    /// Most bytes kept of a packet; 0 = no limit.
    pub snap_len: u32,
    /// Name, such as `eth0`.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Capture filter.
    pub filter: Option<String>,
    /// Packets seen of it in the file.
    pub packets: u64,
    /// Loss counters; the last statistics block wins.
    pub drops: Drops,
}

/// What is known of a file besides its packets. Grows while it is read; complete at its end.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// File format.
    pub format: Option<Format>,
    /// Compression around it.
    pub compression: Option<Compression>,
    /// Interfaces in order of appearance over all sections, at most [`Facts::MAX_INTERFACES`] are described;
    /// packets of further ones carry the last index.
    pub interfaces: Vec<Interface>,
    /// Sections (pcapng); 1 for other formats.
    pub sections: u32,
    /// Capturing hardware.
    pub hardware: Option<String>,
    /// Operating system it was captured on.
    pub os: Option<String>,
    /// Application that wrote it.
    pub application: Option<String>,
    /// The first comments in the file, at most [`Facts::MAX_COMMENTS`].
    pub comments: Vec<String>,
    /// Comments in all.
    pub comment_count: u64,
    /// Records that are not packets, by kind, in order of first appearance (`name resolution`, `custom`, …).
    pub other_records: Vec<(String, u64)>,
    /// Packets whose records carry no time.
    pub without_time: u64,
}

impl Facts {
    /// Most interfaces described (chosen: far more than any host has, small enough to hold).
    pub const MAX_INTERFACES: usize = 4096;
    /// Most comments kept (chosen: more than a person reads).
    pub const MAX_COMMENTS: usize = 64;

    /// Counts packets of an interface.
    pub(crate) fn count_packets(&mut self, interface: u32, packets: u64) {
        if let Some(interface) = self.interfaces.get_mut(interface as usize) {
            interface.packets += packets;
        }
    }

    /// Counts packets lost between two packets of an interface.
    pub(crate) fn count_drops(&mut self, interface: u32, drops: u64) {
        if let Some(interface) = self.interfaces.get_mut(interface as usize) {
            let sum = interface.drops.between_packets.get_or_insert(0);
            *sum = sum.saturating_add(drops);
        }
    }

    /// Counts a record that is not a packet.
    pub(crate) fn count_other(&mut self, kind: &str) {
        match self.other_records.iter_mut().find(|(name, _)| name == kind) {
            Some((_, count)) => *count += 1,
            None => self.other_records.push((kind.to_owned(), 1)),
        }
    }

    /// Counts a comment and keeps it while there is room.
    pub(crate) fn count_comment(&mut self, comment: impl FnOnce() -> Option<String>) {
        self.comment_count += 1;
        if self.comments.len() < Self::MAX_COMMENTS {
            self.comments.extend(comment());
        }
    }
}
