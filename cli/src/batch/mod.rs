//! Many captures in one run: where they come from, what is known of them already, and who works on which.

pub(crate) mod assembly;
mod folder;
mod lanes;
mod sources;

pub(crate) use folder::Folder;
pub(crate) use lanes::{Lanes, Task};
pub(crate) use sources::{Session, Sources};
