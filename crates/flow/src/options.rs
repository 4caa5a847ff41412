//! What an analysis is asked to do.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use capkeep_pcap::{Filter, Timestamp};

use crate::record::FlowRecord;

/// What an analysis is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// A flow silent for longer than this, by packet time, has ended. `None` never ends a flow by silence, as
    /// tshark does.
    pub idle_timeout: Option<Duration>,
    /// Leave out packets before this time.
    pub from: Option<Timestamp>,
    /// Leave out packets at or after this time.
    pub to: Option<Timestamp>,
    /// Leave out packets that this does not match.
    pub filter: Option<Filter>,
    /// Join all inputs by packet time into one session.
    pub merge: bool,
    /// Look at TCP health and at what applications say, besides counting.
    pub health: bool,
}

impl Options {
    /// Idle timeout unless told otherwise: 15 minutes. Chosen: Azure's load balancers and NAT drop a flow after 4
    /// to 30 minutes of silence (4 by default), and the silence must be seen inside the flow to be told from a
    /// new one; Zeek uses 5 minutes for TCP and 1 for UDP.
    pub const IDLE_TIMEOUT: Duration = Duration::from_mins(15);
    /// A TCP flow closed from both sides or reset ends this long after its last packet: 2 minutes, TIME-WAIT of
    /// RFC 9293 with its maximum segment lifetime of half as much as the RFC says, as Windows does. Not applied
    /// without an idle timeout.
    pub const CLOSED_LINGER: Duration = Duration::from_mins(2);
}

/// [`Options::idle_timeout`] and [`Options::CLOSED_LINGER`] in nanoseconds, as packets need them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// [`i64::MAX`] for never.
    pub(crate) idle: i64,
    pub(crate) closed: i64,
}

impl From<&Options> for Timeouts {
    fn from(options: &Options) -> Self {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        match options.idle_timeout {
            Some(idle) => Self { idle: nanos(idle), closed: nanos(Options::CLOSED_LINGER).min(nanos(idle)) },
            None => Self { idle: i64::MAX, closed: i64::MAX },
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            from: None,
            to: None,
            filter: None,
            merge: false,
            health: true,
        }
    }
}

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// A capture file that is already in memory.
    Bytes(Arc<[u8]>),
    /// Something else whose bytes come in order.
    Stream(Stream),
}

/// Something whose bytes come in order, opened when it is its turn. Two of the same name are the same.
#[derive(Clone)]
pub struct Stream {
    /// How it is called.
    pub name: PathBuf,
    /// Its length in bytes.
    pub bytes: u64,
    /// Opens it.
    pub open: Arc<Opener>,
}

/// Opens a stream.
pub type Opener = dyn Fn() -> io::Result<Box<dyn Read + Send>> + Send + Sync;

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("name", &self.name).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Stream {}

impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// What happens during an analysis, told as it happens.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Bytes of input read and packets counted since the event before.
    Progress {
        /// Bytes of the input (compressed where it is).
        bytes: u64,
        /// Packets.
        packets: u64,
    },
    /// A capture and the session it belongs to, told before the first flow whose first packet lies in it.
    Capture {
        /// Its index in [`Analysis::captures`](crate::Analysis::captures).
        index: u32,
        /// Its path, as it was named.
        path: &'a std::path::Path,
        /// Index of its session.
        session: u32,
    },
    /// Flows that have ended. Every flow is told exactly once, in an order that depends on the input alone, by one
    /// thread at a time.
    Flows(&'a [FlowRecord]),
}
