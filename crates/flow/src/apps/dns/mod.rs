//! DNS, multicast DNS and LLMNR.

mod message;
mod talk;

use std::net::IpAddr;

use capkeep_pcap::Timestamp;

use super::PacketRef;

pub(super) use talk::{Talk, is_certain};

/// What a flow said in DNS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// Which of the protocols that share the format.
    pub kind: DnsKind,
    /// Messages that ask.
    pub queries: u64,
    /// Messages that answer.
    pub responses: u64,
    /// Response codes of the answers (RFC 1035, the four bits of the header) and how often each came, by code.
    pub rcodes: Vec<(u8, u64)>,
    /// Types asked for and how often, by type; of the first 32 types.
    pub types: Vec<(u16, u64)>,
    /// Questions that had an answer. One asked several times counts once.
    pub answered: u64,
    /// Questions without one, where one was due: queries of unicast DNS.
    pub unanswered: u64,
    /// Queries that repeat one that had no answer yet.
    pub repeats: u64,
    /// Answers that were cut to fit (TC).
    pub truncated: u64,
    /// Messages that could not be read to the end of their answers, for what is wrong in them or cut off.
    pub unreadable: u64,
    /// The first questions, in the order in which they were asked or, if the query was not seen, answered.
    pub lookups: Vec<Lookup>,
    /// Questions that are not among them.
    pub lookups_omitted: u64,
}

/// The protocols with the format of DNS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DnsKind {
    /// DNS itself (RFC 1035).
    #[default]
    Dns,
    /// Multicast DNS, port 5353 (RFC 6762). What answers is another flow, if anything does.
    Mdns,
    /// Link-local multicast name resolution, port 5355 (RFC 4795). What answers is another flow, if anything does.
    Llmnr,
}

impl DnsKind {
    /// Name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
        }
    }
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The name asked for: labels joined by dots as tshark shows them (`<Root>` for none), with what is not printable
    /// as `\DDD`.
    pub name: Box<str>,
    /// The type asked for.
    pub kind: u16,
    /// The packet with the first query.
    pub query_packet: Option<PacketRef>,
    /// When that was.
    pub asked: Option<Timestamp>,
    /// Queries after it that ask the same.
    pub repeats: u32,
    /// The packet with the answer.
    pub response_packet: Option<PacketRef>,
    /// From the first query to the answer; nanoseconds.
    pub latency: Option<i64>,
    /// Response code.
    pub rcode: Option<u8>,
    /// The first answers.
    pub answers: Vec<Answer>,
    /// Answers that are not among them.
    pub answers_omitted: u32,
}

impl Lookup {
    /// Most answers that are kept (chosen: a chain of aliases and the addresses at its end).
    pub const MOST_ANSWERS: usize = 8;

    /// Nothing but what is asked.
    fn new(name: Box<str>, kind: u16) -> Self {
        Self {
            name,
            kind,
            query_packet: None,
            asked: None,
            repeats: 0,
            response_packet: None,
            latency: None,
            rcode: None,
            answers: Vec::new(),
            answers_omitted: 0,
        }
    }

    /// The addresses of the name.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.answers.iter().filter_map(|answer| match answer.data {
            AnswerData::Address(address) => Some(address),
            _ => None,
        })
    }
}

/// A record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Type of the record.
    pub kind: u16,
    /// Seconds it may be kept.
    pub ttl: u32,
    /// What it says.
    pub data: AnswerData,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerData {
    /// An address (A, AAAA).
    Address(IpAddr),
    /// A name (CNAME, NS, PTR, MX, SRV).
    Name(Box<str>),
    /// Something else, of so many bytes.
    Other(u16),
}

impl Dns {
    /// Most lookups that are kept (chosen: enough of a tunnel's names to see that no name comes twice).
    pub const MOST_LOOKUPS: usize = 256;
}

/// Name of a response code.
pub fn dns_rcode_name(rcode: u8) -> &'static str {
    const NAMES: [&str; 12] = [
        "NOERROR",
        "FORMERR",
        "SERVFAIL",
        "NXDOMAIN",
        "NOTIMP",
        "REFUSED",
        "YXDOMAIN",
        "YXRRSET",
        "NXRRSET",
        "NOTAUTH",
        "NOTZONE",
        "DSOTYPENI",
    ];
    NAMES.get(usize::from(rcode)).copied().unwrap_or("RESERVED")
}

/// Name of a record type, `TYPE99` where it has none here (RFC 3597).
pub fn dns_type_name(kind: u16) -> std::borrow::Cow<'static, str> {
    let name = match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        10 => "NULL",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        33 => "SRV",
        35 => "NAPTR",
        41 => "OPT",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        64 => "SVCB",
        65 => "HTTPS",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        257 => "CAA",
        _ => return format!("TYPE{kind}").into(),
    };
    name.into()
}
