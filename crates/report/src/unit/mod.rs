//! What is kept of a session: everything that a report and a dataset need, but its flows.
//!
//! [`Gather`] looks at the flows of a session while they end and writes them to files of a day each; with the
//! [`Analysis`](capkeep_flow::Analysis) and what detectors found it becomes a [`Unit`]. Everything in a unit adds up
//! with that of other units (sums, smallest, largest, buckets that never move, the first so many by a fixed order), so
//! that any grouping of units gives the same numbers.

mod apps;
mod days;
mod distributions;
mod findings;
mod gather;
mod histogram;
mod names;
mod origin;
mod rows;
mod series;
#[cfg(test)]
mod tests;
mod worst;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::flows::ExportError;

pub use apps::{AppsRow, CertificateKey, CertificateUse, DnsRow, DnsServer, FailingName, HttpRow, TlsRow};
pub use days::FlowFileRow;
pub use distributions::{Distribution, Distributions};
pub use findings::{FindingRow, NumberRow, PacketsRow, VerdictRow};
pub use gather::Gather;
pub use histogram::Histogram;
pub use names::{Names, Weighed};
pub use origin::Origin;
pub use rows::{
    CaptureRow, ConversationRow, CountsRow, DropsRow, ErrorRow, HostRow, ProtocolRow, QualityRow, Rows,
    ServiceRow, TcpRow, TotalsRow, protocol_of,
};
pub use series::{Lane, Series};
pub use worst::{Measure, Worst, WorstFlow};

/// Everything of a session but its flows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// Version of its shape: [`Unit::FORMAT`].
    pub format: u32,
    /// Name of the session: unique among the units of a report, and fit for a file name.
    pub session: String,
    /// Where its capture files come from; findings and flows name them by their place here.
    pub origins: Vec<Origin>,
    /// Its capture files, in the same order.
    pub captures: Vec<CaptureRow>,
    /// Sums over all of them.
    pub totals: TotalsRow,
    /// How far they can be trusted.
    pub quality: QualityRow,
    /// What each host did, by address.
    pub hosts: Rows<HostRow>,
    /// What each two hosts exchanged, by addresses.
    pub conversations: Rows<ConversationRow>,
    /// What each service port saw, by protocol and port.
    pub services: Rows<ServiceRow>,
    /// What each protocol carried, by number; ARP last.
    pub protocols: Vec<ProtocolRow>,
    /// What came inside a tunnel, by kind.
    pub tunnels: BTreeMap<String, CountsRow>,
    /// TCP flows by Zeek's `conn_state`.
    pub conn_states: BTreeMap<String, u64>,
    /// What TCP flows show together.
    pub tcp: TcpRow,
    /// Traffic over time.
    pub series: Series,
    /// Measures of flows by size.
    pub distributions: Distributions,
    /// Flows that stand out.
    pub worst: Worst,
    /// What applications said.
    pub apps: AppsRow,
    /// What detectors found, the most severe first.
    pub findings: Vec<FindingRow>,
    /// Findings left out by detector.
    pub findings_left_out: BTreeMap<String, u64>,
    /// TCP flows by verdict.
    pub verdicts: Vec<VerdictRow>,
    /// Files with its flows.
    pub flow_files: Vec<FlowFileRow>,
}

impl Unit {
    /// Version of the shape; units of another version are not read.
    pub const FORMAT: u32 = 1;

    /// The virtual machine of the session: that of its first capture file that names one.
    pub fn vm(&self) -> Option<&str> {
        self.origins.iter().find_map(|origin| origin.vm.as_deref())
    }

    /// What units are ordered by in a dataset: virtual machine (units without one first) and session.
    pub fn order(&self) -> (Option<&str>, &str) {
        (self.vm(), &self.session)
    }

    /// Writes it beside the path under another name, which then takes its place; makes the folder where there is none.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> Result<(), ExportError> {
        let refused = |source| ExportError::Io { path: path.into(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(refused)?;
        }
        let mut file = crate::beside::beside(path).map_err(refused)?;
        let mut out = BufWriter::new(file.as_file_mut());
        serde_json::to_writer(&mut out, self).map_err(|error| refused(error.into()))?;
        out.write_all(b"\n").and_then(|()| out.flush()).map_err(refused)?;
        drop(out);
        file.persist(path).map(drop).map_err(|error| refused(error.error))
    }

    /// Reads one.
    ///
    /// # Errors
    /// A file that cannot be read, is no unit, or is one of another version.
    pub fn read(path: &Path) -> Result<Self, ExportError> {
        // Reading from memory is several times as fast as reading from a file.
        let bytes = fs::read(path).map_err(|source| ExportError::Read { path: path.into(), source })?;
        let unit: Self = serde_json::from_slice(&bytes)
            .map_err(|source| ExportError::Unit { path: path.into(), source })?;
        if unit.format != Self::FORMAT {
            return Err(ExportError::UnitFormat { path: path.into(), format: unit.format });
        }
        Ok(unit)
    }
}
