//! The filters of a capture, read.

use std::str::FromStr;

use capkeep_watcher::{Addresses, Filter, Ports, Protocol, RangeError};

use super::error::{CaptureError, Result};

/// A filter whose texts were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// Protocol.
    pub(super) protocol: Protocol,
    /// Addresses of the machine.
    pub(super) local: Addresses,
    /// Addresses of the peer.
    pub(super) remote: Addresses,
    /// Ports of the machine.
    pub(super) local_ports: Ports,
    /// Ports of the peer.
    pub(super) remote_ports: Ports,
}

impl Rule {
    /// Reads all filters of a capture.
    ///
    /// # Errors
    /// [`CaptureError::Protocol`] and [`CaptureError::Filter`] say which filter can't be read.
    pub(super) fn read_all(filters: &[Filter]) -> Result<Vec<Self>> {
        filters.iter().enumerate().map(|(index, filter)| Self::read(index, filter)).collect()
    }

    fn read(index: usize, filter: &Filter) -> Result<Self> {
        let protocol = filter.protocol().ok_or_else(|| {
            let text = filter.protocol_text.clone().unwrap_or_default();
            CaptureError::Protocol { index, text }
        })?;
        Ok(Self {
            protocol,
            local: field(index, "localIPAddress", filter.local_ip_address.as_deref())?,
            remote: field(index, "remoteIPAddress", filter.remote_ip_address.as_deref())?,
            local_ports: field(index, "localPort", filter.local_port.as_deref())?,
            remote_ports: field(index, "remotePort", filter.remote_port.as_deref())?,
        })
    }

    /// True if it keeps every packet, IP or not.
    pub(super) fn is_everything(&self) -> bool {
        self.protocol == Protocol::Any && !self.has_sides()
    }

    /// True if it matters which end of a packet is the machine.
    pub(super) fn has_sides(&self) -> bool {
        self.local != Addresses::Any || self.remote != Addresses::Any || self.has_ports()
    }

    /// True if packets without ports do not match.
    pub(super) fn has_ports(&self) -> bool {
        self.local_ports != Ports::Any || self.remote_ports != Ports::Any
    }
}

fn field<T: FromStr<Err = RangeError>>(index: usize, field: &'static str, text: Option<&str>) -> Result<T> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|source| CaptureError::Filter { index, field, source })
}
