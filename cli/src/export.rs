//! Flow files, written beside the analysis.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use capkeep_flow::FlowRecord;
use capkeep_report::flows::{ExportError, FlowExport};

/// Flows handed over at once (chosen: about 2 MB).
const BATCH: usize = 4096;
/// Batches that may wait; the analysis waits beyond that, so memory stays bounded (chosen).
const WAITING: usize = 8;

/// Something to write.
enum Message {
    Capture { index: u32, path: PathBuf, session: Option<u32> },
    Flows(Vec<FlowRecord>),
}

/// A thread that writes flow files while the analysis goes on.
pub(crate) struct Exporter {
    sender: SyncSender<Message>,
    thread: JoinHandle<Result<u64, ExportError>>,
}

impl Exporter {
    pub(crate) fn start(export: FlowExport) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::spawn(move || write(export, &receiver));
        Self { sender, thread }
    }

    /// Tells path and session of a capture.
    pub(crate) fn capture(&self, index: u32, path: PathBuf, session: Option<u32>) {
        // If the writer is gone, its error is what `finish` returns.
        let _ = self.sender.send(Message::Capture { index, path, session });
    }

    /// Adds flows.
    pub(crate) fn flows(&self, flows: &[FlowRecord]) {
        for batch in flows.chunks(BATCH) {
            if self.sender.send(Message::Flows(batch.to_vec())).is_err() {
                return;
            }
        }
    }

    /// Waits until everything is written. Returns how many flows were.
    pub(crate) fn finish(self) -> Result<u64, ExportError> {
        drop(self.sender);
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn write(mut export: FlowExport, receiver: &Receiver<Message>) -> Result<u64, ExportError> {
    for message in receiver {
        match message {
            Message::Capture { index, path, session } => export.capture(index, &path, session),
            Message::Flows(flows) => export.push(&flows)?,
        }
    }
    export.finish()
}
