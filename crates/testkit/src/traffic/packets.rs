//! The order of things.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{Pace, Traffic, endpoints, payload::Pool, script::Conversation};
use crate::{packet::Packet, random::Random, truth::Truth, wire::ethernet};

/// Sixteenths that [`draw`] gives on average, times 1,000: 23.5/16 for each octave, 14 octaves.
const MEAN_DRAW: u64 = 23_500 * (MOST_OCTAVES + 2) / 2;
/// Largest octave of a flow's size: one flow in 2¹³ is about 2¹³ times as large as the small half.
const MOST_OCTAVES: u64 = 13;

/// A heavy-tailed number, in 1/16,000: half of all cases lie in [1, 2), a quarter in [2, 4), and so on.
fn draw(random: &mut Random) -> u64 {
    let octave = u64::from(random.bits().leading_zeros()).min(MOST_OCTAVES);
    ((16 + random.below(16)) * 1000) << octave
}

/// Somebody whose next packet is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Speaker {
    /// The conversation in this slot.
    Flow(usize),
    /// The host that asks for its gateway the how-manieth time, or the gateway that answers.
    Arp { number: u64, is_reply: bool },
}

/// The packets of some [`Traffic`], made while they are asked for. Memory grows with the flows that are alive.
#[derive(Clone, Debug)]
pub struct Packets {
    traffic: Traffic,
    random: Random,
    pool: Pool,
    truth: Truth,
    /// (time, tie-breaker, who)
    due: BinaryHeap<Reverse<(i64, u64, Speaker)>>,
    slots: Vec<Option<Conversation>>,
    free: Vec<usize>,
    scheduled: u64,
    begun: u64,
    flow_packets_left: u64,
    arp_pairs: u64,
    arp_begun: u64,
    echoes: u64,
    last_ns: i64,
}

impl Packets {
    pub(super) fn new(traffic: &Traffic) -> Self {
        let arp_pairs = traffic.packets.checked_div(traffic.packets_per_arp_pair).unwrap_or(0);
        let arp_pairs = if traffic.packets > 4 * arp_pairs { arp_pairs } else { 0 };
        let flow_packets = traffic.packets - 2 * arp_pairs;
        let flows = traffic.flows.max(1).min(flow_packets);
        let traffic = Traffic { flows, resolution_ns: traffic.resolution_ns.max(1), ..*traffic };
        Self {
            random: Random::new(traffic.seed),
            pool: Pool::new(traffic.seed),
            truth: Truth { table: traffic.keep_table.then(Vec::new), ..Truth::default() },
            due: BinaryHeap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            scheduled: 0,
            begun: 0,
            flow_packets_left: flow_packets,
            arp_pairs,
            arp_begun: 0,
            echoes: 0,
            last_ns: i64::MIN,
            traffic,
        }
    }

    /// What has been given out so far; all there is to know after the last packet.
    ///
    /// Flows that have not ended are in the packet totals, but not yet in `flows`, `digest` and `table`.
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// When the `part`-th of `parts` that are spread over the whole time begins.
    fn begin_ns(&self, part: u64, parts: u64) -> i64 {
        let span = match self.traffic.pace {
            Pace::AllLive => Pace::WINDOW_NS as u128,
            Pace::Sustained { packets_per_second } => {
                u128::from(self.traffic.packets) * 1_000_000_000 / u128::from(packets_per_second.max(1))
            }
        };
        self.traffic.start_ns + (span * u128::from(part) / u128::from(parts.max(1))) as i64
    }

    fn schedule(&mut self, time_ns: i64, speaker: Speaker) {
        self.scheduled += 1;
        self.due.push(Reverse((time_ns, self.scheduled, speaker)));
    }

    /// Packets of the next flow: heavy-tailed, and such that what is left is enough and not too much for the rest.
    fn next_size(&mut self) -> u64 {
        let flows_left = self.traffic.flows - self.begun;
        if flows_left <= 1 {
            return self.flow_packets_left;
        }
        let most = self.flow_packets_left - (flows_left - 1);
        if self.traffic.pace == Pace::AllLive {
            // Even sizes, so that no flow outlives the others by far.
            let mean = self.flow_packets_left / flows_left;
            let rest = self.flow_packets_left % flows_left;
            return (mean + u64::from(self.random.below(flows_left) < rest)).clamp(1, most);
        }
        let mean_16000 = u128::from(draw(&mut self.random)) * u128::from(self.flow_packets_left);
        let size = mean_16000 / (u128::from(MEAN_DRAW) * u128::from(flows_left));
        (size as u64).clamp(1, most)
    }

    /// Starts what is due before anything that is already going on.
    fn begin(&mut self) {
        while self.begun < self.traffic.flows {
            let at = self.begin_ns(self.begun, self.traffic.flows);
            if self.due.peek().is_some_and(|Reverse((due, ..))| *due < at) {
                break;
            }
            let size = self.next_size();
            let conversation =
                Conversation::new(&mut self.random, &self.traffic, self.begun, size, &mut self.echoes);
            self.flow_packets_left -= size;
            self.begun += 1;
            let slot = self.free.pop().unwrap_or(self.slots.len());
            if slot == self.slots.len() {
                self.slots.push(None);
            }
            self.slots[slot] = Some(conversation);
            self.schedule(at, Speaker::Flow(slot));
            let live = (self.slots.len() - self.free.len()) as u64;
            self.truth.most_live = self.truth.most_live.max(live);
        }
        while self.arp_begun < self.arp_pairs {
            let at = self.begin_ns(self.arp_begun, self.arp_pairs);
            if self.due.peek().is_some_and(|Reverse((due, ..))| *due < at) {
                break;
            }
            self.schedule(at, Speaker::Arp { number: self.arp_begun, is_reply: false });
            self.arp_begun += 1;
        }
    }

    fn speak(&mut self, time_ns: i64, speaker: Speaker) -> Option<Packet> {
        match speaker {
            Speaker::Flow(slot) => {
                let conversation = self.slots.get_mut(slot)?.as_mut()?;
                let (packet, pause_ns) = conversation.step(&mut self.random, &self.pool, time_ns);
                if conversation.is_over() {
                    self.truth.close(conversation.truth);
                    self.slots[slot] = None;
                    self.free.push(slot);
                } else {
                    self.schedule(time_ns + pause_ns, speaker);
                }
                Some(packet)
            }
            Speaker::Arp { number, is_reply } => {
                let (host, gateway) = endpoints::neighbours(number);
                let (source, target) = if is_reply { (gateway, host) } else { (host, gateway) };
                let mut frame = ethernet::arp(source, target, is_reply);
                if self.traffic.frame_sizes == super::FrameSizes::Minimum {
                    frame.resize(64, 0);
                }
                if !is_reply {
                    self.schedule(time_ns + 300_000, Speaker::Arp { number, is_reply: true });
                }
                Some(Packet::whole(time_ns, frame, None))
            }
        }
    }
}

impl Iterator for Packets {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        self.begin();
        let Reverse((due_ns, _, speaker)) = self.due.pop()?;
        let step = self.traffic.resolution_ns;
        let time_ns = (due_ns / step * step).max(self.last_ns.saturating_add(step));
        self.last_ns = time_ns;
        let packet = self.speak(time_ns, speaker)?;
        self.truth.count(&packet);
        Some(packet)
    }
}
