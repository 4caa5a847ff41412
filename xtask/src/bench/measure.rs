//! One run of one command.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use wait4::Wait4;

use super::tools::Tool;

/// What a run cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Time by the clock on the wall.
    pub(crate) wall: Duration,
    /// Processor time, user and system, over all threads.
    pub(crate) cpu: Duration,
    /// Largest resident set, bytes. Never less than what this program itself has, about 4 MB: Linux counts a child
    /// from before it becomes another program.
    pub(crate) peak: u64,
}

/// Runs `tool` on `file`; what it writes goes to a folder inside `directory` that is emptied before.
///
/// # Errors
/// Where the command cannot be started or fails.
pub(crate) fn measure(tool: &Tool, file: &Path, directory: &Path) -> Result<Sample> {
    let out = directory.join("out");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    timed(&mut tool.command(file, &out), tool.also_fine).with_context(|| tool.name)
}

/// Runs a command to its end. `also_fine` is an exit code that means success besides 0.
///
/// # Errors
/// Where the command cannot be started or fails.
pub(crate) fn timed(command: &mut Command, also_fine: i32) -> Result<Sample> {
    let start = Instant::now();
    let mut child = command.spawn().context("cannot be started")?;
    let used = child.wait4().context("cannot be waited for")?;
    let wall = start.elapsed();
    match used.status.code() {
        Some(code) if code == 0 || code == also_fine => {}
        _ => bail!("failed ({})", used.status),
    }
    Ok(Sample { wall, cpu: used.rusage.utime + used.rusage.stime, peak: used.rusage.maxrss })
}

/// The middle one of some durations, in seconds; `None` without any.
pub(crate) fn median(durations: impl Iterator<Item = Duration>) -> Option<f64> {
    let mut all: Vec<_> = durations.collect();
    all.sort_unstable();
    let middle = all.len() / 2;
    match (all.get(middle), all.len() % 2) {
        (Some(high), 0) => Some(all.get(middle - 1)?.as_secs_f64().midpoint(high.as_secs_f64())),
        (high, _) => high.map(Duration::as_secs_f64),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |all: &[u64]| median(all.iter().map(|s| Duration::from_secs(*s)));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[5]), Some(5.0));
        assert_eq!(of(&[9, 1, 2]), Some(2.0));
        assert_eq!(of(&[1, 2, 4, 100]), Some(3.0));
    }
}
