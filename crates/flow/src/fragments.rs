//! IP fragments: later ones have no ports, the first one says which flow they belong to.

use std::collections::VecDeque;
use std::hash::BuildHasherDefault;

use capkeep_pcap::{Datagram, Decoded, Timestamp};
use hashbrown::HashMap;

use crate::decodes::Decodes;
use crate::hash::MixHasher;
use crate::meta::{Extra, Key, Meta, Space};

/// A fragment belongs to the datagram of this address pair, protocol and identification (RFC 791, RFC 8200).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    source: u128,
    destination: u128,
    space: Space,
    id: u32,
}

/// What the first fragment says.
#[derive(Clone, Copy, Debug)]
struct Announced {
    protocol: u8,
    ports: (u16, u16),
    datagram: Datagram,
}

/// One fragment, in packet order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece {
    name: Name,
    /// Where it lies in the datagram, in bytes.
    offset: u32,
    transport: Announced,
    first: bool,
    meta: Meta,
}

impl Piece {
    pub(crate) fn new(packet: &Decoded, (id, offset): (u32, u32), meta: Meta, first: bool) -> Self {
        let space = Space::from(packet);
        // Behind an IPv6 fragment header later fragments name the first extension header, the first one has been
        // followed to the transport: the protocol is no part of a datagram's name there (RFC 8200, section 4.5).
        let space = if packet.is_v6 { Space { protocol: 44, ..space } } else { space };
        let name = Name { source: packet.source, destination: packet.destination, space, id };
        let ports = (packet.source_port, packet.destination_port);
        Self {
            name,
            offset,
            transport: Announced { protocol: packet.protocol, ports, datagram: packet.datagram },
            first,
            meta,
        }
    }

    /// The packet as one of the flow that the first fragment announced.
    fn tied_to(&self, announced: Announced) -> Meta {
        let (source_port, destination_port) = announced.ports;
        let Datagram { header, length } = announced.datagram;
        // What is left of the transport header is no payload, nor is what lies behind the end it announced.
        let end = self.offset.saturating_add(self.meta.payload_len);
        let end = length.map_or(end, |length| end.min(length));
        let payload_len = end.saturating_sub(self.offset.max(header));
        let source = (self.name.source, source_port);
        let destination = (self.name.destination, destination_port);
        let (key, from_low) =
            Key::new(source, destination, Space { protocol: announced.protocol, ..self.name.space });
        let direction = if from_low { Meta::FROM_LOW } else { 0 };
        let bits = (self.meta.bits & !Meta::FROM_LOW) | direction;
        // It is the middle of something, and may lie in an earlier batch.
        Meta { key, hash: key.hash(), bits, payload_len, payload_captured: 0, ..self.meta }
    }
}

/// What is known of a datagram.
#[derive(Debug)]
enum Known {
    /// Its first fragment was seen.
    Announced(Announced),
    /// Only later ones were: they wait, with what was noted of them.
    Waiting(Vec<(Piece, Option<Extra>)>),
}

/// Ties later fragments to the flow of the first one.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    datagrams: HashMap<Name, Known, BuildHasherDefault<MixHasher>>,
    /// In order of first appearance, with the time of it.
    order: VecDeque<(Timestamp, Name)>,
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
            self.forget(piece.meta.timestamp, piece.meta.order, decodes);
            if piece.first {
                self.learn(piece, decodes);
            } else {
                self.assign(piece, decodes);
            }
        }
        decodes.pieces = pieces;
        decodes.sort();
    }

    /// Counts what still waits under its addresses alone.
    pub(crate) fn flush(&mut self, decodes: &mut Decodes) {
        let order = std::mem::take(&mut self.order);
        for (_, name) in order {
            self.release(&name, 0, decodes);
        }
    }

    fn learn(&mut self, piece: &Piece, decodes: &mut Decodes) {
        let announced = piece.transport;
        match self.datagrams.remove(&piece.name) {
            Some(Known::Waiting(waiting)) => {
                self.waiting -= waiting.len();
                for (earlier, extra) in waiting {
                    put(decodes, earlier.tied_to(announced), extra, piece.meta.order);
                }
            }
            Some(Known::Announced(_)) => {}
            None => self.order.push_back((piece.meta.timestamp, piece.name)),
        }
        self.datagrams.insert(piece.name, Known::Announced(announced));
    }

    fn assign(&mut self, piece: &Piece, decodes: &mut Decodes) {
        match self.datagrams.get_mut(&piece.name) {
            Some(Known::Announced(announced)) => decodes.push(piece.tied_to(*announced)),
            Some(Known::Waiting(waiting)) => {
                let extra = extra_of(decodes, &piece.meta);
                waiting.push((*piece, extra));
                self.waiting += 1;
            }
            None => {
                let extra = extra_of(decodes, &piece.meta);
                self.datagrams.insert(piece.name, Known::Waiting(vec![(*piece, extra)]));
                self.order.push_back((piece.meta.timestamp, piece.name));
                self.waiting += 1;
            }
        }
    }

    /// Forgets datagrams that are too old, and the oldest where there are too many.
    fn forget(&mut self, now: Timestamp, order: u32, decodes: &mut Decodes) {
        while let Some((seen, name)) = self.order.front().copied() {
            let full = self.datagrams.len() > Self::MAX || self.waiting > Self::MAX;
            if !full && now.since(seen) <= Self::LIFETIME {
                return;
            }
            self.order.pop_front();
            self.release(&name, order, decodes);
        }
    }

    fn release(&mut self, name: &Name, order: u32, decodes: &mut Decodes) {
        if let Some(Known::Waiting(waiting)) = self.datagrams.remove(name) {
            self.waiting -= waiting.len();
            for (piece, extra) in waiting {
                put(decodes, piece.meta, extra, order);
            }
        }
    }
}

fn extra_of(decodes: &Decodes, meta: &Meta) -> Option<Extra> {
    let index = (meta.extra as usize).checked_sub(1)?;
    decodes.extras.get(index).copied()
}

/// Puts a fragment that waited into the batch at hand, where the one stands that ended its waiting.
fn put(decodes: &mut Decodes, meta: Meta, extra: Option<Extra>, order: u32) {
    let extra = extra.map_or(0, |extra| decodes.note(extra));
    decodes.push(Meta { order, extra, payload_captured: 0, ..meta });
}
