//! A flow that speaks QUIC.

use super::Quic;
use super::initial::{Kind, Long, Secrets, varint};
use crate::apps::gather::Gather;
use crate::apps::said::{Room, Said};
use crate::apps::tls::{Handshake, Tls, When};

/// Most Initial packets of a flow that are decrypted (chosen: a hello of two packets with an answer, some lost and sent
/// again).
const MOST_INITIALS: u8 = 24;

/// Most packets of a datagram that are looked at (chosen: there is one of each kind).
const MOST_PACKETS: usize = 8;

/// Most datagrams of a flow that are looked at (chosen: a handshake with certificates, and half of it again).
const MOST_DATAGRAMS: u8 = 32;

/// QUIC of a flow while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    told: Quic,
    handshake: Handshake,
    secrets: Option<Secrets>,
    /// Which direction is the client's.
    client: usize,
    /// The stream of handshake messages of each direction.
    streams: [Option<Gather>; 2],
    datagrams: u8,
    initials: u8,
    noted: bool,
}

impl Talk {
    /// Begins with the first datagram: its sender is taken for the client.
    pub(crate) fn new(said: &Said<'_>) -> Self {
        Self {
            told: Quic::default(),
            handshake: Handshake::over_quic(),
            secrets: None,
            client: said.from,
            streams: [Some(Gather::new(0)), Some(Gather::new(0))],
            datagrams: 0,
            initials: 0,
            noted: false,
        }
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        let before = self.waiting();
        self.datagrams = self.datagrams.saturating_add(1);
        let mut datagram = said.payload;
        for _ in 0..MOST_PACKETS {
            let Some(long) = Long::read(datagram) else { break };
            // What follows a packet in its datagram is padding, if it is no packet of the same version.
            if datagram.len() < said.payload.len() && long.version != self.told.version {
                break;
            }
            self.packet(&long, said);
            datagram = long.rest;
            if datagram.is_empty() {
                break;
            }
        }
        room.waiting = (room.waiting + self.waiting() as u64).saturating_sub(before as u64);
        if !self.noted {
            self.noted = true;
            room.kept += self.handshake.weight() + size_of::<Quic>() as u64;
        }
    }

    fn packet(&mut self, long: &Long<'_>, said: &Said<'_>) {
        self.told.long_headers += 1;
        if self.told.version == 0 {
            self.told.version = long.version;
        }
        match long.kind {
            Kind::VersionNegotiation => self.told.has_version_negotiation = true,
            Kind::Retry => {
                self.told.has_retry = true;
                // The next packet of the client goes somewhere else, and has the keys that follow from there.
                self.secrets = None;
            }
            Kind::Initial => self.initial(long, said),
            Kind::ZeroRtt | Kind::Handshake => {}
        }
    }

    fn initial(&mut self, long: &Long<'_>, said: &Said<'_>) {
        if self.initials >= MOST_INITIALS {
            return;
        }
        self.initials += 1;
        let from_client = said.from == self.client;
        let mut frames = self.secrets.as_ref().and_then(|secrets| secrets.open(long, from_client));
        if frames.is_none()
            && from_client
            && let Some(other) = Secrets::new(long.version, long.destination)
        {
            frames = other.open(long, true);
            if frames.is_some() {
                self.secrets = Some(other);
            }
        }
        let Some(frames) = frames else { return };
        self.told.initials += 1;
        if self.frames(&frames, said).is_none() {
            // A frame that has no business here, or a cut one.
            return;
        }
        let Some(Some(gather)) = self.streams.get_mut(said.from) else { return };
        let when = When { at: said.at, packet: said.packet, from: said.from };
        match self.handshake.messages(gather.ready(), when) {
            Some(used) => gather.consume(used),
            None => self.stop(said.from),
        }
    }

    /// Takes frames apart (RFC 9000, section 19): in an Initial packet there are a few kinds only.
    fn frames(&mut self, bytes: &[u8], said: &Said<'_>) -> Option<()> {
        let mut at = 0;
        while let Some(kind) = bytes.get(at) {
            at += 1;
            match kind {
                // Padding, ping.
                0 | 1 => {}
                // Acknowledgements: largest, delay, ranges, first range; then pairs; then three counts for ECN.
                2 | 3 => {
                    let (_, next) = varint(bytes, at)?;
                    let (_, next) = varint(bytes, next)?;
                    let (ranges, next) = varint(bytes, next)?;
                    at = varint(bytes, next)?.1;
                    let counts = if *kind == 3 { 3 } else { 0 };
                    for _ in 0..ranges.checked_mul(2)?.checked_add(counts)? {
                        at = varint(bytes, at)?.1;
                    }
                }
                6 => {
                    let (offset, next) = varint(bytes, at)?;
                    let (length, next) = varint(bytes, next)?;
                    let end = next.checked_add(usize::try_from(length).ok()?)?;
                    let data = bytes.get(next..end)?;
                    at = end;
                    let stream = self.streams.get_mut(said.from)?;
                    let is_lost = match (stream.as_mut(), u32::try_from(offset)) {
                        (Some(gather), Ok(offset)) if offset < 1 << 20 => gather.push(offset, data).is_err(),
                        _ => true,
                    };
                    if is_lost {
                        self.stop(said.from);
                    }
                }
                0x1c => {
                    let (error, _) = varint(bytes, at)?;
                    self.told.close_error = self.told.close_error.or(Some(error));
                    return Some(());
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn stop(&mut self, from: usize) {
        if let Some(stream) = self.streams.get_mut(from) {
            *stream = None;
        }
    }

    /// True if nothing more will be said that can be read.
    pub(crate) fn is_over(&self) -> bool {
        self.datagrams >= MOST_DATAGRAMS
    }

    /// Bytes that wait for the rest of a message.
    pub(crate) fn waiting(&self) -> usize {
        self.streams.iter().flatten().map(Gather::held).sum()
    }

    /// Forgets what waits for the rest of a message.
    pub(crate) fn forget(&mut self) {
        for stream in &mut self.streams {
            if stream.as_ref().is_some_and(|gather| gather.held() > 0) {
                *stream = None;
            }
        }
    }

    /// What was said, by the end that is the client.
    pub(crate) fn tell(self, client: usize) -> (Quic, Option<Tls>) {
        let tls = self.handshake.tell(client);
        (self.told, (tls != Tls::default()).then_some(tls))
    }
}
