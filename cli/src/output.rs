//! Standard output.

use std::io::{self, Write};

use anyhow::Context;

/// Writes to standard output. A reader that has seen enough and closed the pipe (`| head`) is no error.
pub(crate) fn print(bytes: &[u8]) -> anyhow::Result<()> {
    offer(bytes).map(|_| ())
}

/// The same. False if nobody reads any more, for those that would go on for hours.
pub(crate) fn offer(bytes: &[u8]) -> anyhow::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true).context("cannot write to standard output"),
    }
}
