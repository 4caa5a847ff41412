//! Finished flows → the tables of an [`Analysis`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::analysis::{Analysis, ConversationCounts, HostCounts, ServiceCounts};
use crate::record::{FlowRecord, Protocol};
use crate::tcp_totals::TcpTotals;
use crate::top::{Tally, Top};

/// Counts flows that have ended.
pub(crate) fn add_flows(analysis: &mut Analysis, flows: &[FlowRecord]) {
    let Analysis {
        hosts,
        conversations,
        services,
        spoken,
        names,
        flows_by_protocol,
        conn_states,
        tcp,
        totals,
        ..
    } = analysis;
    rayon::join(
        || {
            add_hosts(hosts, flows);
            for flow in flows {
                names.hear(flow);
            }
        },
        || {
            add_conversations(conversations, flows);
            for flow in flows {
                if let Some((key, counts)) = service(flow) {
                    services.add(key, &counts);
                    if let Some(name) = flow.apps.as_ref().and_then(|apps| apps.service()) {
                        spoken.add((key.0, key.1, name), &counts);
                    }
                }
                *flows_by_protocol.entry(flow.protocol).or_default() += 1;
                if flow.protocol == Protocol::Ip(6) {
                    *conn_states.entry(flow.conn_state).or_default() += 1;
                }
                if let Some(health) = &flow.tcp {
                    tcp.add(&TcpTotals::of(flow, health));
                }
                totals.flows += 1;
                totals.packets_in_flows += flow.packets();
            }
        },
    );
}

fn add_hosts(hosts: &mut Top<IpAddr, HostCounts>, flows: &[FlowRecord]) {
    for flow in flows {
        let (up, down) = (&flow.from_client, &flow.from_server);
        let client = HostCounts {
            flows: 1,
            as_client: 1,
            sent_packets: up.packets,
            received_packets: down.packets,
            sent_wire_bytes: up.wire_bytes,
            received_wire_bytes: down.wire_bytes,
        };
        hosts.add(flow.client.ip, &client);
        if flow.server.ip != flow.client.ip {
            let server = HostCounts {
                flows: 1,
                as_client: 0,
                sent_packets: down.packets,
                received_packets: up.packets,
                sent_wire_bytes: down.wire_bytes,
                received_wire_bytes: up.wire_bytes,
            };
            hosts.add(flow.server.ip, &server);
        }
    }
}

fn add_conversations(table: &mut Top<(IpAddr, IpAddr), ConversationCounts>, flows: &[FlowRecord]) {
    for flow in flows {
        let up = flow.client.ip <= flow.server.ip;
        let (low, high) =
            if up { (flow.client.ip, flow.server.ip) } else { (flow.server.ip, flow.client.ip) };
        let (to_high, to_low) =
            if up { (&flow.from_client, &flow.from_server) } else { (&flow.from_server, &flow.from_client) };
        let counts = ConversationCounts {
            flows: 1,
            up_packets: to_high.packets,
            down_packets: to_low.packets,
            up_wire_bytes: to_high.wire_bytes,
            down_wire_bytes: to_low.wire_bytes,
        };
        table.add((low, high), &counts);
    }
}

/// The service a flow counts for: protocol and server port, where there is a port that means one.
fn service(flow: &FlowRecord) -> Option<((Protocol, u16), ServiceCounts)> {
    let has_ports = matches!(flow.protocol, Protocol::Ip(6 | 17 | 33 | 132 | 136));
    if !has_ports || flow.server.port == 0 || flow.server_is_guessed() {
        return None;
    }
    let counts = ServiceCounts {
        flows: 1,
        packets: flow.packets(),
        wire_bytes: flow.wire_bytes(),
        payload_bytes: flow.from_client.payload_bytes + flow.from_server.payload_bytes,
    };
    Some(((flow.protocol, flow.server.port), counts))
}

impl Tally for HostCounts {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.as_client += other.as_client;
        self.sent_packets += other.sent_packets;
        self.received_packets += other.received_packets;
        self.sent_wire_bytes += other.sent_wire_bytes;
        self.received_wire_bytes += other.received_wire_bytes;
    }

    fn weight(&self) -> u64 {
        self.sent_wire_bytes + self.received_wire_bytes
    }
}

impl Tally for ConversationCounts {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.up_packets += other.up_packets;
        self.down_packets += other.down_packets;
        self.up_wire_bytes += other.up_wire_bytes;
        self.down_wire_bytes += other.down_wire_bytes;
    }

    fn weight(&self) -> u64 {
        self.up_wire_bytes + self.down_wire_bytes
    }
}

impl Tally for ServiceCounts {
    fn add(&mut self, other: &Self) {
        self.flows += other.flows;
        self.packets += other.packets;
        self.wire_bytes += other.wire_bytes;
        self.payload_bytes += other.payload_bytes;
    }

    fn weight(&self) -> u64 {
        self.wire_bytes
    }
}

impl Analysis {
    /// Adds another analysis of *other* captures to this one: captures are appended (with their indices and
    /// sessions moved up), counts added. Flows are never joined; that is what sessions are for.
    pub fn merge(&mut self, mut other: Self) {
        let sessions = self.captures.iter().map(|capture| capture.session + 1).max().unwrap_or(0);
        self.captures.extend(other.captures.drain(..).map(|mut capture| {
            capture.session += sessions;
            capture
        }));
        self.add_counts(other);
    }

    /// What was spoken at each service, most flows first; equal ones in the order of their names.
    pub fn spoken_by_service(&self) -> BTreeMap<(Protocol, u16), Vec<(&'static str, ServiceCounts)>> {
        let mut spoken: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((protocol, port, name), counts) in self.spoken.rows() {
            spoken.entry((protocol, port)).or_default().push((name, counts));
        }
        for names in spoken.values_mut() {
            names.sort_unstable_by(|a, b| b.1.flows.cmp(&a.1.flows).then(a.0.cmp(b.0)));
        }
        spoken
    }

    /// Adds another's counts; its captures stay where they are.
    pub(crate) fn add_counts(&mut self, other: Self) {
        let (mine, theirs) = (&mut self.totals, &other.totals);
        mine.packets += theirs.packets;
        mine.wire_bytes += theirs.wire_bytes;
        mine.captured_bytes += theirs.captured_bytes;
        mine.packets_in_flows += theirs.packets_in_flows;
        mine.skipped += theirs.skipped;
        mine.flows += theirs.flows;
        mine.peak_live_flows = mine.peak_live_flows.max(theirs.peak_live_flows);
        mine.first = mine.first.into_iter().chain(theirs.first).min();
        mine.last = mine.last.max(theirs.last);
        for (protocol, counts) in &other.protocols {
            self.protocols.entry(*protocol).or_default().add(*counts);
        }
        for (kind, counts) in &other.tunnels {
            self.tunnels.entry(kind).or_default().add(*counts);
        }
        for (protocol, flows) in &other.flows_by_protocol {
            *self.flows_by_protocol.entry(*protocol).or_default() += flows;
        }
        self.tcp.add(&other.tcp);
        for (state, flows) in &other.conn_states {
            *self.conn_states.entry(*state).or_default() += flows;
        }
        self.hosts.merge(other.hosts);
        self.conversations.merge(other.conversations);
        self.services.merge(other.services);
        self.spoken.merge(other.spoken);
        self.names.merge(other.names);
        self.timeline.merge(&other.timeline);
    }
}
