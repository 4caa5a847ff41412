//! What became of the packets on their way from one capture to the other.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::path::Path;

use capkeep_pcap::Filter;

use super::clock::{Clocks, Step, clocks};
use super::matching::matched;
use super::sighting::{Lane, Sightings};
use crate::analysis::CaptureError;
use crate::health::Spread;
use crate::record::{Endpoint, Protocol};

/// Two captures of the same traffic, compared.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// Packets read of the first and of the second capture.
    pub read: [u64; 2],
    /// Why they could not be read to their ends.
    pub errors: [Option<CaptureError>; 2],
    /// Packets that both captures have.
    pub pairs: u64,
    /// How the clocks stand; nothing without a pair.
    pub clocks: Option<Clocks>,
    /// Flows of which both captures have packets, in the order of the first capture.
    pub flows: Vec<Pair>,
    /// Flows of which only the first, and only the second capture has packets: how many, and their packets.
    pub alone: [(u64, u64); 2],
}

/// A flow in both captures.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Protocol.
    pub protocol: Protocol,
    /// Source and destination in the first capture, of packets that go from the first to the second.
    pub first: (Endpoint, Endpoint),
    /// The same in the second capture.
    pub second: (Endpoint, Endpoint),
    /// From the first capture to the second.
    pub forth: Way,
    /// From the second capture to the first.
    pub back: Way,
    /// What was rewritten on the way.
    pub rewritten: Vec<Rewritten>,
}

/// One direction.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// Packets at the end that sends, as far as the other capture was running.
    pub sent: u64,
    /// Of those, packets at the other end.
    pub arrived: u64,
    /// Those that never arrived: numbers in the capture of the end that sends.
    pub lost: Vec<Missing>,
    /// Packets at the other end that the capture of the end that sends does not have.
    pub appeared: Vec<Missing>,
    /// Packets that arrived behind one that was sent later.
    pub overtaken: u64,
    /// How long they took, clocks set right; nanoseconds.
    pub delay: Option<Spread>,
}

/// A packet without a partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its number in its capture.
    pub packet: u64,
    /// Its time, nanoseconds, by the clock of its capture.
    pub at: i64,
}

/// A field that changed on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Which: `source`, `destination`, `ttl`, `mss`, `window_scale`, `dont_fragment`.
    pub field: &'static str,
    /// In the first capture.
    pub first: String,
    /// In the second capture.
    pub second: String,
    /// Packets.
    pub packets: u64,
}

/// Compares two captures, as far as they can be read and a filter matches their packets.
pub fn compare(first: &Path, second: &Path, filter: Option<&Filter>) -> Comparison {
    let (a, b) = rayon::join(|| Sightings::read(first, filter), || Sightings::read(second, filter));
    let errors = [a.error.clone(), b.error.clone()];
    let pairs = matched(&a, &b);
    let read = [a.read, b.read];
    let mut out = Comparison { read, errors, pairs: pairs.len() as u64, ..Comparison::default() };
    let steps: Vec<(u32, u32, Step)> = pairs
        .iter()
        .filter_map(|(one, other)| {
            let (here, there) = (a.packets.get(*one)?, b.packets.get(*other)?);
            Some((here.lane, there.lane, (here.at, there.at - here.at)))
        })
        .collect();
    let partners = partners(&steps);
    let forth = directions(&a, &steps);
    let goes_forth = |lane: u32| forth.get(lane as usize).copied().unwrap_or(true);
    let of = |is_forth: bool| -> Vec<Step> {
        steps.iter().filter(|(lane, ..)| goes_forth(*lane) == is_forth).map(|(.., step)| *step).collect()
    };
    let Some(clocks) = clocks(&of(true), &of(false)) else {
        out.alone = [alone(&a, &HashMap::new(), false), alone(&b, &HashMap::new(), false)];
        return out;
    };
    out.clocks = Some(clocks);
    let mut book = Book::new(&a, &b, &partners, &forth, clocks);
    book.fill(&pairs);
    out.flows = book.flows;
    out.alone = [alone(&a, &book.places[0], true), alone(&b, &book.places[1], true)];
    out
}

/// Which lane of the second capture a lane of the first one is.
fn partners(steps: &[(u32, u32, Step)]) -> BTreeMap<u32, u32> {
    let mut votes: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for (here, there, _) in steps {
        *votes.entry((*here, *there)).or_default() += 1;
    }
    let mut best: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    for ((here, there), count) in votes {
        let known = best.entry(here).or_insert((0, 0));
        if count > known.0 {
            *known = (count, there);
        }
    }
    best.into_iter().map(|(here, (_, there))| (here, there)).collect()
}

/// For each lane of the first capture, whether it goes to the second: of the two lanes of a flow the one whose packets
/// the second capture has later. A flow with one lane goes with the others of its hosts.
fn directions(a: &Sightings, steps: &[(u32, u32, Step)]) -> Vec<bool> {
    let mut by_lane: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for (lane, _, (_, step)) in steps {
        by_lane.entry(*lane).or_default().push(*step);
    }
    let medians: BTreeMap<u32, i64> = by_lane
        .into_iter()
        .filter_map(|(lane, mut steps)| {
            steps.sort_unstable();
            Some((lane, steps.get(steps.len() / 2).copied()?))
        })
        .collect();
    let index: HashMap<Lane, u32> = a.lanes.iter().copied().zip(0u32..).collect();
    let mut out = vec![true; a.lanes.len()];
    let mut near: BTreeMap<IpAddr, i64> = BTreeMap::new();
    let mut open = Vec::new();
    for (lane, median) in &medians {
        let Some(ends) = a.lane(*lane) else { continue };
        let other = index.get(&ends.reverse()).and_then(|reverse| medians.get(reverse));
        match other {
            Some(other) if other != median => {
                let is_forth = median > other;
                if let Some(place) = out.get_mut(*lane as usize) {
                    *place = is_forth;
                }
                let vote = if is_forth { 1 } else { -1 };
                *near.entry(ends.source.ip).or_default() += vote;
                *near.entry(ends.destination.ip).or_default() -= vote;
            }
            _ => open.push(*lane),
        }
    }
    for lane in open {
        let Some(ends) = a.lane(lane) else { continue };
        let vote = |ip| near.get(&ip).copied().unwrap_or(0);
        if let Some(place) = out.get_mut(lane as usize) {
            *place = vote(ends.source.ip) >= vote(ends.destination.ip);
        }
    }
    out
}

/// Flows with packets in one capture only.
fn alone(sightings: &Sightings, places: &HashMap<u32, usize>, any: bool) -> (u64, u64) {
    let mut packets: BTreeMap<(Endpoint, Endpoint), u64> = BTreeMap::new();
    for sighting in &sightings.packets {
        if any && places.contains_key(&sighting.lane) {
            continue;
        }
        if let Some(Lane { source, destination, .. }) = sightings.lane(sighting.lane) {
            let ends = if source <= destination { (source, destination) } else { (destination, source) };
            *packets.entry(ends).or_default() += 1;
        }
    }
    (packets.len() as u64, packets.values().sum())
}

/// Flows while they are filled.
struct Book<'a> {
    captures: [&'a Sightings; 2],
    clocks: Clocks,
    flows: Vec<Pair>,
    /// For each lane of a capture the flow it belongs to.
    places: [HashMap<u32, usize>; 2],
    /// For each lane of a capture whether it goes from the first to the second.
    forth: [HashMap<u32, bool>; 2],
    delays: Vec<[Vec<i64>; 2]>,
}

impl<'a> Book<'a> {
    fn new(
        a: &'a Sightings,
        b: &'a Sightings,
        partners: &BTreeMap<u32, u32>,
        forth: &[bool],
        clocks: Clocks,
    ) -> Self {
        let mut book = Self {
            captures: [a, b],
            clocks,
            flows: Vec::new(),
            places: [HashMap::new(), HashMap::new()],
            forth: [HashMap::new(), HashMap::new()],
            delays: Vec::new(),
        };
        let index_a: HashMap<Lane, u32> = a.lanes.iter().copied().zip(0u32..).collect();
        let index_b: HashMap<Lane, u32> = b.lanes.iter().copied().zip(0u32..).collect();
        for (here, there) in partners {
            let (Some(lane), Some(other)) = (a.lane(*here), b.lane(*there)) else { continue };
            if book.places[0].contains_key(here) {
                continue;
            }
            let is_forth = forth.get(*here as usize).copied().unwrap_or(true);
            let (lane_forth, other_forth) =
                if is_forth { (lane, other) } else { (lane.reverse(), other.reverse()) };
            let flow = book.flows.len();
            for (capture, index, ends) in [(0, &index_a, lane_forth), (1, &index_b, other_forth)] {
                for (one, goes) in [(ends, true), (ends.reverse(), false)] {
                    if let (Some(lane), Some(places), Some(forth)) =
                        (index.get(&one), book.places.get_mut(capture), book.forth.get_mut(capture))
                    {
                        places.insert(*lane, flow);
                        forth.insert(*lane, goes);
                    }
                }
            }
            book.flows.push(Pair {
                protocol: lane.protocol,
                first: (lane_forth.source, lane_forth.destination),
                second: (other_forth.source, other_forth.destination),
                forth: Way::default(),
                back: Way::default(),
                rewritten: Vec::new(),
            });
            book.delays.push([Vec::new(), Vec::new()]);
        }
        book
    }

    fn fill(&mut self, pairs: &[(usize, usize)]) {
        let [a, b] = self.captures;
        let mut has_partner = [vec![false; a.packets.len()], vec![false; b.packets.len()]];
        let mut latest: Vec<[Option<usize>; 2]> = vec![[None; 2]; self.flows.len()];
        let mut changes: Vec<BTreeMap<(&'static str, String, String), u64>> =
            vec![BTreeMap::new(); self.flows.len()];
        for (one, other) in pairs {
            let (Some(here), Some(there)) = (a.packets.get(*one), b.packets.get(*other)) else { continue };
            for (marks, index) in has_partner.iter_mut().zip([*one, *other]) {
                if let Some(mark) = marks.get_mut(index) {
                    *mark = true;
                }
            }
            let Some(flow) = self.places[0].get(&here.lane).copied() else { continue };
            let is_forth = self.forth[0].get(&here.lane).copied().unwrap_or(true);
            let step = there.at - here.at - self.clocks.offset_at(here.at);
            let delay = if is_forth { step } else { -step };
            if let Some(delays) =
                self.delays.get_mut(flow).and_then(|ways| ways.get_mut(usize::from(!is_forth)))
            {
                delays.push(delay);
            }
            let Some(pair) = self.flows.get_mut(flow) else { continue };
            let way = if is_forth { &mut pair.forth } else { &mut pair.back };
            way.sent += 1;
            way.arrived += 1;
            // Pairs come in the order of the first capture; on the way back that is the order of arrival.
            if let Some(place) = latest.get_mut(flow).and_then(|ways| ways.get_mut(usize::from(!is_forth))) {
                if place.is_some_and(|latest| latest > *other) {
                    way.overtaken += 1;
                }
                *place = Some(place.map_or(*other, |latest| latest.max(*other)));
            }
            if let Some(changes) = changes.get_mut(flow) {
                rewritten(a, b, here, there, changes);
            }
        }
        self.without_partner(&has_partner);
        for ((pair, delays), changes) in self.flows.iter_mut().zip(&mut self.delays).zip(changes) {
            let [forth, back] = delays;
            pair.forth.delay = spread(forth);
            pair.back.delay = spread(back);
            pair.rewritten = changes
                .into_iter()
                .map(|((field, first, second), packets)| Rewritten { field, first, second, packets })
                .collect();
        }
    }

    /// Counts packets that only one capture has, where the other one was running when they must have passed.
    fn without_partner(&mut self, has_partner: &[Vec<bool>; 2]) {
        let spans = self.captures.map(|capture| {
            let times = || capture.packets.iter().map(|packet| packet.at);
            (times().min().unwrap_or(0), times().max().unwrap_or(0))
        });
        for (index, (capture, marks)) in self.captures.iter().zip(has_partner).enumerate() {
            let Some((from, to)) = spans.get(1 - index).copied() else { continue };
            for (sighting, _) in capture.packets.iter().zip(marks).filter(|(_, has_partner)| !**has_partner) {
                let place = self.places.get(index).and_then(|places| places.get(&sighting.lane));
                let Some(flow) = place.copied() else { continue };
                let is_forth = self
                    .forth
                    .get(index)
                    .and_then(|forth| forth.get(&sighting.lane))
                    .copied()
                    .unwrap_or(true);
                // The time by the other clock.
                let offset = self.clocks.offset_at(sighting.at);
                let there = if index == 0 { sighting.at + offset } else { sighting.at - offset };
                if there < from || there > to {
                    continue;
                }
                let Some(pair) = self.flows.get_mut(flow) else { continue };
                let way = if is_forth { &mut pair.forth } else { &mut pair.back };
                let missing = Missing { packet: sighting.number, at: sighting.at };
                // At the end it came from: lost. At the other: the first capture missed it, or somebody made it.
                if is_forth == (index == 0) {
                    way.sent += 1;
                    way.lost.push(missing);
                } else {
                    way.appeared.push(missing);
                }
            }
        }
    }
}

type Packet = super::sighting::Sighting;

fn rewritten(
    a: &Sightings,
    b: &Sightings,
    here: &Packet,
    there: &Packet,
    changes: &mut BTreeMap<(&'static str, String, String), u64>,
) {
    let mut note = |field, first: String, second: String| {
        if first != second
            && (changes.len() < MOST || changes.contains_key(&(field, first.clone(), second.clone())))
        {
            *changes.entry((field, first, second)).or_default() += 1;
        }
    };
    if let (Some(one), Some(other)) = (a.lane(here.lane), b.lane(there.lane)) {
        let end = |end: Endpoint| std::net::SocketAddr::new(end.ip, end.port).to_string();
        if one.source != other.source {
            note("source", end(one.source), end(other.source));
        }
        if one.destination != other.destination {
            note("destination", end(one.destination), end(other.destination));
        }
    }
    let (x, y) = (here.fields, there.fields);
    if x.ttl != y.ttl {
        note("ttl", x.ttl.to_string(), y.ttl.to_string());
    }
    if x.mss != y.mss {
        note("mss", x.mss.to_string(), y.mss.to_string());
    }
    if x.window_scale != y.window_scale {
        let shift =
            |scale: u8| scale.checked_sub(1).map_or_else(|| "none".to_owned(), |scale| scale.to_string());
        note("window_scale", shift(x.window_scale), shift(y.window_scale));
    }
    if x.dont_fragment != y.dont_fragment {
        note("dont_fragment", x.dont_fragment.to_string(), y.dont_fragment.to_string());
    }
}

/// Different changes kept of a flow (chosen).
const MOST: usize = 32;

fn spread(delays: &mut [i64]) -> Option<Spread> {
    delays.sort_unstable();
    let rank = |percent: usize| delays.get((delays.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Some(Spread {
        count: delays.len() as u64,
        min: *delays.first()?,
        median: rank(50)?,
        p95: rank(95)?,
        max: *delays.last()?,
    })
}
