//! The platform's own addresses do not answer.
//!
//! Flags a host whose attempts at 168.63.129.16 (TCP 80, 443, 32526, DNS at 53) or at 169.254.169.254:80 are not
//! answered or refused. Matters because the agent, extensions, DNS and managed identities do not work then.
//! Formula: flows in Zeek's states S0, REJ and RSTOS0 over all flows to the address and port: 2 and half of them.
//! Source: What is IP address 168.63.129.16; Azure Instance Metadata Service.
//! Misses DHCP, whose questions go to everybody. Wrongly flags machines outside Azure that ask whether they are in
//! a cloud.

use crate::detector::{About, Context, Detector, Run};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Number, Severity};
use crate::settings::Settings;
use capkeep_flow::FlowRecord;
use std::net::IpAddr;

use capkeep_flow::{ConnState, MarkKind, Protocol};

use crate::azure;
use crate::bounded::Keyed;
use crate::settings;
use crate::subject::{Party, Subject};
use crate::words::{counted, share};

pub(super) struct PlatformUnreachable;

const ABOUT: About = About {
    title: "Azure platform unreachable",
    meaning: "The machine asks the platform (168.63.129.16) or the instance metadata (169.254.169.254) and gets no answer.",
    azure: "Agent, extensions, DNS, licences and managed identities depend on them. Custom routes, host firewalls, proxies and VPN clients that take all traffic are the usual causes.",
    decided: "Flows to these addresses at ports 53, 80, 443, 32526 that end in S0, REJ or RSTOS0: 2, and half of all.",
    misses: "DHCP. Wrongly flags machines outside Azure that ask whether they are in a cloud.",
    next: "Test-NetConnection 168.63.129.16 -Port 80 (or curl) on the machine; route print; host firewall and proxy settings; neither address may be routed elsewhere.",
};

impl Detector for PlatformUnreachable {
    fn id(&self) -> &'static str {
        "platform_unreachable"
    }

    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn start(&self, settings: &Settings) -> Box<dyn Run> {
        Box::new(Asked { settings: settings.platform_unreachable.clone(), services: Keyed::default() })
    }
}

struct Asked {
    settings: settings::PlatformUnreachable,
    services: Keyed<(IpAddr, Party), Answers>,
}

#[derive(Default)]
struct Answers {
    all: u64,
    unanswered: u64,
    refused: u64,
    evidence: Evidence,
}

impl Run for Asked {
    fn observe(&mut self, flow: &FlowRecord) {
        let is_platform =
            flow.server.ip == azure::PLATFORM && azure::PLATFORM_PORTS.contains(&flow.server.port);
        let is_metadata = flow.server.ip == azure::METADATA && flow.server.port == azure::METADATA_PORT;
        let has_ports = matches!(flow.protocol, Protocol::Ip(6 | 17));
        if !has_ports || !(is_platform || is_metadata) {
            return;
        }
        let Some(answers) = self.services.at((flow.client.ip, Party::server(flow))) else { return };
        answers.all += 1;
        match flow.conn_state {
            ConnState::S0 | ConnState::Rstos0 => answers.unanswered += 1,
            ConnState::Rej => answers.refused += 1,
            _ => return,
        }
        answers.evidence.flow(flow);
        answers.evidence.first_packet(flow);
        let marks = flow.tcp.iter().flat_map(|tcp| &tcp.marks);
        for mark in marks.filter(|mark| mark.from_client && mark.kind == MarkKind::Retransmission) {
            answers.evidence.mark(mark);
        }
    }

    fn finish(self: Box<Self>, context: &Context<'_>) -> Vec<Finding> {
        if context.quality.hides_answers() {
            return Vec::new();
        }
        let limits = &self.settings;
        let mut found = Vec::new();
        for ((client, party), answers) in self.services.into_rows() {
            let failed = answers.unanswered + answers.refused;
            if failed < limits.attempts || share(failed, answers.all) < limits.share {
                continue;
            }
            let what = if party.host == azure::METADATA {
                "the instance metadata"
            } else if party.port == 53 {
                "Azure's DNS"
            } else {
                "the Azure platform"
            };
            let how = if answers.unanswered > 0 { "do not get an answer" } else { "are refused" };
            let sentence = format!("{failed} of {} to {what} {how}", counted(answers.all, "request"));
            let numbers = vec![
                Number::count("requests", answers.all, "flows"),
                Number::count("unanswered", answers.unanswered, "flows"),
                Number::count("refused", answers.refused, "flows"),
            ];
            let severity = if failed == answers.all { Severity::Critical } else { Severity::Warning };
            let grade = (severity, context.quality.tempered(Confidence::High));
            let subject = Subject::Conversation(client, party);
            found.push(Finding::new(
                &PlatformUnreachable,
                grade,
                subject,
                answers.evidence,
                sentence,
                numbers,
            ));
        }
        found
    }
}
