//! What can go wrong before a session runs.

use std::io;
use std::path::PathBuf;

use capkeep_watcher::RangeError;

/// Why a session could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The process may not capture.
    #[error(
        "{what} is not allowed: run as root, or sudo setcap cap_net_raw,cap_net_admin+ep {} \
         (with cap_sys_admin too for network namespaces)",
        .program.display()
    )]
    NotAllowed {
        /// What was refused.
        what: &'static str,
        /// The program that needs the capabilities.
        program: PathBuf,
    },
    /// There is no such interface.
    #[error("no interface {name:?}; there is {}", .available.join(", "))]
    NoInterface {
        /// The name asked for.
        name: String,
        /// Interfaces there are.
        available: Vec<String>,
    },
    /// There is no such network namespace.
    #[error("no network namespace {name:?} below /run/netns")]
    NoNamespace {
        /// The name asked for.
        name: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The name of a network namespace is no plain file name.
    #[error("{0:?} is not the name of a network namespace: it is a plain name below /run/netns")]
    NamespaceName(String),
    /// The protocol of a filter is not one.
    #[error("filter {index}: {text:?} is neither TCP nor UDP nor Any")]
    Protocol {
        /// Place of the filter, counted from 0.
        index: usize,
        /// The word.
        text: String,
    },
    /// Addresses or ports of a filter are not well written.
    #[error("filter {index}: {field} can't be read")]
    Filter {
        /// Place of the filter, counted from 0.
        index: usize,
        /// Name of the field.
        field: &'static str,
        /// What is wrong.
        source: RangeError,
    },
    /// The filters do not fit into a program of the kernel.
    #[error(
        "the filters need {needed} instructions or more, the kernel takes {}: use ranges or fewer addresses and ports",
        super::assembler::MAX_INSTRUCTIONS
    )]
    FilterTooLong {
        /// Instructions they need at least.
        needed: usize,
    },
    /// The kernel has too little memory for the filters.
    #[error(
        "the kernel has no room for a filter of {instructions} instructions; net.core.optmem_max limits it"
    )]
    FilterMemory {
        /// Instructions of the filter.
        instructions: usize,
    },
    /// The path of the capture file can't be used.
    #[error("{}: {what}", .path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A file of a ring is too small to hold packets.
    #[error("a file of {bytes} bytes is too small for a ring: it takes {least} bytes or more")]
    FileTooSmall {
        /// Bytes asked for.
        bytes: u64,
        /// Bytes it takes.
        least: u64,
    },
    /// The capture file could not be created.
    #[error("{} can't be created", .path.display())]
    Create {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// This system has no way to capture that is known here.
    #[error("packets are captured on Linux only")]
    Unsupported,
    /// The operating system refused.
    #[error("{what} failed")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

/// Result of this module.
pub(super) type Result<T> = std::result::Result<T, CaptureError>;

/// The error of something the system refused: with advice where capabilities are missing.
pub(super) fn system(what: &'static str, source: io::Error) -> CaptureError {
    if source.kind() == io::ErrorKind::PermissionDenied {
        let program = std::env::current_exe().unwrap_or_else(|_| "PATH-OF-THE-PROGRAM".into());
        return CaptureError::NotAllowed { what, program };
    }
    CaptureError::System { what, source }
}
