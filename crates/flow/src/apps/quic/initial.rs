//! Long headers, and the keys of Initial packets (RFC 9001, section 5.2; RFC 9369, section 3.3).
//!
//! Initial packets are encrypted with keys that follow from the connection id they show, so everybody can read them.

use aes_gcm::aead::{AeadInOut as _, KeyInit as _};
use aes_gcm::aes::cipher::BlockCipherEncrypt as _;
use aes_gcm::aes::{Aes128, Block};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

pub(super) const V1: u32 = 1;
pub(super) const V2: u32 = 0x6b33_43cf;

const SALT_V1: [u8; 20] = [
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc,
    0xbb, 0x7f, 0x0a,
];
const SALT_V2: [u8; 20] = [
    0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9,
    0xbd, 0x2e, 0xd9,
];

/// Longest connection id (RFC 9000, section 17.2).
const LONGEST_ID: u8 = 20;

/// Kinds of packets with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    VersionNegotiation,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Long<'a> {
    pub(super) kind: Kind,
    pub(super) version: u32,
    /// Where it is sent to.
    pub(super) destination: &'a [u8],
    /// The packet alone, as far as it is there.
    pub(super) packet: &'a [u8],
    /// Where the packet number begins, in an Initial packet.
    number_at: usize,
    /// Bytes after it in the same datagram.
    pub(super) rest: &'a [u8],
}

impl<'a> Long<'a> {
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let first = *datagram.first()?;
        if first & 0x80 == 0 {
            return None;
        }
        let version = u32::from_be_bytes(*datagram.get(1..)?.first_chunk()?);
        let (destination, at) = id(datagram, 5)?;
        let (_, at) = id(datagram, at)?;
        let bits = first >> 4 & 3;
        let kind = match version {
            0 => Kind::VersionNegotiation,
            // The fixed bit.
            _ if first & 0x40 == 0 => return None,
            V2 => [Kind::Retry, Kind::Initial, Kind::ZeroRtt, Kind::Handshake][usize::from(bits)],
            _ => [Kind::Initial, Kind::ZeroRtt, Kind::Handshake, Kind::Retry][usize::from(bits)],
        };
        let whole = Self { kind, version, destination, packet: datagram, number_at: 0, rest: &[] };
        if matches!(kind, Kind::VersionNegotiation | Kind::Retry) {
            return Some(whole);
        }
        let at = if kind == Kind::Initial {
            let (length, at) = varint(datagram, at)?;
            at.checked_add(usize::try_from(length).ok()?)?
        } else {
            at
        };
        let (length, number_at) = varint(datagram, at)?;
        let end = number_at.checked_add(usize::try_from(length).ok()?)?;
        let (packet, rest) = datagram.split_at_checked(end).unwrap_or((datagram, &[]));
        Some(Self { packet, number_at, rest, ..whole })
    }
}

/// True if a datagram begins with a long header of a version that is known, or refuses a version.
pub(crate) fn is_long_header(payload: &[u8]) -> bool {
    let Some([first, a, b, c, d]) = payload.first_chunk() else { return false };
    let version = u32::from_be_bytes([*a, *b, *c, *d]);
    let is_known = matches!(version, V1 | V2 | 0xff00_0011..=0xff00_0022) && first & 0xc0 == 0xc0;
    is_known && Long::read(payload).is_some()
}

/// A connection id behind its length, and where what follows begins.
fn id(datagram: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = *datagram.get(at)?;
    let end = at + 1 + usize::from(length);
    (length <= LONGEST_ID).then_some((datagram.get(at + 1..end)?, end))
}

/// An integer of one, two, four or eight bytes (RFC 9000, section 16), and where what follows begins.
pub(super) fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let first = *bytes.get(at)?;
    let length = 1usize << (first >> 6);
    let rest = bytes.get(at + 1..at + length)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, at + length))
}

/// The keys of one direction.
#[derive(Clone)]
struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    mask: [u8; 16],
}

/// The keys of both directions, client first.
#[derive(Clone)]
pub(super) struct Secrets([Keys; 2]);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// The keys that follow from where the client sent its first packet to.
    pub(super) fn new(version: u32, destination: &[u8]) -> Option<Self> {
        let (salt, prefix) = match version {
            V1 => (&SALT_V1, "quic"),
            V2 => (&SALT_V2, "quicv2"),
            _ => return None,
        };
        let initial = Hkdf::<Sha256>::new(Some(salt), destination);
        let side = |label: &str| {
            let mut secret = [0; 32];
            expand(&initial, label, &mut secret)?;
            let side = Hkdf::<Sha256>::from_prk(&secret).ok()?;
            let mut keys = Keys { key: [0; 16], iv: [0; 12], mask: [0; 16] };
            expand(&side, &format!("{prefix} key"), &mut keys.key)?;
            expand(&side, &format!("{prefix} iv"), &mut keys.iv)?;
            expand(&side, &format!("{prefix} hp"), &mut keys.mask)?;
            Some(keys)
        };
        Some(Self([side("client in")?, side("server in")?]))
    }

    /// Reads an Initial packet of the client or the server; its frames, or `None` if the keys are others.
    pub(super) fn open(&self, long: &Long<'_>, from_client: bool) -> Option<Vec<u8>> {
        let [client, server] = &self.0;
        let keys = if from_client { client } else { server };
        // Header protection: a sample of the encrypted bytes tells which bits are flipped.
        let sample: &[u8; 16] = long.packet.get(long.number_at + 4..)?.first_chunk()?;
        let mut mask = Block::from(*sample);
        Aes128::new(&keys.mask.into()).encrypt_block(&mut mask);
        let [m0, m1, m2, m3, m4, ..] = mask.0;
        let first = long.packet.first()? ^ (m0 & 0x0f);
        let length = usize::from(first & 3) + 1;
        let mut header = long.packet.get(..long.number_at + length)?.to_vec();
        *header.first_mut()? = first;
        let mut number = 0u64;
        for (byte, bits) in header.get_mut(long.number_at..)?.iter_mut().zip([m1, m2, m3, m4]) {
            *byte ^= bits;
            number = number << 8 | u64::from(*byte);
        }
        let mut nonce = keys.iv;
        for (byte, bits) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= bits;
        }
        let sealed = long.packet.get(long.number_at + length..)?;
        let (text, tag) = sealed.split_last_chunk::<16>()?;
        let mut text = text.to_vec();
        if cfg!(fuzzing) {
            // No fuzzer finds the right key: it writes the frames in the clear.
            return Some(text);
        }
        let cipher = Aes128Gcm::new(&keys.key.into());
        let nonce = Nonce::from(nonce);
        cipher.decrypt_inout_detached(&nonce, &header, text.as_mut_slice().into(), &Tag::from(*tag)).ok()?;
        Some(text)
    }
}

/// An Initial packet of version 1 with these handshake messages, for tests.
#[cfg(test)]
pub(crate) fn seal(messages: &[u8], from_client: bool) -> Vec<u8> {
    let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
    let [client, server] = Secrets::new(V1, &id).unwrap().0;
    let keys = if from_client { client } else { server };
    let length = |length: usize| (0x4000 | length as u16).to_be_bytes();
    let mut text = [&[6, 0][..], &length(messages.len()), messages].concat();
    text.resize(text.len().max(200), 0);
    let (to, from): (&[u8], &[u8]) = if from_client { (&id, &[]) } else { (&[], &id) };
    let mut packet = vec![0xc0, 0, 0, 0, 1, to.len() as u8];
    packet.extend(to);
    packet.push(from.len() as u8);
    packet.extend(from);
    packet.push(0);
    packet.extend(length(1 + text.len() + 16));
    let number_at = packet.len();
    packet.push(0);
    let cipher = Aes128Gcm::new(&keys.key.into());
    let tag =
        cipher.encrypt_inout_detached(&Nonce::from(keys.iv), &packet, text.as_mut_slice().into()).unwrap();
    packet.extend(text);
    packet.extend(tag);
    let mut mask = Block::from(<[u8; 16]>::try_from(&packet[number_at + 4..number_at + 20]).unwrap());
    Aes128::new(&keys.mask.into()).encrypt_block(&mut mask);
    packet[0] ^= mask[0] & 0x0f;
    packet[number_at] ^= mask[1];
    packet
}

/// HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
fn expand(secret: &Hkdf<Sha256>, label: &str, out: &mut [u8]) -> Option<()> {
    let mut info = Vec::with_capacity(32);
    info.extend((out.len() as u16).to_be_bytes());
    info.push(6 + label.len() as u8);
    info.extend(b"tls13 ");
    info.extend(label.as_bytes());
    info.push(0);
    secret.expand(&info, out).ok()
}

#[cfg(test)]
mod tests {
    use super::{Secrets, V1, V2, varint};
    use crate::apps::text::hex;

    #[test]
    fn keys_are_those_of_the_specifications() {
        let id = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
        let [client, server] = Secrets::new(V1, &id).unwrap().0;
        assert_eq!(hex(&client.key), "1f369613dd76d5467730efcbe3b1a22d");
        assert_eq!(hex(&client.iv), "fa044b2f42a3fd3b46fb255c");
        assert_eq!(hex(&client.mask), "9f50449e04a0e810283a1e9933adedd2");
        assert_eq!(hex(&server.key), "cf3a5331653c364c88f0f379b6067e37");
        let [client, _] = Secrets::new(V2, &id).unwrap().0;
        assert_eq!(hex(&client.key), "8b1a0bc121284290a29e0971b5cd045d");
        assert!(Secrets::new(0xff00_001d, &id).is_none());
    }

    #[test]
    fn integers_have_four_lengths() {
        assert_eq!(
            varint(&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 0),
            Some((151_288_809_941_952_652, 8))
        );
        assert_eq!(varint(&[0x9d, 0x7f, 0x3e, 0x7d], 0), Some((494_878_333, 4)));
        assert_eq!(varint(&[0x7b, 0xbd], 0), Some((15293, 2)));
        assert_eq!(varint(&[0x25], 0), Some((37, 1)));
        assert_eq!(varint(&[0xc2, 0], 0), None);
    }
}
