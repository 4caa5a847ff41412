//! What a flow is heard to speak.

use std::sync::Arc;

use super::said::{Room, Said};
use super::{Apps, Dhcp, Ntp, Rdp, Smb, dhcp, dns, http, lines, ntp, quic, rdp, smb, ssh, tls};
use crate::apps::lines::Kind;

/// Packets with a payload that are looked at before a flow is held to speak nothing known (chosen: captures begin in
/// the middle of things, and a first packet may be lost; each look costs a few nanoseconds).
const LOOKS: u8 = 6;

/// Says that a flow has nothing more to say.
const DEAF: u8 = u8::MAX;

/// Most packets of a speech that is told by its ports or its first packets alone (chosen: SMB's agreement).
const MOST_PACKETS: u8 = 16;

/// Listens to a flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener {
    heard: Option<Box<Heard>>,
    looks: u8,
}

/// What was recognised.
#[derive(Clone, Debug)]
struct Heard {
    speech: Speech,
    /// What was spoken before: a protocol that goes on in TLS.
    before: Option<Speech>,
    /// What this flow has of what is kept in all, bytes.
    kept: u64,
}

/// What is spoken, and what was said so far. The commonest and the small ones stand in it.
#[derive(Clone, Debug)]
enum Speech {
    Dns(dns::Talk),
    Tls(Box<tls::Talk>),
    Quic(Box<quic::Talk>),
    Http(Box<http::Talk>),
    Lines(Box<lines::Talk>),
    Ssh(Box<ssh::Talk>),
    Dhcp(Box<Dhcp>),
    Ntp(Box<Ntp>),
    Rdp(Rdp),
    Smb(Smb, u8),
    /// The flow has ended, and this is what was said.
    Told(Arc<Apps>),
}

impl Listener {
    /// True if it is worth while to say something.
    #[inline]
    pub(crate) const fn listens(&self) -> bool {
        self.looks < LOOKS
    }

    /// True if something was recognised.
    pub(crate) const fn has_heard(&self) -> bool {
        self.heard.is_some()
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        let before = room.kept;
        let Some(heard) = &mut self.heard else {
            self.looks += 1;
            let Some(mut speech) = Speech::of(said) else { return };
            speech.take(said, room);
            let kept = room.kept.saturating_sub(before) + size_of::<Heard>() as u64;
            room.kept = before + kept;
            self.looks = if speech.is_over() { DEAF } else { 0 };
            self.heard = Some(Box::new(Heard { speech, before: None, kept }));
            return;
        };
        if heard.before.is_none() && heard.speech.goes_on_in_tls() && tls::is_record(said.payload) {
            let waiting = heard.speech.waiting();
            heard.speech.forget(room);
            room.waiting = room.waiting.saturating_sub(waiting as u64);
            let speech = Speech::Tls(Box::new(tls::Talk::new(said)));
            heard.before = Some(std::mem::replace(&mut heard.speech, speech));
        }
        heard.speech.take(said, room);
        heard.kept += room.kept.saturating_sub(before);
        if heard.speech.is_over() {
            self.looks = DEAF;
        }
    }

    /// The flow has ended: what it kept counts no more, and what was said, by the end that is the client (0 the lower
    /// one, 1 the higher), can be told.
    pub(crate) fn end(&mut self, client: usize, room: &mut Room) {
        self.forget(room);
        self.looks = DEAF;
        if let Some(heard) = &mut self.heard {
            room.kept = room.kept.saturating_sub(std::mem::take(&mut heard.kept));
            if matches!(heard.speech, Speech::Told(_)) {
                return;
            }
            let mut apps = Apps::default();
            let last = std::mem::replace(&mut heard.speech, Speech::Rdp(Rdp::default()));
            for speech in heard.before.take().into_iter().chain([last]) {
                speech.tell(client, &mut apps);
            }
            heard.speech = Speech::Told(Arc::new(apps));
        }
    }

    /// Bytes that wait for the rest of a message.
    pub(crate) fn waiting(&self) -> u64 {
        self.heard.as_ref().map_or(0, |heard| heard.speech.waiting() as u64)
    }

    /// Forgets what waits for the rest of a message.
    pub(crate) fn forget(&mut self, room: &mut Room) {
        if let Some(heard) = &mut self.heard {
            let (waiting, kept) = (heard.speech.waiting(), room.kept);
            heard.speech.forget(room);
            room.waiting = room.waiting.saturating_sub(waiting as u64);
            heard.kept += room.kept.saturating_sub(kept);
        }
    }

    /// What was said, once the flow has ended.
    pub(crate) fn told(&self) -> Option<Arc<Apps>> {
        match &self.heard.as_ref()?.speech {
            Speech::Told(apps) => Some(Arc::clone(apps)),
            _ => None,
        }
    }
}

impl Speech {
    /// Recognises what a packet speaks.
    fn of(said: &Said<'_>) -> Option<Self> {
        if said.is_tcp { Self::over_tcp(said) } else { Self::over_udp(said) }
    }

    fn over_tcp(said: &Said<'_>) -> Option<Self> {
        let payload = said.payload;
        if said.has_port(53) {
            // A length, and what a message of at least that length begins with.
            let is_dns = payload.get(..2).is_some_and(|length| length >= [0, 12].as_slice());
            return is_dns.then(|| Self::Dns(dns::Talk::new(said)));
        }
        match payload.first()? {
            21 | 22 if tls::is_record(payload) => Some(Self::Tls(Box::new(tls::Talk::new(said)))),
            b'A'..=b'Z' if http::is_start(payload) => Some(Self::Http(Box::new(http::Talk::new(said)))),
            b'S' if ssh::is_start(payload) => Some(Self::Ssh(Box::default())),
            0 if smb::is_start(payload) => Some(Self::Smb(Smb::default(), 0)),
            3 if rdp::is_start(payload, said.has_port(3389)) => Some(Self::Rdp(Rdp::default())),
            b'2' | b'+' | b'*' | 0xff => {
                let kind = Kind::of(said)?;
                Some(Self::Lines(Box::new(lines::Talk::new(kind))))
            }
            _ => None,
        }
    }

    fn over_udp(said: &Said<'_>) -> Option<Self> {
        let payload = said.payload;
        let is_dns_port = said.has_port(53) || said.has_port(5353) || said.has_port(5355);
        // Names of NetBIOS have the same format and another meaning.
        let is_netbios = said.has_port(137);
        if is_dns_port || !is_netbios && dns::is_certain(payload) {
            Some(Self::Dns(dns::Talk::new(said)))
        } else if said.has_port(123) && ntp::is_packet(payload) {
            Some(Self::Ntp(Box::default()))
        } else if dhcp::is_packet(said) {
            Some(Self::Dhcp(Box::default()))
        } else if payload.first()? & 0x80 != 0 && quic::is_long_header(payload) {
            Some(Self::Quic(Box::new(quic::Talk::new(said))))
        } else if http::is_start(payload) {
            Some(Self::Http(Box::new(http::Talk::new(said))))
        } else {
            None
        }
    }

    fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        match self {
            Self::Dns(talk) => talk.take(said, room),
            Self::Tls(talk) => talk.take(said, room),
            Self::Quic(talk) => talk.take(said, room),
            Self::Http(talk) => talk.take(said, room),
            Self::Lines(talk) => talk.take(said),
            Self::Ssh(talk) => talk.take(said),
            Self::Dhcp(told) => told.take(said),
            Self::Ntp(told) => told.take(said.payload),
            Self::Rdp(told) => {
                told.take(said);
            }
            Self::Smb(told, packets) => {
                told.take(said);
                *packets = packets.saturating_add(1);
            }
            Self::Told(_) => {}
        }
    }

    /// True if it has nothing more to say.
    fn is_over(&self) -> bool {
        match self {
            Self::Tls(talk) => talk.is_over(),
            Self::Quic(talk) => talk.is_over(),
            Self::Lines(talk) => talk.is_over(),
            Self::Ssh(talk) => talk.is_over(),
            Self::Smb(_, packets) => *packets >= MOST_PACKETS,
            Self::Rdp(told) => told.failure.is_some() || told.selected == Some(0),
            Self::Dns(_) | Self::Http(_) | Self::Dhcp(_) | Self::Ntp(_) => false,
            Self::Told(_) => true,
        }
    }

    fn goes_on_in_tls(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Lines(_) | Self::Rdp(_))
    }

    fn waiting(&self) -> usize {
        match self {
            Self::Dns(talk) => talk.waiting(),
            Self::Tls(talk) => talk.waiting(),
            Self::Quic(talk) => talk.waiting(),
            Self::Http(talk) => talk.waiting(),
            _ => 0,
        }
    }

    fn forget(&mut self, room: &mut Room) {
        match self {
            Self::Dns(talk) => talk.forget(),
            Self::Tls(talk) => talk.forget(),
            Self::Quic(talk) => talk.forget(),
            Self::Http(talk) => talk.forget(room),
            _ => {}
        }
    }

    fn tell(self, client: usize, apps: &mut Apps) {
        let service = match self {
            Self::Dns(talk) => {
                let told = talk.tell();
                let name = told.kind.name();
                apps.dns = Some(Box::new(told));
                Some(name)
            }
            Self::Tls(talk) => {
                apps.tls = Some(Box::new(talk.tell(client)));
                Some("tls")
            }
            Self::Quic(talk) => {
                let (quic, tls) = talk.tell(client);
                (apps.quic, apps.tls) = (Some(Box::new(quic)), tls.map(Box::new));
                Some("quic")
            }
            Self::Http(talk) => {
                let (told, login) = talk.tell();
                apps.http = Some(Box::new(told));
                apps.cleartext_login = login;
                Some("http")
            }
            Self::Lines(talk) => {
                apps.banner = talk.banner;
                apps.cleartext_login = talk.login;
                talk.kind.name()
            }
            Self::Ssh(talk) => {
                apps.ssh = Some(Box::new(talk.tell(client)));
                Some("ssh")
            }
            Self::Dhcp(told) => {
                let name = if told.is_v6 { "dhcpv6" } else { "dhcp" };
                apps.dhcp = Some(told);
                Some(name)
            }
            Self::Ntp(told) => {
                apps.ntp = Some(told);
                Some("ntp")
            }
            Self::Rdp(told) => {
                apps.rdp = Some(told);
                Some("rdp")
            }
            Self::Smb(told, _) => {
                apps.smb = Some(told);
                Some("smb")
            }
            Self::Told(_) => None,
        };
        apps.service = apps.service.or(service);
    }
}
