//! NTP (RFC 5905, section 7.3): the first bytes of its header, which are all that is wanted.

/// What a flow said in NTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ntp {
    /// Version.
    pub version: u8,
    /// Packets of clients (mode 3).
    pub requests: u64,
    /// Packets of servers (mode 4).
    pub responses: u64,
    /// Packets of other modes: peers, broadcast, control.
    pub others: u64,
    /// Mode of the first packet: 1 and 2 peers, 3 client, 4 server, 5 broadcast, 6 control, 7 private.
    pub mode: u8,
    /// Distance of the last server from a reference clock: 1 has one, 16 knows no time, 0 sends a word instead (see
    /// [`Ntp::refusal`]).
    pub stratum: Option<u8>,
    /// True if the last server says that its clock is not in step.
    pub is_unsynchronized: bool,
    /// Word of a server that refuses (stratum 0), such as `RATE` or `DENY`; four bytes of ASCII.
    pub refusal: Option<[u8; 4]>,
}

impl Ntp {
    /// Takes what a packet says.
    pub(super) fn take(&mut self, payload: &[u8]) {
        let [first, stratum, ..] = payload else { return };
        let mode = first & 7;
        if self.mode == 0 {
            (self.mode, self.version) = (mode, first >> 3 & 7);
        }
        match mode {
            3 => self.requests += 1,
            4 => {
                self.responses += 1;
                self.stratum = Some(*stratum);
                self.is_unsynchronized = first >> 6 == 3;
                let word = payload.get(12..).and_then(|rest| rest.first_chunk::<4>());
                self.refusal = word.copied().filter(|word| *stratum == 0 && word.is_ascii());
            }
            _ => self.others += 1,
        }
    }
}

/// True if this can be a packet: version 1 to 4, a mode, and 48 bytes or a control message.
pub(crate) fn is_packet(payload: &[u8]) -> bool {
    let Some(first) = payload.first() else { return false };
    let (version, mode) = (first >> 3 & 7, first & 7);
    (1..=4).contains(&version) && mode != 0 && payload.len() >= if mode >= 6 { 8 } else { 48 }
}
