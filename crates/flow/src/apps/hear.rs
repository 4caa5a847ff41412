//! A flow made of utterances, for tests and for fuzzing.

use std::sync::Arc;

use capkeep_pcap::Timestamp;

use super::said::{Room, Said};
use super::speech::Listener;
use super::{Apps, PacketRef};

/// What one end says.
#[derive(Clone, Copy, Debug)]
pub struct Utterance<'a> {
    /// True if the server says it.
    pub from_server: bool,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgement number.
    pub ack: Option<u32>,
    /// Payload.
    pub payload: &'a [u8],
    /// Bytes that the capture cut off its end.
    pub cut: u32,
}

impl<'a> Utterance<'a> {
    /// What the client says, from its first sequence number on.
    pub const fn client(seq: u32, payload: &'a [u8]) -> Self {
        Self { from_server: false, seq, ack: Some(0), payload, cut: 0 }
    }

    /// What the server says.
    pub const fn server(seq: u32, payload: &'a [u8]) -> Self {
        Self { from_server: true, ..Self::client(seq, payload) }
    }
}

/// What is heard of a flow from a client to this port. All is said at one time and in one packet.
///
/// # Panics
/// If what is kept and what waits does not add up, or is too much.
pub fn hear(is_tcp: bool, port: u16, all: &[Utterance<'_>]) -> Option<Arc<Apps>> {
    let mut room = Room::default();
    let mut listener = Listener::default();
    // Of DHCP both ports are known.
    let client = if port == 67 { 68 } else { 50_000 };
    for one in all.iter().filter(|one| !one.payload.is_empty()) {
        let said = Said {
            payload: one.payload,
            cut: one.cut,
            seq: one.seq,
            ack: one.ack.filter(|_| is_tcp),
            at: Timestamp::from_nanos(0),
            packet: PacketRef { capture: 0, number: 1 },
            from: usize::from(one.from_server),
            ports: if one.from_server { (port, client) } else { (client, port) },
            is_tcp,
        };
        if listener.listens() {
            listener.take(&said, &mut room);
        }
        assert_eq!(room.waiting, listener.waiting(), "what waits does not add up");
        assert!(room.waiting <= 100_000, "too much waits");
        assert!(room.kept <= 1_000_000, "too much is kept");
    }
    listener.forget(&mut room);
    assert_eq!((room.waiting, listener.waiting()), (0, 0), "something waits on");
    listener.end(0, &mut room);
    assert_eq!((room.waiting, room.kept), (0, 0), "what is kept does not add up");
    listener.told()
}
