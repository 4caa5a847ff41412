//! A flow that speaks DNS.

use capkeep_pcap::Timestamp;

use super::message::{Header, Question, Record, u16_at};
use super::{Answer, AnswerData, Dns, DnsKind, Lookup};
use crate::apps::gather::Gather;
use crate::apps::said::{Room, Said};
use crate::apps::tally::count;

/// Most questions of a message that are looked at (chosen: mDNS asks a few dozen in one message).
const MOST_QUESTIONS: u16 = 64;

/// Most types that are counted apart (chosen: there are about ninety, a client asks for five).
const MOST_TYPES: usize = 32;

/// Most queries that wait for an answer (chosen: what a busy resolver has open on one port; the oldest is given up).
const MOST_OPEN: usize = 128;

/// A query without answer.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: u16,
    from: u8,
    kind: u16,
    name: u64,
    asked: Timestamp,
    /// Index into the lookups, if it is kept there.
    lookup: Option<u32>,
}

/// DNS of a flow while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    told: Dns,
    open: Vec<Open>,
    /// Queries given up because too many were open.
    given_up: u64,
    /// Streams of TCP.
    streams: Option<Box<[Stream; 2]>>,
}

/// One direction over TCP: messages behind their lengths.
#[derive(Clone, Debug, Default)]
struct Stream {
    gather: Option<Gather>,
    /// Nothing can be made of it any more.
    is_lost: bool,
}

impl Talk {
    pub(crate) fn new(said: &Said<'_>) -> Self {
        let kind = if said.has_port(5353) {
            DnsKind::Mdns
        } else if said.has_port(5355) {
            DnsKind::Llmnr
        } else {
            DnsKind::Dns
        };
        let streams = said.is_tcp.then(Box::default);
        Self { told: Dns { kind, ..Dns::default() }, open: Vec::new(), given_up: 0, streams }
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        let Some(mut streams) = self.streams.take() else {
            self.message(said.payload, said, room);
            return;
        };
        if let Some(stream) = streams.get_mut(said.from) {
            self.segment(stream, said, room);
        }
        self.streams = Some(streams);
    }

    fn segment(&mut self, stream: &mut Stream, said: &Said<'_>, room: &mut Room) {
        if stream.is_lost {
            return;
        }
        let gather = stream.gather.get_or_insert_with(|| Gather::new(said.seq));
        let before = gather.held();
        let is_full = gather.push(said.seq, said.payload).is_err();
        while let Some(length) = u16_at(gather.ready(), 0) {
            let whole = 2 + usize::from(length);
            let Some(message) = gather.ready().get(2..whole) else { break };
            self.message(message, said, room);
            gather.consume(whole);
        }
        // A message longer than is held, a gap, or the end of what was captured.
        if is_full || said.cut > 0 {
            if gather.ready().len() >= 2 + Header::LEN {
                let message = gather.ready().get(2..).unwrap_or_default();
                self.message(message, said, room);
            }
            stream.gather = None;
            stream.is_lost = true;
        }
        let after = stream.gather.as_ref().map_or(0, Gather::held);
        room.waiting = (room.waiting + after as u64).saturating_sub(before as u64);
    }

    /// Bytes that wait for the rest of a message.
    pub(crate) fn waiting(&self) -> usize {
        let streams = self.streams.iter().flat_map(|streams| streams.iter());
        streams.filter_map(|stream| Some(stream.gather.as_ref()?.held())).sum()
    }

    /// Forgets what waits for the rest of a message.
    pub(crate) fn forget(&mut self) {
        for stream in self.streams.iter_mut().flat_map(|streams| streams.iter_mut()) {
            if stream.gather.as_ref().is_some_and(|gather| gather.held() > 0) {
                *stream = Stream { gather: None, is_lost: true };
            }
        }
    }

    fn message(&mut self, message: &[u8], said: &Said<'_>, room: &mut Room) {
        let Some(header) = Header::read(message) else {
            self.told.unreadable += 1;
            return;
        };
        if header.is_response() {
            self.told.responses += 1;
            self.told.truncated += u64::from(header.is_truncated());
            count(&mut self.told.rcodes, header.rcode(), usize::MAX);
        } else {
            self.told.queries += 1;
        }
        let mut at = Header::LEN;
        let mut first = None;
        for _ in 0..header.questions.min(MOST_QUESTIONS) {
            let Some((question, next)) = Question::read(message, at) else {
                self.told.unreadable += 1;
                return;
            };
            if !header.is_response() {
                count(&mut self.told.types, question.kind, MOST_TYPES);
            }
            first = first.or(Some(question));
            at = next;
        }
        if header.questions > MOST_QUESTIONS {
            self.told.unreadable += 1;
            return;
        }
        if header.is_response() {
            self.answer(message, at, header, first, said, room);
        } else if let Some(question) = first {
            self.ask(header, question, said, room);
        }
    }

    fn ask(&mut self, header: Header, question: Question<'_>, said: &Said<'_>, room: &mut Room) {
        let open = Open {
            id: header.id,
            from: said.from as u8,
            kind: question.kind,
            name: question.name.hash(),
            asked: said.at,
            lookup: None,
        };
        let is_same = |other: &&Open| {
            (other.id, other.from, other.kind, other.name) == (open.id, open.from, open.kind, open.name)
        };
        if let Some(known) = self.open.iter().find(is_same) {
            self.told.repeats += 1;
            let lookup = known.lookup.and_then(|index| self.told.lookups.get_mut(index as usize));
            if let Some(lookup) = lookup {
                lookup.repeats = lookup.repeats.saturating_add(1);
            }
            return;
        }
        let lookup = self.keep(room, || Lookup {
            query_packet: Some(said.packet),
            asked: Some(said.at),
            ..Lookup::new(question.name.shown(), question.kind)
        });
        // Answers to what is asked of a group come from elsewhere.
        if self.told.kind != DnsKind::Dns {
            return;
        }
        if self.open.len() >= MOST_OPEN {
            self.open.remove(0);
            self.given_up += 1;
        }
        self.open.push(Open { lookup, ..open });
    }

    /// Keeps a lookup if there is room for it; where it stands then.
    fn keep(&mut self, room: &mut Room, lookup: impl FnOnce() -> Lookup) -> Option<u32> {
        let lookups = &mut self.told.lookups;
        if lookups.len() >= room.allows(Dns::MOST_LOOKUPS) {
            self.told.lookups_omitted += 1;
            return None;
        }
        let lookup = lookup();
        room.kept += (size_of::<Lookup>() + lookup.name.len()) as u64;
        if lookups.is_empty() {
            // Most flows have one.
            lookups.reserve_exact(1);
        }
        lookups.push(lookup);
        Some(lookups.len() as u32 - 1)
    }

    fn answer(
        &mut self,
        message: &[u8],
        at: usize,
        header: Header,
        question: Option<Question<'_>>,
        said: &Said<'_>,
        room: &mut Room,
    ) {
        let (name, kind) = question.map_or((None, None), |q| (Some(q.name.hash()), Some(q.kind)));
        // An answer without question (some servers leave it out where they refuse) is told by its number alone.
        let asked = self.open.iter().position(|open| {
            open.id == header.id
                && usize::from(open.from) != said.from
                && name.is_none_or(|name| name == open.name)
                && kind.is_none_or(|kind| kind == open.kind)
        });
        let open = asked.map(|index| self.open.remove(index));
        self.told.answered += u64::from(open.is_some());
        let index = match (open, question) {
            (Some(open), _) => open.lookup,
            (None, Some(question)) => self.keep(room, || Lookup::new(question.name.shown(), question.kind)),
            // What multicast DNS announces has no question: the first record names it.
            (None, None) => match Record::read(message, at) {
                Some((record, _)) if header.answers > 0 => {
                    self.keep(room, || Lookup::new(record.name.shown(), record.kind))
                }
                _ => None,
            },
        };
        let lookup = index.and_then(|index| self.told.lookups.get_mut(index as usize));
        if let Some(lookup) = lookup {
            lookup.response_packet = Some(said.packet);
            lookup.rcode = Some(header.rcode());
            lookup.latency = open.map(|open| said.at.since(open.asked));
            let is_whole = answers(message, at, header.answers, lookup, room);
            self.told.unreadable += u64::from(!is_whole);
        }
    }

    /// What was said.
    pub(crate) fn tell(self) -> Dns {
        let unanswered = self.open.len() as u64 + self.given_up;
        Dns { unanswered, ..self.told }
    }
}

/// Notes the answers of a message; false if it cannot be read to their end.
fn answers(message: &[u8], mut at: usize, count: u16, lookup: &mut Lookup, room: &mut Room) -> bool {
    // As many as there can be: a record has eleven bytes at least.
    let most = room.allows(Lookup::MOST_ANSWERS).min(message.len() / 11);
    lookup.answers.reserve_exact(usize::from(count).min(most));
    for done in 0..count {
        if lookup.answers.len() >= room.allows(Lookup::MOST_ANSWERS) {
            lookup.answers_omitted = u32::from(count - done);
            break;
        }
        let Some((record, next)) = Record::read(message, at) else {
            lookup.answers_omitted = u32::from(count - done);
            return false;
        };
        at = next;
        let data = match (record.address(), record.target()) {
            (Some(address), _) => AnswerData::Address(address),
            (None, Some(name)) => AnswerData::Name(name.shown()),
            (None, None) => AnswerData::Other(record.data_len()),
        };
        room.kept += size_of::<Answer>() as u64;
        if let AnswerData::Name(name) = &data {
            room.kept += name.len() as u64;
        }
        lookup.answers.push(Answer { kind: record.kind, ttl: record.ttl, data });
    }
    true
}

/// True if this can be nothing but a DNS message: a query or an answer with one question, made of records to its very
/// end. Asked of packets on other ports than those of DNS.
pub(crate) fn is_certain(payload: &[u8]) -> bool {
    let Some(header) = Header::read(payload) else { return false };
    // No reserved bit, a standard query, and few of everything.
    let is_plain = header.flags & 0x0040 == 0
        && header.opcode() == 0
        && header.rcode() <= 5
        && header.questions == 1
        && header.answers <= 64
        && header.authorities <= 32
        && header.additionals <= 32;
    if !is_plain || !header.is_response() && (header.answers > 0 || header.rcode() > 0) {
        return false;
    }
    let Some((question, mut at)) = Question::read(payload, Header::LEN) else { return false };
    let class = u16_at(payload, at - 2).unwrap_or_default();
    if class != 1 || question.kind == 0 || question.kind > 257 {
        return false;
    }
    for _ in 0..header.answers + header.authorities + header.additionals {
        match Record::read(payload, at) {
            Some((_, next)) => at = next,
            None => return false,
        }
    }
    at == payload.len()
}
