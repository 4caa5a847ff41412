//! What keeps the service from coming up.

use std::path::PathBuf;

/// What keeps the service from coming up. Requests never fail with it: they are answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// A file or folder cannot be used.
    #[error("cannot use {}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A configuration that is not TOML or lacks something.
    #[error("the configuration cannot be read near line {line}: {what}")]
    Config {
        /// Line of the file, counted from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// A configuration with a value that cannot be.
    #[error("the configuration says {what}")]
    Value {
        /// Which, and why it cannot be.
        what: String,
    },
    /// Other machines could reach the service, and it has no token.
    #[error("{address} can be reached from other machines: a token is needed")]
    NoToken {
        /// Where it was to listen.
        address: std::net::SocketAddr,
    },
    /// The address is not to be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process uses the data folder.
    #[error("another capkeep serve uses {}", .path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The system gave no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// The certificate cannot be made or used.
    #[error("no certificate: {what}")]
    Certificate {
        /// Why.
        what: String,
    },
}

impl ServiceError {
    /// For `map_err`: what went wrong with a file or folder.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
