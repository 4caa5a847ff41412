//! IP fragments: later ones have no ports, the first one says which flow they belong to.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;

use capkeep_pcap::{Decoded, Timestamp};
use hashbrown::HashMap;

use crate::decodes::Decodes;
use crate::hash::MixHasher;
use crate::meta::{Extra, Key, Meta, Space};

/// A fragment belongs to the datagram of this address pair, protocol and identification (RFC 791, RFC 8200).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Datagram {
    source: u128,
    destination: u128,
    space: Space,
    id: u32,
}

/// One fragment, in packet order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    datagram: Datagram,
    ports: (u16, u16),
    first: bool,
    meta: Meta,
}

impl Piece {
    pub(crate) fn new(packet: &Decoded, id: u32, meta: Meta, first: bool) -> Self {
        let datagram = Datagram {
            source: packet.source,
            destination: packet.destination,
            space: packet.into(),
            id,
        };
        Self { datagram, ports: (packet.source_port, packet.destination_port), first, meta }
    }

    /// The packet as one of the flow with these ports.
    fn with_ports(&self, (source_port, destination_port): (u16, u16)) -> Meta {
        let source = (self.datagram.source, source_port);
        let destination = (self.datagram.destination, destination_port);
        let (key, from_low) = Key::new(source, destination, self.datagram.space);
        let direction = if from_low { Meta::FROM_LOW } else { 0 };
        let bits = (self.meta.bits & !Meta::FROM_LOW) | direction;
        Meta { key, hash: key.hash(), bits, ..self.meta }
    }
}

/// What is known of a datagram.
#[derive(Debug)]
enum Known {
    /// Its first fragment was seen.
    Ports((u16, u16)),
    /// Only later ones were: they wait, with what was noted of them.
    Waiting(Vec<(Piece, Option<Extra>)>),
}

/// Ties later fragments to the flow of the first one.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    datagrams: HashMap<Datagram, Known, BuildHasherDefault<MixHasher>>,
    /// In order of first appearance, with the time of it.
    order: VecDeque<(Timestamp, Datagram)>,
    waiting: usize,
}

impl Fragments {
    /// How long a datagram is remembered, by packet time: 30 s, Linux's `ipfrag_time`; RFC 8200 says 60.
    const LIFETIME: i64 = 30_000_000_000;
    /// Most datagrams remembered, and most fragments that wait (chosen: some 20 MB).
    const MAX: usize = 1 << 16;

    /// Takes the fragments of a batch and puts each later one into the shard of its flow.
    pub(crate) fn resolve(&mut self, decodes: &mut Decodes) {
        if decodes.pieces.is_empty() {
            return;
        }
        let pieces = std::mem::take(&mut decodes.pieces);
        for piece in &pieces {
            self.forget(piece.meta.timestamp, decodes);
            if piece.first {
                self.learn(piece, decodes);
            } else {
                self.assign(piece, decodes);
            }
        }
        decodes.pieces = pieces;
        for shard in &mut decodes.shards {
            if !shard.is_sorted_by_key(|meta| (meta.capture, meta.number)) {
                shard.sort_by_key(|meta| (meta.timestamp, meta.capture, meta.number));
            }
        }
    }

    /// Counts what still waits under its addresses alone.
    pub(crate) fn flush(&mut self, decodes: &mut Decodes) {
        let order = std::mem::take(&mut self.order);
        for (_, datagram) in order {
            self.release(&datagram, decodes);
        }
    }

    fn learn(&mut self, piece: &Piece, decodes: &mut Decodes) {
        match self.datagrams.insert(piece.datagram, Known::Ports(piece.ports)) {
            Some(Known::Waiting(waiting)) => {
                self.waiting -= waiting.len();
                for (earlier, extra) in waiting {
                    put(decodes, earlier.with_ports(piece.ports), extra);
                }
            }
            Some(Known::Ports(_)) => {}
            None => self.order.push_back((piece.meta.timestamp, piece.datagram)),
        }
    }

    fn assign(&mut self, piece: &Piece, decodes: &mut Decodes) {
        match self.datagrams.get_mut(&piece.datagram) {
            Some(Known::Ports(ports)) => decodes.push(piece.with_ports(*ports)),
            Some(Known::Waiting(waiting)) => {
                let extra = extra_of(decodes, &piece.meta);
                waiting.push((*piece, extra));
                self.waiting += 1;
            }
            None => {
                let extra = extra_of(decodes, &piece.meta);
                self.datagrams.insert(piece.datagram, Known::Waiting(vec![(*piece, extra)]));
                self.order.push_back((piece.meta.timestamp, piece.datagram));
                self.waiting += 1;
            }
        }
    }

    /// Forgets datagrams that are too old, and the oldest where there are too many.
    fn forget(&mut self, now: Timestamp, decodes: &mut Decodes) {
        while let Some((seen, datagram)) = self.order.front().copied() {
            let full = self.datagrams.len() > Self::MAX || self.waiting > Self::MAX;
            if !full && now.since(seen) <= Self::LIFETIME {
                return;
            }
            self.order.pop_front();
            self.release(&datagram, decodes);
        }
    }

    fn release(&mut self, datagram: &Datagram, decodes: &mut Decodes) {
        if let Some(Known::Waiting(waiting)) = self.datagrams.remove(datagram) {
            self.waiting -= waiting.len();
            for (piece, extra) in waiting {
                put(decodes, piece.meta, extra);
            }
        }
    }
}

fn extra_of(decodes: &Decodes, meta: &Meta) -> Option<Extra> {
    let index = (meta.extra as usize).checked_sub(1)?;
    decodes.extras.get(index).copied()
}

/// Puts a fragment that waited into the batch at hand.
fn put(decodes: &mut Decodes, meta: Meta, extra: Option<Extra>) {
    let extra = extra.map_or(0, |extra| decodes.note(extra));
    decodes.push(Meta { extra, ..meta });
}
