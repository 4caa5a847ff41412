//! What the stand-in answers, as any client sees it.
#![allow(clippy::unwrap_used)]

mod blobs;
mod client;
mod hostile;
mod proxy;
