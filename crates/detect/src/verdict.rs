//! What a single TCP flow shows, in words: is it the network, the server, the client, or the capture?

use capkeep_flow::{ConnState, FlowRecord, Protocol, TcpHealth, TcpSide};

use crate::finding::{Confidence, Number};
use crate::quality::is_one_sided;
use crate::settings::{Settings, nanos};
use crate::words::{percent, share, span};

/// What a TCP flow shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VerdictKind {
    /// The capture does not show enough to judge it.
    CaptureArtefact,
    /// Nobody answered.
    Filtered,
    /// The server refused.
    Refused,
    /// Packets to the client are lost.
    LossToClient,
    /// Packets to the server are lost.
    LossToServer,
    /// Packets are lost both ways.
    LossBothWays,
    /// The client takes nothing for a while.
    SlowClient,
    /// The server takes nothing for a while.
    StalledServer,
    /// The server takes long to answer.
    SlowServer,
    /// The way is long.
    SlowNetwork,
    /// Nothing is wrong with it.
    Fine,
    /// Too little happened to tell.
    Unknown,
}

impl VerdictKind {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CaptureArtefact => "capture artefact",
            Self::Filtered => "filtered or unreachable",
            Self::Refused => "refused",
            Self::LossToClient => "network loss towards the client",
            Self::LossToServer => "network loss towards the server",
            Self::LossBothWays => "network loss both ways",
            Self::SlowClient => "slow client (window)",
            Self::StalledServer => "slow server (window)",
            Self::SlowServer => "slow server",
            Self::SlowNetwork => "slow network",
            Self::Fine => "fine",
            Self::Unknown => "too little to tell",
        }
    }

    /// Name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CaptureArtefact => "capture_artefact",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::LossToClient => "loss_to_client",
            Self::LossToServer => "loss_to_server",
            Self::LossBothWays => "loss_both_ways",
            Self::SlowClient => "slow_client",
            Self::StalledServer => "stalled_server",
            Self::SlowServer => "slow_server",
            Self::SlowNetwork => "slow_network",
            Self::Fine => "fine",
            Self::Unknown => "unknown",
        }
    }
}

/// A verdict, with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the flow shows.
    pub kind: VerdictKind,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in a few words.
    pub because: String,
    /// The numbers behind it.
    pub numbers: Vec<Number>,
}

fn make(
    kind: VerdictKind,
    confidence: Confidence,
    because: impl Into<String>,
    numbers: Vec<Number>,
) -> Verdict {
    Verdict { kind, confidence, because: because.into(), numbers }
}

/// What a TCP flow shows; `None` for other flows. The first that applies of: the capture is to blame, no connection
/// came about, packets are lost, a side takes nothing, the server is slow, the way is long.
pub fn verdict(flow: &FlowRecord, settings: &Settings) -> Option<Verdict> {
    if flow.protocol != Protocol::Ip(6) {
        return None;
    }
    let Some(tcp) = flow.tcp.as_deref() else {
        return Some(make(VerdictKind::Unknown, Confidence::Low, "no TCP header could be read", Vec::new()));
    };
    let judged = capture(flow, tcp, settings)
        .or_else(|| outcome(flow, tcp))
        .or_else(|| loss(tcp, settings))
        .or_else(|| stall(tcp, settings))
        .or_else(|| slow(tcp, settings));
    let mut verdict = judged.unwrap_or_else(|| healthy(flow, tcp));
    let copies = tcp.from_client.copies + tcp.from_server.copies;
    if copies > 0 {
        verdict.numbers.push(Number::count("copies left out", copies, "packets"));
        if share(copies, flow.packets()) > 0.1 {
            verdict.confidence = verdict.confidence.lowered();
        }
    }
    Some(verdict)
}

fn capture(flow: &FlowRecord, tcp: &TcpHealth, settings: &Settings) -> Option<Verdict> {
    if is_one_sided(flow) {
        let numbers = vec![Number::count("packets", flow.packets(), "packets")];
        let because = "it went on although one direction was not captured";
        return Some(make(VerdictKind::CaptureArtefact, Confidence::High, because, numbers));
    }
    let unseen = tcp.from_client.acked_unseen + tcp.from_server.acked_unseen;
    let packets = flow.packets();
    if unseen >= 3 && share(unseen, packets) >= settings.verdict.unseen_share {
        let because =
            format!("{} of its packets acknowledge bytes that were not captured", percent(unseen, packets));
        let numbers = vec![Number::count("acknowledged, not captured", unseen, "packets")];
        return Some(make(VerdictKind::CaptureArtefact, Confidence::High, because, numbers));
    }
    None
}

fn outcome(flow: &FlowRecord, tcp: &TcpHealth) -> Option<Verdict> {
    let syns = Number::count("SYNs", tcp.handshake.syns, "packets");
    match flow.conn_state {
        ConnState::S0 | ConnState::Rstos0 | ConnState::Sh if tcp.handshake.syns > 0 => {
            let errors = Number::count("ICMP errors", flow.icmp_errors, "packets");
            if flow.icmp_errors > 0 {
                let because = "routers say it cannot be reached";
                return Some(make(VerdictKind::Filtered, Confidence::High, because, vec![syns, errors]));
            }
            let sure = if tcp.handshake.syns > 1 { Confidence::High } else { Confidence::Medium };
            Some(make(VerdictKind::Filtered, sure, "nobody answered the SYN", vec![syns]))
        }
        ConnState::Rej => {
            Some(make(VerdictKind::Refused, Confidence::High, "a RST answered the SYN", vec![syns]))
        }
        _ => None,
    }
}

/// Segments sent again because they were lost: not those that had arrived.
pub(crate) fn lost(side: &TcpSide) -> u64 {
    side.lost()
}

fn loss(tcp: &TcpHealth, settings: &Settings) -> Option<Verdict> {
    let limits = &settings.verdict;
    let is_lossy = |side: &TcpSide| {
        lost(side) >= limits.loss_least && share(lost(side), side.data_segments) >= limits.loss_share
    };
    let (up, down) = (is_lossy(&tcp.from_client), is_lossy(&tcp.from_server));
    let (kind, sent, of) = match (up, down) {
        (false, false) => return None,
        (true, false) => (VerdictKind::LossToServer, lost(&tcp.from_client), tcp.from_client.data_segments),
        (false, true) => (VerdictKind::LossToClient, lost(&tcp.from_server), tcp.from_server.data_segments),
        (true, true) => (
            VerdictKind::LossBothWays,
            lost(&tcp.from_client) + lost(&tcp.from_server),
            tcp.from_client.data_segments + tcp.from_server.data_segments,
        ),
    };
    let because = format!("{} of {of} data segments were sent again", percent(sent, of));
    let timeouts = tcp.from_client.timeouts + tcp.from_server.timeouts;
    let numbers = vec![
        Number::count("sent again", sent, "packets"),
        Number::share("sent again, share", sent, of),
        Number::count("by timeout", timeouts, "packets"),
    ];
    Some(make(kind, Confidence::High, because, numbers))
}

fn stall(tcp: &TcpHealth, settings: &Settings) -> Option<Verdict> {
    let longest = nanos(settings.verdict.stall_seconds);
    let (client, server) = (tcp.from_client.zero_window_nanos, tcp.from_server.zero_window_nanos);
    let (kind, stalled, who) = if client > longest && client >= server {
        (VerdictKind::SlowClient, client, "client")
    } else if server > longest {
        (VerdictKind::StalledServer, server, "server")
    } else {
        return None;
    };
    let because = format!("the {who} took nothing for {}", span(stalled));
    Some(make(kind, Confidence::High, because, vec![Number::seconds("window of zero", stalled)]))
}

fn slow(tcp: &TcpHealth, settings: &Settings) -> Option<Verdict> {
    let way = tcp.handshake.server_rtt;
    if let Some(first_byte) = tcp.first_byte {
        let thinking = first_byte.saturating_sub(way.unwrap_or(0));
        if thinking > nanos(settings.verdict.server_seconds) {
            let because = format!("the first byte came {} after the request", span(first_byte));
            let numbers = vec![
                Number::seconds("time to first byte", first_byte),
                Number::seconds("way to the server and back", way.unwrap_or(0)),
            ];
            let sure = if way.is_some() { Confidence::High } else { Confidence::Medium };
            return Some(make(VerdictKind::SlowServer, sure, because, numbers));
        }
    }
    let rtt = way?.saturating_add(tcp.handshake.client_rtt?);
    if rtt <= nanos(settings.verdict.rtt_seconds) {
        return None;
    }
    let numbers = vec![
        Number::seconds("way to the server and back", way?),
        Number::seconds("way to the client and back", tcp.handshake.client_rtt?),
    ];
    let because = format!("the handshake took {}", span(rtt));
    Some(make(VerdictKind::SlowNetwork, Confidence::Medium, because, numbers))
}

fn healthy(flow: &FlowRecord, tcp: &TcpHealth) -> Verdict {
    let data = tcp.from_client.data_segments + tcp.from_server.data_segments;
    let numbers = vec![Number::count("data segments", data, "packets")];
    let both = flow.from_client.packets > 0 && flow.from_server.packets > 0;
    if both && (data > 0 || flow.conn_state == ConnState::Sf) {
        make(VerdictKind::Fine, Confidence::High, "nothing is wrong with it", numbers)
    } else {
        make(VerdictKind::Unknown, Confidence::Low, "too little of it was captured", numbers)
    }
}
