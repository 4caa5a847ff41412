//! RDP: how a connection begins (MS-RDPBCGR, sections 2.2.1.1 and 2.2.1.2). What follows is TLS, mostly.

use super::said::Said;

/// What a flow said in RDP in the clear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rdp {
    /// True if the client named a user or a session (the cookie). The name itself is not kept.
    pub has_cookie: bool,
    /// Security the client can do, as bits: 1 TLS, 2 `CredSSP`, 8 `CredSSP` with early authorization; 0 for the
    /// standard security of RDP.
    pub requested: Option<u32>,
    /// Security the server chose, one of these numbers.
    pub selected: Option<u32>,
    /// Why the server refused (MS-RDPBCGR, section 2.2.1.2.2): 5 for instance if it insists on `CredSSP`.
    pub failure: Option<u32>,
}

impl Rdp {
    /// Name of the security that was chosen.
    pub const fn security(&self) -> Option<&'static str> {
        match self.selected {
            Some(0) => Some("rdp"),
            Some(1) => Some("tls"),
            Some(2) => Some("credssp"),
            Some(8) => Some("credssp_early"),
            Some(_) => Some("other"),
            None => None,
        }
    }

    /// Takes what a packet says; false if it is none of these messages.
    pub(super) fn take(&mut self, said: &Said<'_>) -> bool {
        let Some((kind, rest)) = connection(said.payload) else { return false };
        if kind == 0xe0 {
            self.has_cookie = rest.starts_with(b"Cookie: ");
        }
        // The negotiation stands at the end: kind, flags, length 8, a number.
        if let Some([what, _, 8, 0, a, b, c, d]) = rest.last_chunk::<8>() {
            let number = Some(u32::from_le_bytes([*a, *b, *c, *d]));
            match (kind, what) {
                (0xe0, 1) => self.requested = number,
                (0xd0, 2) => self.selected = number,
                (0xd0, 3) => self.failure = number,
                _ => {}
            }
        }
        true
    }
}

/// A connection request or confirm of X.224 in its TPKT frame, whole: its kind, and what follows its header.
fn connection(payload: &[u8]) -> Option<(u8, &[u8])> {
    let [3, 0, a, b, length, kind @ (0xe0 | 0xd0), _, _, _, _, _, rest @ ..] = payload else { return None };
    let total = usize::from(u16::from_be_bytes([*a, *b]));
    (total == payload.len() && usize::from(*length) + 5 == total).then_some((*kind, rest))
}

/// True if this begins an RDP connection: X.224 alone begins others too.
pub(crate) fn is_start(payload: &[u8], is_port: bool) -> bool {
    connection(payload).is_some_and(|(_, rest)| {
        let has_negotiation = matches!(rest.last_chunk::<8>(), Some([1..=3, _, 8, 0, ..]));
        rest.starts_with(b"Cookie: mst") || has_negotiation || is_port
    })
}

#[cfg(test)]
mod tests {
    use super::{Rdp, is_start};
    use crate::apps::tests::said;

    #[test]
    fn a_connection_begins_with_what_both_can_do() {
        let mut request = b"\x03\x00\x00\x00\x00\xe0\x00\x00\x00\x00\x00Cookie: mstshash=admin\r\n\x01\x00\x08\x00\x0b\x00\x00\x00".to_vec();
        request[3] = request.len() as u8;
        request[4] = request.len() as u8 - 5;
        let confirm = b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x1f\x08\x00\x02\x00\x00\x00";
        let mut rdp = Rdp::default();
        assert!(is_start(&request, false) && rdp.take(&said(&request)) && rdp.take(&said(confirm)));
        let expected = Rdp { has_cookie: true, requested: Some(11), selected: Some(2), failure: None };
        assert_eq!((rdp, rdp.security()), (expected, Some("credssp")));
        for end in 0..request.len() {
            assert!(!is_start(&request[..end], true), "{end}");
        }
    }
}
