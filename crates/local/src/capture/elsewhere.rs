//! In the place of sockets where packets cannot be captured: none is ever opened.

use std::io;
use std::time::Duration;

use super::bpf::Link;
use super::error::{CaptureError, Result};
use super::rule::Rule;
use super::taken::Taken;
use super::target::Machine;

/// A socket that cannot be.
#[derive(Debug)]
pub(super) enum PacketSocket {}

impl PacketSocket {
    /// # Errors
    /// [`CaptureError::Unsupported`], always.
    pub(super) fn open(_: &Machine, _: &[Rule], _: u32, _: usize) -> Result<Self> {
        Err(CaptureError::Unsupported)
    }

    pub(super) fn link(&self) -> Link {
        match *self {}
    }

    pub(super) fn keep_bytes(&self) -> u32 {
        match *self {}
    }

    pub(super) fn wait(&self, _: Duration) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn take(&mut self, _: impl FnMut(Taken<'_>) -> bool) -> io::Result<usize> {
        match *self {}
    }

    pub(super) fn drops(&mut self) -> u64 {
        match *self {}
    }
}
