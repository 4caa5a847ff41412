//! Which packet of one capture is which of the other.

use std::collections::BTreeMap;

use super::sighting::{Sighting, Sightings};

/// Two packets that are alike may be partners if they are no further apart than this, clocks set right: 10 s (chosen: no
/// packet is on the way for longer).
const APART: i64 = 10_000_000_000;

/// Pairs of indices into the packets of both captures, in the order of the first one.
pub(super) fn matched(a: &Sightings, b: &Sightings) -> Vec<(usize, usize)> {
    let strict = |sighting: &Sighting| sighting.strict;
    let loose = |sighting: &Sighting| sighting.digest;
    let (by_strict, by_loose) = (unique(a, b, strict), unique(a, b, loose));
    // An address translation may give packets identifications of its own; then they say nothing.
    if by_strict.len() * 2 >= by_loose.len() {
        all(a, b, by_strict, strict)
    } else {
        all(a, b, by_loose, loose)
    }
}

type Places = BTreeMap<u64, Vec<usize>>;

fn places(sightings: &Sightings, key: impl Fn(&Sighting) -> u64) -> Places {
    let mut places = Places::new();
    for (index, sighting) in sightings.packets.iter().enumerate() {
        places.entry(key(sighting)).or_default().push(index);
    }
    places
}

/// Pairs of packets that are like no other in their capture.
fn unique(a: &Sightings, b: &Sightings, key: fn(&Sighting) -> u64) -> Vec<(usize, usize)> {
    let (in_a, in_b) = (places(a, key), places(b, key));
    let mut pairs: Vec<(usize, usize)> = in_a
        .iter()
        .filter_map(|(digest, here)| match (here.as_slice(), in_b.get(digest)?.as_slice()) {
            ([one], [other]) => Some((*one, *other)),
            _ => None,
        })
        .collect();
    pairs.sort_unstable();
    pairs
}

/// Adds pairs of packets that are alike, nearest first in time.
fn all(
    a: &Sightings,
    b: &Sightings,
    mut pairs: Vec<(usize, usize)>,
    key: fn(&Sighting) -> u64,
) -> Vec<(usize, usize)> {
    let Some(apart) = usual_step(a, b, &pairs) else { return pairs };
    let (in_a, in_b) = (places(a, key), places(b, key));
    let time =
        |sightings: &Sightings, index: usize| sightings.packets.get(index).map_or(0, |packet| packet.at);
    for (digest, here) in &in_a {
        let Some(there) = in_b.get(digest) else { continue };
        if here.len() == 1 && there.len() == 1 {
            continue;
        }
        let mut candidates: Vec<(i64, usize, usize)> = here
            .iter()
            .flat_map(|one| there.iter().map(move |other| (*one, *other)))
            .map(|(one, other)| ((time(b, other) - time(a, one) - apart).abs(), one, other))
            .filter(|(distance, ..)| *distance <= APART)
            .take(MOST)
            .collect();
        candidates.sort_unstable();
        let (mut used_a, mut used_b) = (Vec::new(), Vec::new());
        for (_, one, other) in candidates {
            if !used_a.contains(&one) && !used_b.contains(&other) {
                used_a.push(one);
                used_b.push(other);
                pairs.push((one, other));
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

/// Most pairs tried of packets that are alike (chosen: 64 of each; more are keep-alives or floods).
const MOST: usize = 1 << 12;

/// How much later the second capture has a packet, in the middle.
fn usual_step(a: &Sightings, b: &Sightings, pairs: &[(usize, usize)]) -> Option<i64> {
    let mut steps: Vec<i64> = pairs
        .iter()
        .filter_map(|(one, other)| Some(b.packets.get(*other)?.at - a.packets.get(*one)?.at))
        .collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied()
}
