//! A flow that speaks HTTP/1.

use std::collections::VecDeque;

use super::head::{Head, end_of_head, is_start};
use super::{Exchange, Http};
use crate::apps::PacketRef;
use crate::apps::gather::{Full, Gather};
use crate::apps::said::{Room, Said};
use crate::apps::tally::{count, tally};
use crate::apps::text::text;

/// Beginnings of messages that are remembered, so that one that is sent again counts once (chosen: a window of
/// requests in a row).
const STARTS: usize = 8;

/// Longest head that is waited for, in bytes (chosen: what servers take).
const LONGEST_HEAD: usize = 8192;

/// Most messages in a segment (chosen: small ones in a row fill a segment with some twenty).
const MOST_IN_SEGMENT: usize = 64;

/// Most requests that wait for a response (chosen: clients that send ahead send a few).
const MOST_OPEN: usize = 64;

/// HTTP of a flow while it lives.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    told: Http,
    sides: [Side; 2],
    /// Requests without a final response: where they are kept, if they are, and when they came.
    open: VecDeque<(Option<u32>, capkeep_pcap::Timestamp)>,
    /// The last request asked for a head alone.
    wants_head: bool,
    is_tcp: bool,
    /// The first packet with `Basic` authorization.
    login: Option<PacketRef>,
}

/// One direction.
#[derive(Clone, Debug, Default)]
struct Side {
    /// A head that is not whole yet.
    head: Option<Pending>,
    /// Where the last messages began.
    starts: VecDeque<u32>,
    /// Where the body at hand begins and ends, if it said so.
    body: Option<(u32, u32)>,
}

/// A head that is not whole yet.
#[derive(Clone, Debug)]
struct Pending {
    gather: Gather,
    start: Start,
}

/// Where a message began: its exchange, if it is kept, and its packet.
#[derive(Clone, Copy, Debug)]
struct Start {
    exchange: Option<u32>,
    packet: PacketRef,
}

impl Talk {
    pub(crate) fn new(said: &Said<'_>) -> Self {
        Self {
            told: Http::default(),
            sides: Default::default(),
            open: VecDeque::new(),
            wants_head: false,
            is_tcp: said.is_tcp,
            login: None,
        }
    }

    /// Takes what a packet says.
    pub(crate) fn take(&mut self, said: &Said<'_>, room: &mut Room) {
        if !self.is_tcp {
            if is_start(said.payload) {
                self.start(said.payload, said, room);
            }
            return;
        }
        let Some(side) = self.sides.get_mut(said.from) else { return };
        let mut at = 0;
        if let Some(Pending { mut gather, start }) = side.head.take() {
            let before = gather.held();
            let whole = match gather.push(said.seq, said.payload) {
                Ok(()) if gather.held() <= LONGEST_HEAD => end_of_head(gather.ready()),
                Ok(()) | Err(Full) => Some(gather.ready().len()),
            };
            room.waiting = room.waiting.saturating_sub(before as u64);
            let Some(end) = whole.or_else(|| (said.cut > 0).then_some(gather.ready().len())) else {
                room.waiting += gather.held() as u64;
                side.head = Some(Pending { gather, start });
                return;
            };
            let body = gather.at().wrapping_add(end as u32);
            let head = gather.ready().get(..end).unwrap_or_default();
            self.finish_head(head, start, said.from, body, room);
            // What follows the head begins in this segment.
            at = body.wrapping_sub(said.seq) as usize;
        }
        for _ in 0..MOST_IN_SEGMENT {
            let Some(next) = self.next_start(said, at) else { return };
            let rest = said.payload.get(next..).unwrap_or_default();
            match self.message(rest, next, said, room) {
                Some(used) => at = next + used,
                None => return,
            }
        }
    }

    /// Where a message begins in this segment, at or behind `at`.
    fn next_start(&self, said: &Said<'_>, at: usize) -> Option<usize> {
        let is_start_at = |at: usize| said.payload.get(at..).is_some_and(is_start).then_some(at);
        let side = self.sides.get(said.from)?;
        if let Some(found) = is_start_at(at) {
            let here = said.seq.wrapping_add(at as u32);
            // The answer to a HEAD tells the length of a body that does not follow.
            let is_inside = |(begin, end): (u32, u32)| here != begin && (end.wrapping_sub(here) as i32) > 0;
            if !side.body.is_some_and(is_inside) {
                return Some(found);
            }
        }
        let end = side.body?.1.wrapping_sub(said.seq) as usize;
        if end < at || end >= said.payload.len() {
            return None;
        }
        is_start_at(end)
    }

    /// Takes the message that begins here; how many bytes its head has, if it is whole.
    fn message(&mut self, bytes: &[u8], at: usize, said: &Said<'_>, room: &mut Room) -> Option<usize> {
        let seq = said.seq.wrapping_add(at as u32);
        let side = self.sides.get_mut(said.from)?;
        let is_again = side.starts.contains(&seq);
        if !is_again {
            if side.starts.len() >= STARTS {
                side.starts.pop_front();
            }
            side.starts.push_back(seq);
        }
        let end = end_of_head(bytes);
        if is_again {
            return end;
        }
        side.body = None;
        let start = self.start(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes), said, room);
        let body = seq.wrapping_add(end.unwrap_or(bytes.len()) as u32);
        if end.is_none() && said.cut == 0 && bytes.len() <= LONGEST_HEAD {
            let mut gather = Gather::new(seq);
            if gather.push(seq, bytes).is_ok() {
                room.waiting += bytes.len() as u64;
                if let Some(side) = self.sides.get_mut(said.from) {
                    side.head = Some(Pending { gather, start });
                }
            }
            return None;
        }
        self.finish_head(bytes.get(..end?).unwrap_or(bytes), start, said.from, body, room);
        end
    }

    /// Counts a message by its first line.
    fn start(&mut self, head: &[u8], said: &Said<'_>, room: &mut Room) -> Start {
        let read = Head::read(head);
        let exchange = if let Some(code) = read.code {
            self.response(code, said, room)
        } else {
            self.request(&read, said, room)
        };
        let start = Start { exchange, packet: said.packet };
        if !self.is_tcp || end_of_head(head).is_none() && said.cut > 0 {
            self.fields(&read, start, room);
        }
        start
    }

    fn request(&mut self, head: &Head<'_>, said: &Said<'_>, room: &mut Room) -> Option<u32> {
        let method = text(head.method.unwrap_or_default());
        self.told.requests += 1;
        self.wants_head = &*method == "HEAD";
        let exchange = self.keep(room, || Exchange {
            method: Some(method.clone()),
            path_len: head.path_len as u32,
            request_packet: Some(said.packet),
            asked: Some(said.at),
            ..Exchange::default()
        });
        tally(&mut self.told.methods, method, Http::MOST_METHODS);
        if self.is_tcp && self.open.len() < MOST_OPEN {
            self.open.push_back((exchange, said.at));
        }
        exchange
    }

    fn response(&mut self, code: u16, said: &Said<'_>, room: &mut Room) -> Option<u32> {
        self.told.responses += 1;
        count(&mut self.told.codes, code, usize::MAX);
        // 101 is the last answer, others below 200 announce one.
        let is_final = code >= 200 || code == 101;
        let open = if is_final { self.open.pop_front() } else { None };
        let index = match open {
            Some((index, _)) => index,
            None if is_final => self.keep(room, Exchange::default),
            None => None,
        };
        if let Some(exchange) = index.and_then(|index| self.told.exchanges.get_mut(index as usize)) {
            exchange.status = Some(code);
            exchange.response_packet = Some(said.packet);
            exchange.latency = open.map(|(_, asked)| said.at.since(asked));
        }
        index
    }

    fn keep(&mut self, room: &mut Room, exchange: impl FnOnce() -> Exchange) -> Option<u32> {
        if self.told.exchanges.len() >= room.allows(Http::MOST_EXCHANGES) {
            self.told.exchanges_omitted += 1;
            return None;
        }
        room.kept += size_of::<Exchange>() as u64 + 16;
        self.told.exchanges.push(exchange());
        Some(self.told.exchanges.len() as u32 - 1)
    }

    /// Notes the fields of a head that is as whole as it will be, and where its body ends.
    fn finish_head(&mut self, head: &[u8], start: Start, from: usize, body: u32, room: &mut Room) {
        let read = Head::read(head);
        self.fields(&read, start, room);
        let has_no_body = match read.code {
            Some(code) => self.wants_head || matches!(code, 100..=199 | 204 | 304),
            None => false,
        };
        let length =
            read.content_length.filter(|length| !has_no_body && !read.is_chunked && *length < 1 << 31);
        if let Some(side) = self.sides.get_mut(from) {
            side.body = length.map(|length| (body, body.wrapping_add(length)));
        }
    }

    fn fields(&mut self, head: &Head<'_>, start: Start, room: &mut Room) {
        let told = &mut self.told;
        told.asks_proxy |= head.asks_proxy;
        told.has_authorization |= head.has_authorization;
        told.has_basic_authorization |= head.is_basic;
        if head.is_basic {
            self.login = self.login.or(Some(start.packet));
        }
        told.has_cookies |= head.has_cookies;
        if head.code.is_some() {
            told.server = told.server.take().or_else(|| head.server.map(text));
            return;
        }
        told.user_agent = told.user_agent.take().or_else(|| head.user_agent.map(text));
        let Some(host) = head.host.filter(|host| !host.is_empty()).map(text) else { return };
        if let Some(exchange) = start.exchange.and_then(|index| told.exchanges.get_mut(index as usize)) {
            room.kept += host.len() as u64;
            exchange.host = Some(host.clone());
            exchange.path_len = exchange.path_len.max(head.path_len as u32);
        }
        tally(&mut told.hosts, host, Http::MOST_HOSTS);
    }

    /// Bytes that wait for the rest of a head.
    pub(crate) fn waiting(&self) -> usize {
        self.sides.iter().filter_map(|side| Some(side.head.as_ref()?.gather.held())).sum()
    }

    /// Takes the heads that wait as they are.
    pub(crate) fn forget(&mut self, room: &mut Room) {
        for from in 0..2 {
            let head = self.sides.get_mut(from).and_then(|side| side.head.take());
            if let Some(Pending { gather, start }) = head {
                let read = Head::read(gather.ready());
                self.fields(&read, start, room);
            }
        }
    }

    /// What was said, and the first packet with a password for anybody to read.
    pub(crate) fn tell(mut self) -> (Http, Option<PacketRef>) {
        self.forget(&mut Room::default());
        (self.told, self.login)
    }
}
