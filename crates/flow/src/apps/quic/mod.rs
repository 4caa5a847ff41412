//! QUIC, versions 1 and 2 (RFC 9000, RFC 9369): what its Initial packets say.

mod initial;
mod talk;

pub(super) use initial::is_long_header;
#[cfg(test)]
pub(super) use initial::seal;
pub(super) use talk::Talk;

/// What a flow said in QUIC. Its hellos are in [`Apps::tls`](crate::Apps::tls).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quic {
    /// Version of the first packet with a long header (1, 0x6b3343cf for version 2, 0xff0000… for drafts).
    pub version: u32,
    /// Packets of the connection's beginning (long headers), several in a datagram among them.
    pub long_headers: u64,
    /// Initial packets among them that could be read.
    pub initials: u64,
    /// True if the server asked the client to show that it can be reached (Retry).
    pub has_retry: bool,
    /// True if the server refused the version.
    pub has_version_negotiation: bool,
    /// Error with which an Initial packet closed the connection (RFC 9000, section 20; 0x100 and the number of a TLS
    /// alert).
    pub close_error: Option<u64>,
}

/// Name of a version (`v1`, `v2`, `draft-29`).
pub fn quic_version_name(version: u32) -> Option<String> {
    match version {
        1 => Some("v1".into()),
        0x6b33_43cf => Some("v2".into()),
        0xff00_0000..=0xff00_00ff => Some(format!("draft-{}", version & 0xff)),
        _ => None,
    }
}
