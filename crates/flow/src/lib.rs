//! Packets → flows.
//!
//! [`analyze`] reads capture files on every core rayon has and counts every packet once: in a flow, or under the
//! reason why it is in none. The result and the order of the flows depend on the input alone, never on the number
//! of threads.

mod analysis;
mod apps;
mod community_id;
mod decodes;
mod ends;
mod engine;
mod fragments;
mod hash;
mod health;
mod live;
mod meta;
mod names;
mod options;
mod record;
mod services;
mod sessions;
mod shard;
mod slab;
mod source;
mod summary;
mod tcp;
mod tcp_totals;
mod timeline;
mod top;
mod traffic;

pub use analysis::{
    Analysis, Capture, CaptureError, ConversationCounts, Counts, HostCounts, ServiceCounts, Totals,
};
pub use apps::{
    Answer, AnswerData, Apps, Certificate, Dhcp, Dns, DnsKind, Exchange, Http, Lookup, Ntp, PacketRef, Quic,
    Rdp, Smb, Ssh, Tls, TlsAlert, dhcp_type_name, dns_rcode_name, dns_type_name, quic_version_name,
    ssh_software, tls_alert_name, tls_cipher_name, tls_version_name,
};
#[cfg(fuzzing)]
pub use apps::{Utterance, hear};
pub use community_id::community_id;
pub use ends::{Clocks, Comparison, Missing, Pair, Rewritten, Way, compare};
pub use engine::analyze;
pub use health::{Handshake, Mark, MarkKind, Silence, Spread, TcpHealth, TcpSide};
pub use names::{Named, Names};
pub use options::{Event, Input, Opener, Options, Stream};
pub use record::{
    ArpSender, ClientBy, ConnState, Direction, EndReason, Endpoint, Ends, FlowRecord, Protocol, Quoted,
    Tunnel,
};
pub use services::{service_name, speaks_as_named};
pub use sessions::sessions;
pub use tcp_totals::TcpTotals;
pub use timeline::Timeline;
pub use top::{Tally, Top, TopKey};
pub use traffic::Traffic;
