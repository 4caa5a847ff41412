//! `capkeep fetch`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use capkeep_report::terminal::visible;
use capkeep_storage::download::{self, Check, Job, Limits, Md5Check, Outcome, Overwrite, Stop};
use capkeep_storage::{CapturePath, clashes};
use clap::ValueEnum;
use glob::Pattern;
use serde_json::{Value, json};

use super::Done;
use crate::azure::{Azure, block_on};
use crate::failure::{hinted, interrupted, warn};
use crate::fetching::Fetching;
use crate::ledger::{FileDeed, FileNote, Ledger};
use crate::output;
use crate::storage::Storage;
use crate::targets::{Finder, Found};
use crate::units::{bytes, seconds};

/// Fetch capture files from storage, whole or not at all
///
/// A capture stands for every file of its session; a URL for a blob or, if there is none of that name, for every blob
/// whose name begins so. A capture that was deleted is still known by its name where this machine's ledger has seen it.
///
/// Files arrive in ranges over several connections, in a partial file beside their place. What was fetched is not
/// fetched again: after a crash, Ctrl-C or a lost network the same command goes on where it was, and starts afresh if the
/// blob changed meanwhile. A file gets its name only when it is whole and verified: length and version always, MD5
/// where the blob has one. NAME.provenance.json beside it tells where it came from, with its SHA-256.
///
/// To log in, see --storage-login. Names of blobs never lead out of the folder; what cannot stand in a file's name is
/// written as %XX.
#[derive(Debug, clap::Args)]
#[command(after_long_help = AFTER_HELP)]
#[allow(clippy::struct_excessive_bools)] // switches of a command line
pub(crate) struct Fetch {
    /// Captures (names or ids) and URLs of blobs, or the beginning of their names
    #[arg(value_name = "TARGET", required_unless_present = "all")]
    targets: Vec<String>,

    /// Folder to put the files in; made where it is missing
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,

    /// Every capture file of every storage account of the subscription
    #[arg(long, conflicts_with = "targets", help_heading = "What to fetch")]
    all: bool,

    /// Only files that changed in this span until now: 7d, 12h
    #[arg(long, value_name = "SPAN", value_parser = seconds, help_heading = "What to fetch")]
    since: Option<i64>,

    /// Only files of this virtual machine or scale set, by the path they were stored at
    #[arg(long, value_name = "NAME", help_heading = "What to fetch")]
    vm: Option<String>,

    /// Only blobs whose name matches this pattern (*, ?, [a-z]; repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "What to fetch")]
    include: Vec<Pattern>,

    /// No blobs whose name matches this pattern (repeatable)
    #[arg(long, value_name = "PATTERN", help_heading = "What to fetch")]
    exclude: Vec<Pattern>,

    /// Wait for sessions that still run: their files appear when they end
    #[arg(long, help_heading = "What to fetch")]
    wait: bool,

    /// What to do about a file that is there already
    #[arg(long, value_name = "WHEN", default_value = "changed", help_heading = "How")]
    overwrite: When,

    /// What to do with the MD5 of a blob
    #[arg(long, value_name = "HOW", default_value = "given", help_heading = "How")]
    check_md5: Md5,

    /// Connections at once, over all files [default: as many as make it faster]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "How")]
    connections: Option<u16>,

    /// Most bytes in a second, over all files: 10MB
    #[arg(long, value_name = "BYTES", value_parser = bytes, help_heading = "How")]
    limit_rate: Option<i64>,

    /// Ask again where no byte came for so long
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = "30s", help_heading = "How")]
    stall: i64,

    /// Give a file up after so long without a new byte
    #[arg(long, value_name = "SPAN", value_parser = seconds, default_value = "5m", help_heading = "How")]
    retry_for: i64,

    /// Most bytes of one request
    #[arg(long, value_name = "BYTES", value_parser = bytes, hide = true)]
    part_size: Option<i64>,

    /// Tell what would be fetched, and fetch nothing
    #[arg(long, help_heading = "How")]
    dry_run: bool,

    /// Print one JSON object per file
    #[arg(long, help_heading = "Output")]
    json: bool,

    /// Show no progress
    #[arg(long, short, help_heading = "Output")]
    quiet: bool,

    #[command(flatten)]
    storage: Storage,

    #[command(flatten)]
    azure: Azure,
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// Keep it; that is an error
    Never,
    /// Keep it if it is the same version of the blob and was not touched; otherwise replace it
    Changed,
    /// Replace it
    Always,
}

/// What to do with the MD5 of a blob.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Md5 {
    /// Nothing: some blobs were given a wrong one
    Ignore,
    /// A blob that has one must have that content
    Given,
    /// A blob that has none is not fetched
    Require,
}

const AFTER_HELP: &str = "\
Examples:
  capkeep fetch slow-login --into captures
      Every file of a capture.
  capkeep fetch slow-login --wait
      The same, when its session has ended.
  capkeep fetch 'https://logs.blob.core.windows.net/network-watcher-logs/subscriptions/…/packetcapture_11_55_33_090.cap'
      One blob. A signature (SAS) may follow; it is noted nowhere.
  capkeep fetch https://logs.blob.core.windows.net/network-watcher-logs --vm web1 --since 7d
      What a machine left in a week.
  capkeep fetch --all --dry-run
      What there is.
  AZURE_STORAGE_CONNECTION_STRING=… capkeep fetch http://127.0.0.1:10000/devstoreaccount1/captures
      From an emulator, with the account's key.

Exit codes:
  0  done
  1  done, but some files could not be fetched
  2  error: nothing was fetched, or the command line is wrong";

impl Fetch {
    pub(super) fn run(self) -> anyhow::Result<Done> {
        let limits = self.limits()?;
        let found = block_on(self.find())?;
        let chosen = self.choose(found);
        if chosen.is_empty() {
            return Err(hinted(
                "no capture file is left to fetch",
                "--vm, --since, --include and --exclude leave out what they do not match",
            ));
        }
        if self.dry_run {
            for one in &chosen {
                self.tell(&json!({
                    "url": one.url(),
                    "path": self.into.join(&one.path),
                    "bytes": one.blob.size,
                    "status": "would be fetched",
                }))?;
            }
            return Ok(Done::Fully);
        }
        self.fetch(chosen, &limits)
    }

    fn limits(&self) -> anyhow::Result<Limits> {
        let usual = Limits::default();
        let span = |seconds: i64| std::time::Duration::from_secs(seconds.unsigned_abs());
        if self.limit_rate == Some(0) || self.part_size == Some(0) || self.stall == 0 {
            return Err(hinted("nothing can be fetched with 0", "--limit-rate and --stall need to be more"));
        }
        Ok(Limits {
            connections: self.connections,
            part_bytes: self.part_size.map_or(usual.part_bytes, i64::unsigned_abs),
            bytes_per_second: self.limit_rate.map(i64::unsigned_abs),
            stall: span(self.stall),
            retry_for: span(self.retry_for),
            overwrite: match self.overwrite {
                When::Never => Overwrite::Never,
                When::Changed => Overwrite::Changed,
                When::Always => Overwrite::Always,
            },
            check: match self.check_md5 {
                Md5::Ignore => Check::Ignored,
                Md5::Given => Check::Given,
                Md5::Require => Check::Required,
            },
            ..usual
        })
    }

    async fn find(&self) -> anyhow::Result<Vec<Found>> {
        let finder = Finder::new(&self.azure, self.storage.stores(&self.azure), self.wait);
        if self.all {
            return finder.everywhere().await;
        }
        let mut found = Vec::new();
        for target in &self.targets {
            found.extend(finder.find(target).await?);
        }
        // What is named twice is fetched once.
        let mut seen = HashSet::new();
        found.retain(|one| seen.insert(one.url()));
        Ok(found)
    }

    fn choose(&self, mut found: Vec<Found>) -> Vec<Found> {
        let since = self.since.map(|span| jiff::Timestamp::now().as_second().saturating_sub(span));
        found.retain(|one| {
            let name = &one.blob.name.name;
            let is_new = since.is_none_or(|since| one.blob.modified.as_second() >= since);
            let is_of = self.vm.as_ref().is_none_or(|vm| {
                CapturePath::parse(name).is_some_and(|path| path.name.eq_ignore_ascii_case(vm))
            });
            let is_in = self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(name));
            is_new && is_of && is_in && !self.exclude.iter().any(|pattern| pattern.matches(name))
        });
        found
    }

    fn fetch(&self, chosen: Vec<Found>, limits: &Limits) -> anyhow::Result<Done> {
        let (chosen, refused) = apart(chosen);
        for (one, other) in &refused {
            warn(
                &visible(&one.url()),
                &format!("has the same file name as {other}; fetch it into another folder"),
            );
        }
        std::fs::create_dir_all(&self.into)
            .with_context(|| format!("cannot make the folder {}", self.into.display()))?;
        let ledger = Ledger::open()?;
        let job = |one: &Found| Job {
            store: std::sync::Arc::clone(&one.store),
            blob: one.blob.clone(),
            to: self.into.join(&one.path),
            note: one.note.clone(),
        };
        let jobs: Vec<Job> = chosen.iter().map(job).collect();
        let stop = Stop::new();
        let names = chosen.iter().map(|one| one.path.display().to_string()).collect();
        let progress = Fetching::new(names, jobs.iter().map(|job| job.blob.size).sum(), self.quiet);
        // One thread receives and decrypts while this one writes: with more of them, what is received goes from core to
        // core. Hashing has its own.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let observer = |event| progress.tell(&event);
        let outcomes = runtime.block_on(async {
            let work = download::fetch(jobs, limits, &observer, &stop);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    outcomes = &mut work => return outcomes,
                    _ = tokio::signal::ctrl_c(), if !stop.is_stopped() => stop.stop(),
                }
            }
        });
        progress.finish();
        let ended = chosen.iter().zip(&outcomes);
        let notes: Vec<FileNote> = ended.filter_map(|(one, outcome)| self.note(one, outcome)).collect();
        ledger.note_files(FileDeed::Fetched, &notes)?;
        let mut missing = refused.len();
        for (one, outcome) in chosen.iter().zip(&outcomes) {
            missing += usize::from(!self.account_for(one, outcome)?);
        }
        if stop.is_stopped() {
            return Err(interrupted("interrupted", "the same command goes on where this one was"));
        }
        match missing {
            0 => Ok(Done::Fully),
            some if some == chosen.len() + refused.len() => {
                Err(hinted("nothing was fetched", "the same command goes on where this one was"))
            }
            _ => Ok(Done::Partly),
        }
    }

    /// What the ledger keeps of a file that was fetched.
    fn note(&self, one: &Found, outcome: &Outcome) -> Option<FileNote> {
        let Outcome::Fetched(fetched) = outcome else { return None };
        let path = std::path::absolute(self.into.join(&one.path)).ok();
        Some(FileNote {
            url: one.url(),
            etag: fetched.etag.as_str().to_owned(),
            bytes: fetched.bytes,
            path: path.map(|path| path.display().to_string()),
            sha256: Some(fetched.sha256.clone()),
            capture: one.note.get("capture").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// Tells how a file ended; false if it is not there.
    fn account_for(&self, one: &Found, outcome: &Outcome) -> anyhow::Result<bool> {
        let path = self.into.join(&one.path);
        let mut line = json!({ "url": one.url(), "path": path, "bytes": one.blob.size });
        let mut add = |key: &str, value: Value| line[key] = value;
        let is_there = match outcome {
            Outcome::Fetched(fetched) => {
                add("status", "fetched".into());
                add("sha256", fetched.sha256.clone().into());
                add("md5", md5_word(fetched.md5).into());
                add("etag", fetched.etag.as_str().into());
                add("resumedFrom", fetched.resumed_from.into());
                add("received", fetched.received.into());
                true
            }
            Outcome::Unchanged(known) => {
                add("status", "unchanged".into());
                add("sha256", known.sha256.clone().into());
                true
            }
            Outcome::Failed { error, kept } => {
                add("status", "failed".into());
                add("error", error.to_string().into());
                add("kept", (*kept).into());
                false
            }
            Outcome::Stopped { kept } => {
                add("status", "stopped".into());
                add("kept", (*kept).into());
                false
            }
        };
        self.tell(&line)?;
        Ok(is_there)
    }

    /// One line about one file.
    fn tell(&self, line: &Value) -> anyhow::Result<()> {
        if self.json {
            return output::print(format!("{line}\n").as_bytes());
        }
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let path = visible(text("path"));
        let size = indicatif::DecimalBytes(line["bytes"].as_u64().unwrap_or(0));
        let kept = line["kept"].as_u64().filter(|kept| *kept > 0);
        let kept = kept
            .map(|kept| format!("; {} of it are kept", indicatif::DecimalBytes(kept)))
            .unwrap_or_default();
        let words = match text("status") {
            "fetched" => {
                let md5 = if text("md5") == "verified" { "MD5 verified" } else { "no MD5 to verify" };
                let resumed = line["resumedFrom"].as_u64().filter(|bytes| *bytes > 0);
                let resumed = resumed
                    .map(|bytes| format!(", {} of it from an earlier run", indicatif::DecimalBytes(bytes)));
                format!("{path}  {size}  {md5}{}\n", resumed.unwrap_or_default())
            }
            "unchanged" => format!("{path}  {size}  there already, unchanged\n"),
            "failed" => {
                warn(text("path"), &format!("{}{kept}", text("error")));
                return Ok(());
            }
            "stopped" => format!("{path}  not fetched{kept}\n"),
            status => format!("{path}  {size}  {status} from {}\n", visible(text("url"))),
        };
        output::print(words.as_bytes())
    }
}

/// Those that can lie in one folder, and those whose place another has, with the URL of that one.
fn apart(found: Vec<Found>) -> (Vec<Found>, Vec<(Found, String)>) {
    let paths = found.iter().map(|one| one.path.as_path());
    let second: std::collections::HashMap<PathBuf, PathBuf> =
        clashes(paths).into_iter().map(|(first, second)| (second.to_owned(), first.to_owned())).collect();
    let mut kept: Vec<Found> = Vec::new();
    let mut refused = Vec::new();
    let mut seen: HashSet<PathBuf> = HashSet::new();
    for one in found {
        let is_taken = second.get(&one.path).is_some_and(|first| seen.contains(first));
        if is_taken || !seen.insert(one.path.clone()) {
            let other = second.get(&one.path).map_or(one.path.as_path(), PathBuf::as_path);
            let other = url_at(&kept, other);
            refused.push((one, other));
        } else {
            kept.push(one);
        }
    }
    (kept, refused)
}

fn url_at(found: &[Found], path: &Path) -> String {
    found.iter().find(|one| one.path == path).map(Found::url).unwrap_or_default()
}

const fn md5_word(check: Md5Check) -> &'static str {
    match check {
        Md5Check::Verified => "verified",
        Md5Check::NotGiven => "none given",
        Md5Check::Ignored => "ignored",
    }
}
