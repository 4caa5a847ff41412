//! What the kernel tells beside a packet (cmsg(3), packet(7)), and the packet put together as it belongs into a file.

use std::mem::{offset_of, size_of};

use libc::{c_int, sockaddr_ll};

use super::bpf::Link;

/// Bytes of the VLAN tag that a card took off.
const TAG: usize = 4;
/// `TP_STATUS_VLAN_VALID` and `TP_STATUS_VLAN_TPID_VALID` of `linux/if_packet.h`.
const TAG_VALID: u32 = 1 << 4;
const TAG_KIND_VALID: u32 = 1 << 6;

/// The packet as it belongs into a file, and its length on the wire: with the tag a card took off, and with the header of a
/// cooked capture.
pub(super) fn frame<'a>(
    link: Link,
    name: &sockaddr_ll,
    data: &'a [u8],
    wire_bytes: u32,
    control: &Control,
    assembled: &'a mut Vec<u8>,
) -> (&'a [u8], u32) {
    // Where the EtherType stands: behind two addresses, or at the end of the cooked header.
    let tag_at = match link {
        Link::Ethernet if control.tag.is_none() || data.len() < 12 => return (data, wire_bytes),
        Link::Ethernet => 12,
        Link::Cooked => 14,
    };
    assembled.clear();
    let mut wire_bytes = wire_bytes;
    if link == Link::Cooked {
        // https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html
        assembled.extend(u16::from(name.sll_pkttype).to_be_bytes());
        assembled.extend(name.sll_hatype.to_be_bytes());
        assembled.extend(u16::from(name.sll_halen).to_be_bytes());
        assembled.extend(name.sll_addr);
        assembled.extend(name.sll_protocol.to_ne_bytes());
        wire_bytes = wire_bytes.saturating_add(16);
    }
    assembled.extend(data);
    if let Some((kind, tag)) = control.tag {
        let [a, b] = kind.to_be_bytes();
        let [c, d] = tag.to_be_bytes();
        assembled.splice(tag_at..tag_at, [a, b, c, d]);
        wire_bytes = wire_bytes.saturating_add(TAG as u32);
    }
    (assembled, wire_bytes)
}

/// What control messages say of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) time_ns: Option<i64>,
    pub(super) wire_bytes: Option<u32>,
    /// `EtherType` and tag.
    tag: Option<(u16, u16)>,
}

impl Control {
    /// Reads messages as the kernel writes them (cmsg(3)).
    pub(super) fn read(mut bytes: &[u8]) -> Self {
        const HEADER: usize = size_of::<libc::cmsghdr>();
        let mut control = Self::default();
        while let Some(length) = number(bytes, 0).map(usize::from_ne_bytes) {
            let level = number(bytes, offset_of!(libc::cmsghdr, cmsg_level)).map(c_int::from_ne_bytes);
            let kind = number(bytes, offset_of!(libc::cmsghdr, cmsg_type)).map(c_int::from_ne_bytes);
            let Some(body) = bytes.get(HEADER..length) else { break };
            match (level, kind) {
                (Some(libc::SOL_SOCKET), Some(libc::SCM_TIMESTAMPNS)) => control.time_ns = time(body),
                (Some(libc::SOL_PACKET), Some(libc::PACKET_AUXDATA)) => control.auxiliary(body),
                _ => {}
            }
            let next = length.next_multiple_of(size_of::<usize>());
            bytes = bytes.get(next..).unwrap_or_default();
        }
        control
    }

    /// `tpacket_auxdata` of `linux/if_packet.h`.
    fn auxiliary(&mut self, body: &[u8]) {
        let status = number(body, 0).map_or(0, u32::from_ne_bytes);
        self.wire_bytes = number(body, 4).map(u32::from_ne_bytes);
        let tag = number(body, 16).map_or(0, u16::from_ne_bytes);
        // Kernels before 3.0 say nothing of a tag but its number.
        if status & TAG_VALID != 0 || tag != 0 {
            let kind = number(body, 18).map(u16::from_ne_bytes).filter(|_| status & TAG_KIND_VALID != 0);
            self.tag = Some((kind.unwrap_or(0x8100), tag));
        }
    }
}

/// A `timespec` in nanoseconds.
#[allow(clippy::useless_conversion, reason = "a long has 32 bits on some machines")]
fn time(body: &[u8]) -> Option<i64> {
    const LONG: usize = size_of::<libc::c_long>();
    let seconds = number(body, 0).map(libc::c_long::from_ne_bytes)?;
    let nanos = number(body, LONG).map(libc::c_long::from_ne_bytes)?;
    i64::from(seconds).checked_mul(1_000_000_000)?.checked_add(i64::from(nanos))
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
