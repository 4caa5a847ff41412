//! Flows of a session, looked at while they end.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use capkeep_detect::Findings;
use capkeep_flow::{Analysis, FlowRecord, Protocol};

use super::apps::AppsRow;
use super::days::Days;
use super::{
    CaptureRow, ConversationRow, CountsRow, Distributions, FindingRow, HostRow, Origin, ProtocolRow, Rows,
    Series, ServiceRow, TotalsRow, Unit, VerdictRow, Worst,
};
use crate::flows::ExportError;

/// Looks at the flows of a session while they end, and writes them to files of a day each.
pub struct Gather {
    session: String,
    origins: Vec<Origin>,
    days: Days,
    distributions: Distributions,
    worst: Worst,
    apps: AppsRow,
}

impl Gather {
    /// Starts with a session: its name, where its capture files come from in the order in which they are read, and the
    /// folder for its flows, `day=YYYY-MM-DD/<session>.parquet`. What lies there from a run that was cut short is
    /// removed.
    ///
    /// # Errors
    /// A name of a session that is not fit for a file name, or that ends in `~` and a number; what the system says.
    pub fn new(session: String, origins: Vec<Origin>, flows: &Path) -> Result<Self, ExportError> {
        let days = Days::new(flows, &session, &origins)?;
        Ok(Self {
            session,
            origins,
            days,
            distributions: Distributions::default(),
            worst: Worst::default(),
            apps: AppsRow::default(),
        })
    }

    /// Takes flows that have ended, in the order in which they are told.
    ///
    /// # Errors
    /// What the system or the encoder says; it is of no use after that.
    pub fn observe(&mut self, flows: &[FlowRecord]) -> Result<(), ExportError> {
        for flow in flows {
            self.distributions.add(flow);
            self.worst.add(&self.session, flow);
            self.apps.add(flow);
        }
        self.days.push(flows)
    }

    /// Finishes the files of flows and makes the unit.
    ///
    /// # Errors
    /// What the system or the encoder says.
    pub fn finish(self, analysis: &Analysis, findings: &Findings) -> Result<Unit, ExportError> {
        let Self { session, origins, days, distributions, worst, mut apps } = self;
        let flow_files = days.finish()?;
        apps.close();
        let nobody = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let counts = |counts: &capkeep_flow::Counts| CountsRow {
            packets: counts.packets,
            wire_bytes: counts.wire_bytes,
        };
        Ok(Unit {
            format: Unit::FORMAT,
            captures: analysis.captures.iter().map(CaptureRow::of).collect(),
            totals: TotalsRow::of(analysis),
            quality: findings.quality.into(),
            hosts: Rows::of(&analysis.hosts, nobody, HostRow::new),
            conversations: Rows::of(&analysis.conversations, (nobody, nobody), ConversationRow::new),
            services: Rows::of(&analysis.services, (Protocol::Arp, 0), ServiceRow::new),
            protocols: ProtocolRow::all(analysis),
            tunnels: analysis.tunnels.iter().map(|(kind, of)| ((*kind).to_owned(), counts(of))).collect(),
            conn_states: analysis
                .conn_states
                .iter()
                .map(|(state, flows)| (state.name().to_owned(), *flows))
                .collect(),
            tcp: analysis.tcp.into(),
            series: Series::of(analysis),
            distributions,
            worst,
            apps,
            findings: FindingRow::all(findings, &origins),
            findings_left_out: findings
                .left_out
                .iter()
                .map(|(detector, left)| ((*detector).to_owned(), *left))
                .collect(),
            verdicts: VerdictRow::all(findings),
            flow_files,
            session,
            origins,
        })
    }
}
