//! HTTP/1, and what looks like it over UDP (SSDP): heads of messages, never bodies or credentials.

mod head;
mod talk;

use capkeep_pcap::Timestamp;

use super::PacketRef;

pub(super) use head::is_start;
pub(super) use talk::Talk;

/// What a flow said in HTTP/1.
#[allow(clippy::struct_excessive_bools, reason = "four things that requests have or have not")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Http {
    /// Requests that were seen to begin.
    pub requests: u64,
    /// Responses that were seen to begin, interim ones (1xx) among them.
    pub responses: u64,
    /// Methods and how often each came, of the first 16, in order of appearance.
    pub methods: Vec<(Box<str>, u64)>,
    /// Hosts (the header of that name) and how often each was asked, of the first 32, in order of appearance. Not
    /// printable bytes are `\DDD`.
    pub hosts: Vec<(Box<str>, u64)>,
    /// Status codes and how often each came, by code.
    pub codes: Vec<(u16, u64)>,
    /// The first requests with their responses, in the order of the requests. A response whose request was not seen
    /// stands alone.
    pub exchanges: Vec<Exchange>,
    /// Requests and lone responses that are not among them.
    pub exchanges_omitted: u64,
    /// True if a request asks a proxy for another server: its target is a whole URL, or its method `CONNECT`.
    pub asks_proxy: bool,
    /// True if a request carried credentials (the header `Authorization` or `Proxy-Authorization`).
    pub has_authorization: bool,
    /// True if it did so with a password that anybody can read (`Basic`).
    pub has_basic_authorization: bool,
    /// True if a request carried cookies.
    pub has_cookies: bool,
    /// Software that the first response names (the header `Server`).
    pub server: Option<Box<str>>,
    /// Software that the first request names (the header `User-Agent`).
    pub user_agent: Option<Box<str>>,
}

impl Http {
    /// Most exchanges that are kept (chosen: a page and what is on it).
    pub const MOST_EXCHANGES: usize = 64;
    /// Most hosts that are counted apart (chosen: a proxy's connection asks for a few).
    pub const MOST_HOSTS: usize = 32;
    /// Most methods that are counted apart (chosen: there are nine usual ones).
    pub const MOST_METHODS: usize = 16;
}

/// A request and its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchange {
    /// Method; `None` if only the response was seen.
    pub method: Option<Box<str>>,
    /// Host, from the header of that name.
    pub host: Option<Box<str>>,
    /// Bytes of the target (path and query).
    pub path_len: u32,
    /// The packet in which the request begins.
    pub request_packet: Option<PacketRef>,
    /// When that was.
    pub asked: Option<Timestamp>,
    /// Status code of the final response.
    pub status: Option<u16>,
    /// The packet in which it begins.
    pub response_packet: Option<PacketRef>,
    /// From the beginning of the request to that of the response; nanoseconds.
    pub latency: Option<i64>,
}
