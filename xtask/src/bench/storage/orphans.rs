//! Listing orphans among many files and captures.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::rows::emptied;
use crate::{
    bench::measure::{Sample, median, timed},
    root, target_directory,
};

/// Capture files in the account.
pub(super) const FILES: u32 = 100_000;
/// Captures in the subscription.
pub(super) const CAPTURES: u32 = 10_000;

/// What listing cost.
#[derive(Debug)]
pub(super) struct Orphans {
    pub(super) samples: Vec<Sample>,
    /// Processor time of the server, for each listing.
    pub(super) server: Duration,
    /// Reason why there is nothing to measure.
    pub(super) missing: Option<String>,
}

impl Orphans {
    /// Median of the times by the clock, seconds.
    pub(super) fn wall(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.wall))
    }

    /// Median of the times by the clock without the processor time of the server, seconds.
    pub(super) fn beside_server(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.wall.saturating_sub(self.server)))
    }

    /// Median of the processor times, seconds.
    pub(super) fn cpu(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.cpu))
    }

    /// Largest peak, MB (10⁶ bytes).
    pub(super) fn peak(&self) -> Option<f64> {
        self.samples.iter().map(|sample| sample.peak as f64 / 1e6).reduce(f64::max)
    }
}

/// The stand-in for account and Resource Manager, ended when it is dropped.
struct Many(Child);

impl Drop for Many {
    fn drop(&mut self) {
        // It ends by itself with its input; if it has ended already that is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Many {
    /// Starts it, and tells where the Resource Manager is.
    fn start() -> Result<(Self, String)> {
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--package", "capkeep-standin", "--example", "many"])
            .current_dir(root())
            .status()
            .context("cargo cannot be run")?;
        if !status.success() {
            bail!("the stand-in does not build: {status}");
        }
        let mut child = Command::new(target_directory().join("release/examples/many"))
            .args([FILES.to_string(), CAPTURES.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the stand-in cannot be started")?;
        let output = child.stdout.take().context("the stand-in has no output")?;
        let many = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        match line.trim() {
            "" => bail!("the stand-in does not start"),
            url => Ok((many, url.to_owned())),
        }
    }

    /// Processor time it has used, by the ticks in `/proc` (100 a second on Linux).
    fn used(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        // Fields 14 and 15 of the line, of which two were cut off with the name.
        let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }
}

/// Lists all orphans as a program would want them.
pub(super) fn measure(program: &Path, folder: &Path, rounds: usize) -> Result<Orphans> {
    let (many, url) = Many::start()?;
    let mut orphans = Orphans { samples: Vec::new(), server: Duration::ZERO, missing: None };
    let before = many.used();
    for round in 0..rounds {
        eprintln!("round {}: orphans list", round + 1);
        let out = emptied(folder)?;
        let mut command = Command::new(program);
        command.args([
            "orphans",
            "list",
            "--all",
            "--json",
            "--quiet",
            "--endpoint",
            &url,
            "--login",
            "none",
        ]);
        command
            .args(["--storage-login", "none"])
            .current_dir(&out)
            .env("CAPKEEP_LEDGER", out.join("ledger.sqlite"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match timed(&mut command, 1) {
            Ok(sample) => orphans.samples.push(sample),
            Err(error) => {
                orphans.missing = Some(format!("{error:#}"));
                return Ok(orphans);
            }
        }
    }
    orphans.server = many.used().saturating_sub(before) / u32::try_from(rounds.max(1)).unwrap_or(1);
    Ok(orphans)
}
