//! What the stand-in answers, as any client sees it.
#![allow(clippy::unwrap_used)]

mod arm;
mod blobs;
mod client;
mod hostile;
mod proxy;
