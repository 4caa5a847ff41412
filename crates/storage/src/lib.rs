//! Capture files where they lie: in blob storage or below a local folder.
//!
//! A [`Location`] says where, a [`Store`] is asked. The store is a typed REST client: one call, one request, with the
//! retries of a call. What spans calls (parallel ranges, resuming, verifying) is [`download`].

mod azure;
mod blob;
pub mod download;
mod encoding;
mod error;
mod folder;
mod labels;
mod layout;
mod location;
mod names;
mod open;
mod store;

pub use azure_core::credentials::Secret;

pub use azure::{ConnectionString, Credential, Settings};
pub use blob::{Blob, BlobName, Etag, LeaseState, Tier};
pub use error::{Error, Result};
pub use layout::{CapturePath, TargetKind};
pub use location::{Base, Location};
pub use names::{clashes, safe_path};
pub use open::{open, pages};
pub use store::{ByteStream, Container, Include, Page, Protection, Query, Store, Upload};
