//! DHCP (RFC 2131, RFC 2132), and which messages of DHCPv6 (RFC 8415) came.
//!
//! Read here: the libraries for it bring a resolver's types along, and take a packet whole or not at all.

use std::net::Ipv4Addr;

use super::said::Said;
use super::tally::count;
use super::text::text;

/// What a flow said in DHCP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dhcp {
    /// Message types and how often each came, by type. Of DHCPv4: 1 discover, 2 offer, 3 request, 4 decline, 5
    /// acknowledgement, 6 refusal, 7 release, 8 inform; 0 for BOOTP without a type.
    pub types: Vec<(u8, u64)>,
    /// True for DHCPv6, whose types have other numbers.
    pub is_v6: bool,
    /// Name that a client gave itself, not printable bytes as `\DDD`.
    pub host_name: Option<Box<str>>,
    /// Address of the server, as it named itself.
    pub server: Option<Ipv4Addr>,
    /// Address that was given or offered last.
    pub address: Option<Ipv4Addr>,
    /// Hardware address of the last client.
    pub client_mac: Option<[u8; 6]>,
    /// How long the address may be kept; seconds.
    pub lease: Option<u32>,
}

/// Name of a message type of DHCPv4.
pub fn dhcp_type_name(kind: u8) -> Option<&'static str> {
    const NAMES: [&str; 9] =
        ["bootp", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
    NAMES.get(usize::from(kind)).copied()
}

/// What begins the options (RFC 2131, section 3).
const COOKIE: &[u8] = &[99, 130, 83, 99];
const OPTIONS_AT: usize = 236;

impl Dhcp {
    /// Takes what a packet says.
    pub(super) fn take(&mut self, said: &Said<'_>) {
        if said.has_port(546) || said.has_port(547) {
            self.is_v6 = true;
            if let Some(kind) = said.payload.first() {
                count(&mut self.types, *kind, 32);
            }
            return;
        }
        let Some([_, hardware, length, ..]) = said.payload.get(..OPTIONS_AT) else { return };
        if (*hardware, *length) == (1, 6) {
            self.client_mac = said.payload.get(28..).and_then(|rest| rest.first_chunk()).copied();
        }
        let address = address(said.payload.get(16..20)).filter(|address| !address.is_unspecified());
        self.address = address.or(self.address);
        let mut kind = 0;
        let mut rest =
            said.payload.get(OPTIONS_AT..).and_then(|o| o.strip_prefix(COOKIE)).unwrap_or_default();
        while let [code, tail @ ..] = rest {
            match (code, tail) {
                (0, _) => rest = tail,
                (1..=254, [length, tail @ ..]) => {
                    let Some((value, next)) = tail.split_at_checked(usize::from(*length)) else { break };
                    match (code, value) {
                        (53, [value]) => kind = *value,
                        (12, [_, ..]) => self.host_name = Some(text(value)),
                        (54, _) => self.server = self::address(Some(value)).or(self.server),
                        (51, [a, b, c, d]) => self.lease = Some(u32::from_be_bytes([*a, *b, *c, *d])),
                        _ => {}
                    }
                    rest = next;
                }
                _ => break,
            }
        }
        count(&mut self.types, kind, 32);
    }
}

fn address(bytes: Option<&[u8]>) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes?).ok().map(Ipv4Addr::from)
}

/// True if this can be a packet on these ports.
pub(crate) fn is_packet(said: &Said<'_>) -> bool {
    let is_v4 = matches!(said.ports, (67 | 68, 67 | 68))
        && matches!(said.payload, [1 | 2, ..])
        && said.payload.len() >= OPTIONS_AT;
    let is_v6 = matches!(said.ports, (546 | 547, _) | (_, 546 | 547))
        && matches!(said.payload, [1..=36, _, _, _, ..]);
    is_v4 || is_v6
}

#[cfg(test)]
mod tests {
    use super::{Dhcp, OPTIONS_AT};
    use crate::apps::tests::said;

    #[test]
    fn options_are_read_as_far_as_they_are_there() {
        let mut packet = vec![1, 1, 6, 0];
        packet.resize(OPTIONS_AT, 0);
        packet[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 9]);
        packet.extend([99, 130, 83, 99, 53, 1, 3, 12, 4, b'h', 0x1b, b's', b't', 54, 4, 10, 0, 0, 1, 255]);
        let mut dhcp = Dhcp::default();
        dhcp.take(&said(&packet));
        assert_eq!(dhcp.types, [(3, 1)]);
        assert_eq!(dhcp.host_name.as_deref(), Some("h\\027st"));
        assert_eq!(dhcp.server, Some([10, 0, 0, 1].into()));
        assert_eq!(dhcp.client_mac, Some([2, 0, 0, 0, 0, 9]));
        for end in 1..packet.len() {
            Dhcp::default().take(&said(&packet[..end]));
        }
        let giant = [&packet[..240], &[12, 255, b'x']].concat();
        let mut dhcp = Dhcp::default();
        dhcp.take(&said(&giant));
        assert_eq!(dhcp.host_name, None);
    }
}
