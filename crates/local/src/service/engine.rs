//! What captures packets, seen from the service.

use std::error::Error;
use std::path::PathBuf;

use capkeep_watcher::Parameters;

use crate::capture::{Machine, Session, Snapshot, Spec};

/// Something that captures packets.
pub trait Engine: Send + Sync {
    /// Begins a session.
    ///
    /// # Errors
    ///
    /// Why it cannot, in words for whoever asked.
    fn start(&self, order: &Order) -> Result<Box<dyn Running>, String>;
}

/// What a session shall do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Name of the machine.
    pub name: String,
    /// Where its packets come from.
    pub machine: Machine,
    /// Filters and limits, defaults filled in.
    pub parameters: Parameters,
    /// The capture file; of a ring the name its files are made from. Its folder is there.
    pub file: PathBuf,
}

/// A session that has begun. Dropping it ends it.
pub trait Running: Send {
    /// Asks it to end; returns at once.
    fn stop(&self);
    /// How it stands. It is over only once its files are complete.
    fn snapshot(&self) -> Snapshot;
    /// Its files, oldest first.
    fn files(&self) -> Vec<PathBuf>;
}

/// The engine that captures real packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packets;

impl Engine for Packets {
    fn start(&self, order: &Order) -> Result<Box<dyn Running>, String> {
        let spec = Spec::new(&order.parameters, order.machine.clone(), &order.file);
        // The service asks how it stands; it need not be told.
        let session = Session::start(&spec, |_| {}).map_err(|error| {
            let mut text = error.to_string();
            let mut behind = error.source();
            while let Some(source) = behind {
                text.push_str(": ");
                text.push_str(&source.to_string());
                behind = source.source();
            }
            text
        })?;
        Ok(Box::new(session))
    }
}

impl Running for Session {
    fn stop(&self) {
        Self::stop(self);
    }

    fn snapshot(&self) -> Snapshot {
        self.state()
    }

    fn files(&self) -> Vec<PathBuf> {
        Self::files(self)
    }
}
