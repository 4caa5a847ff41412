//! Captures that stopped at a limit, or in the middle of a transfer.
//!
//! Flags a session that ends where a Network Watcher session stops by itself: 1 GiB of packets or 5 hours (packet
//! capture overview), within one per cent. Flags one that ends at a round limit as people set them: a file of so many
//! MB or MiB to within a packet (dumpcap -a filesize, tcpdump -C, totalBytesPerSession), 1, 2 or 5 × 10ⁿ packets from
//! 1,000 on (tcpdump -c, dumpcap -a packets), a span of whole minutes or hours less what its packets are apart, a
//! second at most (timeout, dumpcap -a duration, timeLimitInSeconds). And flags one that ends in full swing: half of
//! its bytes belong to TCP flows that never paused for a second, were neither closed nor reset, and go on to its last
//! second.
//! Matters because what came after, perhaps the fault itself, was not captured.
//! The packets show that traffic was cut, not who cut it: a capture that somebody stopped looks the same. Therefore it
//! is a note whatever it finds, and in full swing without a limit one of low confidence; a limit and full swing
//! together confirm each other. The state of the session (stopReason) knows better.
//! Misses limits that are not round, and captures that ended among many short connections. Wrongly flags captures that
//! happen to be as long, and transfers during which somebody stopped the capture. Files that end within a packet are
//! told by `capture_cut`.

use std::collections::BTreeMap;

use capkeep_flow::{Analysis, Capture, EndReason, Ends, FlowRecord};
use capkeep_pcap::{Format, Timestamp};

use crate::azure;
use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::{self, Settings, nanos};
use crate::subject::Subject;
use crate::words::{bytes, counted, percent, share, span};

pub(super) struct CaptureStopped;

const ABOUT: About = About {
    title: "capture stopped early",
    meaning: "The capture ends where a session stops by itself, or in the middle of a transfer; traffic went on.",
    azure: "Sessions stop at 1 GiB or 5 hours unless told otherwise; capkeep capture shows the stop reason.",
    decided: "Captured bytes within 1 % of 1,073,741,824, or time between first and last packet within 1 % of 18,000 s; a file within a packet of a round number of MB or MiB; 1, 2 or 5 × 10ⁿ packets; a span of whole minutes or hours less what packets are apart, a second at most; or TCP flows with half of the bytes that go on without a pause to the last second (low confidence). Both together confirm each other.",
    misses: "Limits that are not round, and ends among many short connections. The packets do not show who stopped a capture: one that somebody stopped during a transfer looks like one that reached a limit. Wrongly flags captures that happen to be as long.",
    next: "Ask for the stop reason of the session; capture again with a filter, a smaller snap length or a ring of files.",
};

impl Detector for CaptureStopped {
    fn id(&self) -> &'static str {
        "capture_stopped"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Stopped { settings: settings.capture_stopped.clone(), open: Vec::new() })
    }
}

struct Stopped {
    settings: settings::CaptureStopped,
    /// Flows that may have been cut.
    open: Vec<Open>,
}

/// Most flows that are remembered (chosen: half of the bytes are seldom in more; the others count as not cut).
const OPEN: usize = 1_024;
/// FIN and RST.
const ENDED: u8 = 1 | 4;
/// A second: a transfer that waits longer has paused, and one that ends earlier had ended.
const PAUSE: i64 = 1_000_000_000;
/// A minute.
const MINUTE: i64 = 60 * PAUSE;
/// How far beyond its limit a timer may fire (chosen: a busy machine).
const LATE: i64 = 100_000_000;

/// A flow that was alive when the input ended.
struct Open {
    capture: u32,
    last: Timestamp,
    last_packet: u64,
    wire_bytes: u64,
    ends: Ends,
}

/// The files of a session, which has its limits as one.
#[derive(Default)]
struct Session<'a> {
    files: Vec<(u32, &'a Capture)>,
}

/// A limit that a session ended at.
struct Limit {
    why: String,
    sure: Confidence,
}

impl Run for Stopped {
    fn observe(&mut self, flow: &FlowRecord) {
        if flow.end != EndReason::EndOfInput || self.open.len() >= OPEN {
            return;
        }
        let Some(tcp) = &flow.tcp else { return };
        let (client, server) = (&flow.from_client, &flow.from_server);
        let is_bulk = client.payload_bytes.max(server.payload_bytes) >= self.settings.transfer_bytes
            && flow.packets() >= self.settings.transfer_packets;
        let has_ended = (client.tcp_flags | server.tcp_flags) & ENDED != 0;
        let has_paused = tcp.longest_silence.is_some_and(|silence| silence.nanos > PAUSE);
        if is_bulk && !has_ended && !has_paused {
            self.open.push(Open {
                capture: flow.capture,
                last: flow.last,
                last_packet: flow.last_packet,
                wire_bytes: flow.wire_bytes(),
                ends: flow.ends(),
            });
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        let sessions = sessions(context.analysis);
        sessions.values().filter_map(|session| self.judge(session)).collect()
    }
}

fn sessions(analysis: &Analysis) -> BTreeMap<u32, Session<'_>> {
    let mut sessions: BTreeMap<u32, Session<'_>> = BTreeMap::new();
    for (index, capture) in (0..).zip(&analysis.captures) {
        sessions.entry(capture.session).or_default().files.push((index, capture));
    }
    sessions
}

impl Session<'_> {
    fn sum(&self, of: fn(&Capture) -> u64) -> u64 {
        self.files.iter().map(|(_, file)| of(file)).sum()
    }

    /// Times of its first and its last packet.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.files.iter().filter_map(|(_, file)| file.first).min()?;
        let last = self.files.iter().filter_map(|(_, file)| file.last).max()?;
        Some((first, last))
    }

    /// Its only file.
    fn only(&self) -> Option<&Capture> {
        match self.files.as_slice() {
            [(_, file)] => Some(file),
            _ => None,
        }
    }
}

impl Stopped {
    fn judge(&self, session: &Session<'_>) -> Option<Finding> {
        let (first, last) = session.span()?;
        let (last_file, _) = session.files.last()?;
        let limit = self.limit(session, last.since(first));
        let is_cut = session.files.iter().any(|(_, file)| file.error.is_some());
        let (evidence, cut_bytes) = self.cut(session, last);
        let wire_bytes = session.sum(|file| file.wire_bytes);
        let swings = !is_cut && cut_bytes > 0 && share(cut_bytes, wire_bytes) >= self.settings.transfer_share;
        let (sure, sentence) = match (limit, swings) {
            (None, false) => return None,
            (None, true) => {
                let sentence = format!(
                    "the capture ends in the middle of {} with {} of its bytes: traffic went on",
                    counted(evidence.flows.count, "transfer"),
                    percent(cut_bytes, wire_bytes)
                );
                (Confidence::Low, sentence)
            }
            (Some(limit), false) => {
                (limit.sure, format!("the capture ends {}: traffic may have gone on", limit.why))
            }
            (Some(limit), true) => {
                let sure = if limit.sure == Confidence::Low { Confidence::Medium } else { Confidence::High };
                let transfers = counted(evidence.flows.count, "transfer");
                (
                    sure,
                    format!("the capture ends {}, in the middle of {transfers}: traffic went on", limit.why),
                )
            }
        };
        let Evidence { flows, packets, .. } = if swings { evidence } else { Evidence::default() };
        Some(Finding {
            detector: CaptureStopped.id(),
            severity: Severity::Note,
            confidence: sure,
            subject: Subject::Capture(*last_file),
            span: Some((first, last)),
            sentence,
            numbers: vec![
                Number::count("captured", session.sum(|file| file.captured_bytes), "bytes"),
                Number::count("packets", session.sum(|file| file.packets), "packets"),
                Number::seconds("from first to last packet", last.since(first)),
                Number::share("in transfers that were cut", if swings { cut_bytes } else { 0 }, wire_bytes),
            ],
            flows: flows.into(),
            packets,
        })
    }

    /// The flows of a session that go on to its last second, and their bytes. Where it has one file, their last packets.
    fn cut(&self, session: &Session<'_>, end: Timestamp) -> (Evidence, u64) {
        let mut evidence = Evidence::default();
        let mut wire_bytes = 0;
        let belongs = |open: &&Open| session.files.iter().any(|(index, _)| *index == open.capture);
        for open in self.open.iter().filter(belongs).filter(|open| end.since(open.last) <= PAUSE) {
            wire_bytes += open.wire_bytes;
            evidence.flows.ends(open.ends);
            if session.only().is_some() {
                evidence.packets.add(open.capture, open.last_packet);
            } else {
                evidence.packets.unnamed(1);
            }
        }
        (evidence, wire_bytes)
    }

    fn limit(&self, session: &Session<'_>, lasted: i64) -> Option<Limit> {
        let captured = session.sum(|file| file.captured_bytes);
        let packets = session.sum(|file| file.packets);
        let within = self.settings.within;
        let is_near = |value: f64, limit: f64| (value - limit).abs() <= limit * within;
        let default = |what: String| Limit {
            why: format!("after {what}, a default limit of a session"),
            sure: Confidence::Medium,
        };
        if is_near(captured as f64, azure::CAPTURE_BYTES as f64) {
            return Some(default(format!("{} of packets", bytes(captured))));
        }
        if is_near(lasted as f64, azure::CAPTURE_TIME.as_nanos() as f64) {
            return Some(default(span(lasted)));
        }
        if let Some(limit) = session.only().and_then(size).and_then(|size| self.round_size(size)) {
            return Some(Limit { why: format!("with a file of {limit}"), sure: Confidence::Medium });
        }
        if session.only().is_some() && is_round(packets) {
            return Some(Limit { why: format!("after exactly {packets} packets"), sure: Confidence::Medium });
        }
        let time = self.round_time(lasted, packets)?;
        Some(Limit { why: format!("after almost exactly {}", span(time)), sure: Confidence::Low })
    }

    /// The round limit of bytes that a size is a packet away from at most.
    fn round_size(&self, size: u64) -> Option<String> {
        let near = |limit: u64| size.abs_diff(limit) <= self.settings.packet_bytes;
        let units = [(1_000_000, "MB"), (1 << 20, "MiB")];
        units
            .into_iter()
            .find_map(|(unit, name)| ROUND.iter().find(|n| near(**n * unit)).map(|n| format!("{n} {name}")))
    }

    /// The round limit of time that a span of so many packets is less than a few of their distances short of.
    fn round_time(&self, lasted: i64, packets: u64) -> Option<i64> {
        let apart = lasted / i64::try_from(packets).unwrap_or(i64::MAX).max(1);
        let most = apart.saturating_mul(APART);
        if most > nanos(self.settings.time_seconds) {
            return None;
        }
        let mut limits = MINUTES.iter().map(|minutes| i64::from(*minutes) * MINUTE);
        limits.find(|limit| (-LATE..=most).contains(&limit.saturating_sub(lasted)))
    }
}

/// Round limits of a file, in MB or MiB (chosen: what people set).
const ROUND: &[u64] = &[
    1, 2, 4, 5, 8, 10, 16, 20, 25, 32, 50, 64, 100, 128, 200, 250, 256, 500, 512, 1_000, 1_024, 2_000, 2_048,
    4_000, 4_096, 5_000, 5_120, 10_000, 10_240,
];
/// Round limits of time, in minutes (chosen: what people set).
const MINUTES: &[u32] = &[1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 180, 240, 300, 360, 480, 720, 1_440];
/// So many mean distances of packets may pass before the first and after the last of them (chosen: two on each side).
const APART: i64 = 4;

/// True for 1, 2 and 5 times a power of ten, from 1,000 on.
const fn is_round(count: u64) -> bool {
    let mut rest = count;
    while rest >= 10 && rest.is_multiple_of(10) {
        rest /= 10;
    }
    count >= 1_000 && matches!(rest, 1 | 2 | 5)
}

/// Bytes of a capture file when it was written, as far as they are known.
fn size(file: &Capture) -> Option<u64> {
    match (file.facts.format, file.facts.compression) {
        // A header of 24 bytes, and 16 for each packet.
        (Some(Format::Pcap | Format::PcapNanos), _) => Some(24 + 16 * file.packets + file.captured_bytes),
        (_, None) => file.file_bytes,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_round;

    #[test]
    fn round_numbers_of_packets_are_what_people_ask_for() {
        for round in [1_000, 2_000, 5_000, 10_000, 50_000, 1_000_000] {
            assert!(is_round(round), "{round}");
        }
        for other in [0, 1, 100, 999, 1_001, 3_000, 12_000, 60_000, u64::MAX] {
            assert!(!is_round(other), "{other}");
        }
    }
}
