//! Laws of taking packets apart and of filtering them.

use capkeep_pcap::{Decoded, Filter, LinkType, MAX_DEPTH, decode, decode_into};

/// Truncations tried from each end of a packet (chosen: all headers lie there, and all trailers).
const TRUNCATIONS: usize = 200;

/// Bytes in front of a packet: link type and length on the wire, little-endian.
const PREFIX: usize = 6;

/// Reads a packet: two bytes of link type, four of length on the wire, the bytes.
fn packet(data: &[u8]) -> Option<(LinkType, u32, &[u8])> {
    let (link, rest) = data.split_first_chunk::<2>()?;
    let (wire_len, bytes) = rest.split_first_chunk::<4>()?;
    // Most numbers are no link type: fold them to those that are.
    let link = u16::from_le_bytes(*link);
    let link = if link > 300 && link < 65_001 { link % 300 } else { link };
    Some((LinkType(link), u32::from_le_bytes(*wire_len), bytes))
}

fn check(link: LinkType, wire_len: u32, bytes: &[u8]) -> Option<Decoded> {
    let decoded = decode(link, bytes, wire_len);
    // A value that is used again keeps nothing.
    let mut again = Decoded::default();
    (again.vlan, again.payload_len, again.scope) = (Some(1), 7, 9);
    let outcome = decode_into(link, bytes, wire_len, &mut again);
    assert_eq!(decoded, outcome.map(|()| again), "decoding the same twice differs");
    let packet = decoded.ok()?;
    assert!(packet.tunnel_depth <= MAX_DEPTH, "{} tunnels", packet.tunnel_depth);
    assert_eq!(packet.tunnel.is_some(), packet.tunnel_depth > 0, "a depth without a tunnel");
    assert!(packet.payload_captured as usize <= bytes.len(), "more payload captured than there are bytes");
    assert!(packet.is_v6 || packet.source <= u128::from(u32::MAX), "an IPv4 address of more than 32 bits");
    assert!(
        packet.is_v6 || packet.destination <= u128::from(u32::MAX),
        "an IPv4 address of more than 32 bits"
    );
    Some(packet)
}

/// A packet, and every truncation of it, can be taken apart or is refused with a reason.
pub fn decoding_is_safe(data: &[u8]) {
    let Some((link, wire_len, bytes)) = packet(data) else { return };
    check(link, wire_len, bytes);
    let wire_len = wire_len.max(bytes.len() as u32);
    let tail = bytes.len().saturating_sub(TRUNCATIONS);
    for len in (0..bytes.len()).filter(|len| *len < TRUNCATIONS || *len >= tail) {
        // Cut by the snap length, and a packet that was as short as that.
        check(link, wire_len, &bytes[..len]);
        check(link, len as u32, &bytes[..len]);
    }
}

/// Whatever the words, they are a filter or an error that points into them; `not`, `and` and `or` around a filter mean
/// what they say. The packet stands in front of the expression: a byte of length, link type, length on the wire, bytes.
pub fn filtering_is_boolean(data: &[u8]) {
    let Some((len, rest)) = data.split_first() else { return };
    let (head, words) = rest.split_at(rest.len().min(usize::from(*len).max(PREFIX)));
    let expression = String::from_utf8_lossy(words);
    let filter = match Filter::parse(&expression) {
        Ok(filter) => filter,
        Err(error) => {
            let len = expression.chars().count();
            assert!(error.position <= len, "an error at {} of {len} characters", error.position);
            return;
        }
    };
    let Some((link, wire_len, bytes)) = packet(head) else { return };
    let Some(packet) = check(link, wire_len, bytes) else { return };
    let is_wanted = filter.matches(&packet, wire_len);
    if expression.trim().is_empty() {
        assert!(is_wanted, "an empty filter lets every packet through");
        return;
    }
    let around = |text: String| Filter::parse(&text).ok().map(|filter| filter.matches(&packet, wire_len));
    for (text, expected) in [
        (format!("({expression})"), is_wanted),
        (format!("not ({expression})"), !is_wanted),
        (format!("({expression}) and ({expression})"), is_wanted),
        (format!("({expression}) or not ({expression})"), true),
        (format!("({expression}) and not ({expression})"), false),
    ] {
        // It may have become too long or too deep.
        if let Some(found) = around(text.clone()) {
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
