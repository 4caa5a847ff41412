//! Laws of what applications are heard to say.

use capkeep_flow::{Apps, Utterance, hear};

/// Most utterances of an input (chosen: a flow is listened to for a few dozen packets).
const MOST: usize = 200;

/// Takes an input apart: for each packet a byte of bits (who speaks, whether it follows on what was said, whether the
/// capture cut it), a length, and the payload.
fn packets(mut data: &[u8]) -> Vec<Utterance<'_>> {
    let mut next = [1u32, 1];
    let mut all = Vec::new();
    while let [bits, low, high, rest @ ..] = data
        && all.len() < MOST
    {
        let length = usize::from(u16::from_le_bytes([*low, *high & 7])).min(rest.len());
        let (payload, tail) = rest.split_at(length);
        data = tail;
        let from_server = bits & 1 != 0;
        let side = usize::from(from_server);
        // Mostly in order, at times again, ahead, or far away.
        let seq = match bits >> 1 & 7 {
            0..=3 => next[side],
            4 => next[side].wrapping_sub(u32::from(*high)),
            5 => next[side].wrapping_add(u32::from(*high)),
            6 => next[side].wrapping_add(0x8000_0000),
            _ => 1,
        };
        let cut = if bits & 0x80 != 0 { u32::from(*high) + 1 } else { 0 };
        let ack = (bits & 0x40 == 0).then_some(next[1 - side]);
        all.push(Utterance { from_server, seq, ack, payload, cut });
        next[side] = seq.wrapping_add(length as u32 + cut);
    }
    all
}

fn check(apps: &Apps) {
    // Must not fail, and no text may control anything.
    let text = format!("{apps:?}");
    assert!(text.chars().all(|c| !c.is_control()));
    let _ = (apps.service(), apps.names().count());
    if let Some(dns) = &apps.dns {
        assert!(dns.lookups.len() as u64 <= dns.queries + dns.responses);
        assert_eq!(dns.rcodes.iter().map(|(_, count)| count).sum::<u64>(), dns.responses);
        assert!(dns.answered <= dns.responses && dns.answered + dns.unanswered + dns.repeats <= dns.queries);
        for lookup in &dns.lookups {
            assert!(no_controls(&lookup.name), "{:?}", lookup.name);
        }
    }
    if let Some(http) = &apps.http {
        assert!(http.exchanges.len() as u64 <= http.requests + http.responses);
        assert_eq!(http.codes.iter().map(|(_, count)| count).sum::<u64>(), http.responses);
        assert!(http.hosts.iter().all(|(host, _)| no_controls(host)));
    }
    if let Some(tls) = &apps.tls {
        assert!(tls.sni.iter().chain(&tls.alpn_offered).all(|name| no_controls(name)));
        assert!(tls.certificates.iter().all(|c| no_controls(&c.subject) && no_controls(&c.issuer)));
    }
}

fn no_controls(text: &str) -> bool {
    text.chars().all(|c| !c.is_control())
}

/// Whatever is said on these ports, what is heard is bounded, adds up and is fit to be shown; twice the same is the
/// same.
pub fn hearing_is_safe(is_tcp: bool, ports: &[u16], data: &[u8]) {
    let Some((choice, data)) = data.split_first() else { return };
    let port = ports[usize::from(*choice) % ports.len()];
    let said = packets(data);
    let apps = hear(is_tcp, port, &said);
    if let Some(apps) = &apps {
        check(apps);
    }
    assert_eq!(apps, hear(is_tcp, port, &said), "the same was heard otherwise");
}

/// A stream of bytes cut into segments at any place behind its first bytes, in order or with neighbours swapped, says
/// what it says in one.
pub fn pieces_say_the_same(data: &[u8]) {
    // The first bytes say where it is cut; a record shows what it is in its first seven.
    let Some(([sizes @ .., port], stream)) = data.split_first_chunk::<8>() else { return };
    if stream.len() < 8 {
        return;
    }
    let port = if port & 1 == 0 { 443 } else { 53 };
    let (head, mut tail) = stream.split_at(stream.len().min(8));
    let mut said = vec![Utterance::client(1, head)];
    let begun = hear(true, port, &said);
    if !matches!(begun.as_ref().and_then(|apps| apps.service()), Some("tls" | "dns")) {
        // What begins here shows later, and where that is depends on the pieces; or it is a message of HTTP, after which
        // another one is found only where a segment shows it.
        return;
    }
    let mut at = 1 + head.len() as u32;
    for size in sizes.iter().cycle() {
        if tail.is_empty() || said.len() > MOST {
            break;
        }
        let (piece, rest) = tail.split_at((usize::from(*size) + 1).min(tail.len()));
        said.push(Utterance::client(at, piece));
        at += piece.len() as u32;
        tail = rest;
    }
    let whole = &stream[..stream.len() - tail.len()];
    let expected = hear(true, port, &[Utterance::client(1, head), Utterance::client(1, whole)]);
    assert_eq!(hear(true, port, &said), expected, "in order");
    let again: Vec<_> = said.iter().flat_map(|one| [*one, *one]).collect();
    assert_eq!(hear(true, port, &again), expected, "everything twice");
    said[1..].chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
    assert_eq!(hear(true, port, &said), expected, "neighbours swapped");
}
