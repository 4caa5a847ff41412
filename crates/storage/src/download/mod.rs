//! Fetching capture files, whole or not at all, and reading them while they arrive.
//!
//! [`fetch`] brings many blobs to files in one budget of connections. Bytes are written in place into a partial file, in
//! ranges that are asked for with the entity tag of the version; a journal beside it tells the next run what is there.
//! A file gets its name when it is whole and verified, with a note ([`Provenance`]) of where it came from. [`stream`]
//! reads one blob in order while its bytes arrive, and [`stream_and_keep`] keeps what it reads.

mod beside;
mod blocks;
mod endings;
mod engine;
mod event;
mod hash;
mod journal;
mod limits;
mod line;
mod open;
mod patience;
mod provenance;
mod ramp;
mod rate;
mod reader;
mod settle;
mod stop;
mod tap;
mod target;

use std::path::PathBuf;
use std::sync::Arc;

pub use event::{Event, Fetched, Md5Check, Outcome};
pub use limits::{Check, Limits, Overwrite};
pub use provenance::Provenance;
pub use reader::{Observer, Reader, stream, stream_and_keep};
pub use stop::Stop;

use crate::blob::Blob;
use crate::store::Store;

/// A blob that is to become a file.
#[derive(Clone, Debug)]
pub struct Job {
    /// Who has it.
    pub store: Arc<dyn Store>,
    /// The version that is wanted.
    pub blob: Blob,
    /// The file. Folders that are missing are made. Which names are harmless is for the caller to say.
    pub to: PathBuf,
    /// What to note beside the file besides where it came from: facts of the capture. No secrets.
    pub note: serde_json::Value,
}

/// Fetches files, and tells of each how it ended, in the order of the jobs.
///
/// The observer is called from within, often, and must not wait. Dropping the future ends the download as a crash would:
/// the next run goes on where this one was.
pub async fn fetch(
    jobs: Vec<Job>,
    limits: &Limits,
    observer: &(dyn Fn(Event) + Sync),
    stop: &Stop,
) -> Vec<Outcome> {
    let line = line::Line::new(limits, observer);
    engine::Engine::new(jobs, &line, stop, None).run().await
}
