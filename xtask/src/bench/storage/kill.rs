//! What is transferred when a download is killed and run again.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    rows::{capkeep, emptied},
    server::Server,
};

/// Points at which it is killed, in tenths of the time that a whole run takes.
const POINTS: std::ops::Range<u32> = 1..10;

/// A run that was killed and the one after it.
#[derive(Debug)]
pub(super) struct Killed {
    /// When, from the beginning.
    pub(super) after: Duration,
    /// Bytes that the server sent to the first run.
    pub(super) first: u64,
    /// And to the second.
    pub(super) second: u64,
}

/// Kills downloads at several points and lets each be finished. `whole` is how long one takes.
pub(super) fn killed(program: &Path, server: &Server, folder: &Path, whole: Duration) -> Result<Vec<Killed>> {
    let path = "/standin/logs/large.cap";
    let url = format!("{}/logs/large.cap", server.url(server.plain));
    let mut all = Vec::new();
    for point in POINTS {
        let after = whole * point / 10;
        eprintln!("killed after {after:?}");
        let out = emptied(folder)?;
        let fetch = || {
            let mut command = capkeep(program, server, &out);
            command.args(["fetch", "--quiet", &url]);
            command
        };
        server.sent_bytes(path)?;
        let mut child = fetch().spawn().context("capkeep cannot be started")?;
        thread::sleep(after);
        child.kill()?;
        let is_done = child.wait()?.success();
        // The server notes what it sent when it sees that nobody is there any more.
        thread::sleep(Duration::from_millis(300));
        let first = server.sent_bytes(path)?;
        let status = fetch().status()?;
        let same = Command::new("cmp").arg(out.join("large.cap")).arg(server.large_file()).status()?;
        if !status.success() || !same.success() {
            bail!("the run after a kill at {after:?}: {status}; the files are the same: {same}");
        }
        thread::sleep(Duration::from_millis(100));
        let second = server.sent_bytes(path)?;
        if !is_done {
            all.push(Killed { after, first, second });
        }
        fs::remove_dir_all(&out)?;
    }
    Ok(all)
}
