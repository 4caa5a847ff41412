//! What is run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{data::SMALL_FILES, server::Server};
use crate::bench::measure::{Sample, median, timed};

/// Commands that are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Plain,
    Tls,
    Md5,
    Slow,
    Small,
    Away,
    Analyze,
}

/// All groups with their headings, in the order of the results.
pub(super) const GROUPS: &[(Group, &str)] = &[
    (Group::Plain, "1 GiB over http"),
    (Group::Tls, "1 GiB over TLS"),
    (Group::Md5, "1 GiB over http, with an MD5"),
    (Group::Slow, "1 GiB, 40 MiB/s for each connection"),
    (Group::Small, "2,000 files of 100 kB over http"),
    (Group::Away, "The same, from 10 ms away"),
    (Group::Analyze, "Reading 1 GiB where it lies, over http"),
];

pub(super) const FETCH: &str = "capkeep fetch";
pub(super) const FETCH_16: &str = "capkeep fetch --connections 16";
pub(super) const FETCH_1: &str = "capkeep fetch --connections 1";
pub(super) const CURL: &str = "curl, one stream";
pub(super) const CURL_EACH: &str = "curl, one connection, one by one";
pub(super) const AZCOPY: &str = "azcopy";
pub(super) const ANALYZE_URL: &str = "capkeep analyze URL";
pub(super) const ANALYZE_FILE: &str = "capkeep analyze FILE";

/// A command, and what came of it.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) group: Group,
    /// What it does besides.
    pub(super) gives: &'static str,
    /// At most so many rounds: enough is known of slow ones sooner.
    most_rounds: usize,
    /// The command that writes into a folder.
    command: Box<dyn Fn(&Path) -> Command>,
    pub(super) samples: Vec<Sample>,
    /// Reason why there is nothing more to measure.
    pub(super) missing: Option<String>,
}

impl Row {
    /// Runs it once in an empty folder, unless that is of no use.
    pub(super) fn run(&mut self, round: usize, folder: &Path) -> Result<()> {
        if self.missing.is_some() || round >= self.most_rounds {
            return Ok(());
        }
        eprintln!("round {}: {:?}, {}", round + 1, self.group, self.name);
        let many = matches!(self.group, Group::Small | Group::Away);
        let out = if many { another(folder)? } else { emptied(folder)? };
        match timed(&mut (self.command)(&out), 0) {
            Ok(sample) => self.samples.push(sample),
            Err(error) => self.missing = Some(format!("{error:#}")),
        }
        if !many {
            // What was not written to the disk yet need not be.
            fs::remove_dir_all(&out)?;
        }
        Ok(())
    }

    /// Median of the times by the clock, seconds.
    pub(super) fn wall(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.wall))
    }

    /// Median of the processor times, seconds.
    pub(super) fn cpu(&self) -> Option<f64> {
        median(self.samples.iter().map(|sample| sample.cpu))
    }

    /// Median of the peaks, MB (10⁶ bytes).
    pub(super) fn peak(&self) -> Option<f64> {
        median(self.samples.iter().map(|s| Duration::from_nanos(s.peak))).map(|seconds| seconds * 1e3)
    }
}

/// The folder that commands write into, empty.
pub(super) fn emptied(folder: &Path) -> Result<PathBuf> {
    let out = folder.join("out");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(out)
}

/// A new folder for many files. It stays until the end: ext4 gives away no inode that was freed within the last minutes,
/// and looks for another one again and again.
fn another(folder: &Path) -> Result<PathBuf> {
    let many = folder.join(MANY);
    fs::create_dir_all(&many).with_context(|| format!("cannot make {}", many.display()))?;
    let out = many.join(fs::read_dir(&many)?.count().to_string());
    fs::create_dir(&out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(out)
}

/// Removes the folders of many files.
pub(super) fn tidy(folder: &Path) -> Result<()> {
    let many = folder.join(MANY);
    if many.exists() {
        fs::remove_dir_all(&many).with_context(|| format!("cannot remove {}", many.display()))?;
    }
    Ok(())
}

/// Where the folders of many files are.
const MANY: &str = "many";

/// A command whose output nobody reads.
fn silent(program: &Path, out: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// capkeep, with its state in the folder it works in.
pub(super) fn capkeep(program: &Path, server: &Server, out: &Path) -> Command {
    let mut command = silent(program, out);
    command.env("CAPKEEP_LEDGER", out.join("ledger.sqlite")).env("CAPKEEP_CA", server.certificate());
    command.env("CAPKEEP_STORAGE_LOGIN", "none");
    command
}

/// All rows, in the order of a round.
pub(super) fn rows(program: &Path, azcopy: Option<&Path>, server: &Server) -> Vec<Row> {
    let mut all = Vec::new();
    let mut add = |group, name, gives, most_rounds, command: Box<dyn Fn(&Path) -> Command>| {
        all.push(Row { name, group, gives, most_rounds, command, samples: Vec::new(), missing: None });
    };
    let large = |port| format!("{}/logs/large.cap", server.url(port));
    let small = format!("{}/small", server.url(server.plain));
    let ours = |arguments: &[&str]| -> Box<dyn Fn(&Path) -> Command> {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (program, certificate) = (program.to_owned(), server.certificate());
        Box::new(move |out| {
            let mut command = silent(&program, out);
            command.args(&arguments).env("CAPKEEP_LEDGER", out.join("ledger.sqlite"));
            command.env("CAPKEEP_CA", &certificate).env("CAPKEEP_STORAGE_LOGIN", "none");
            command
        })
    };
    let curl = |url: String| -> Box<dyn Fn(&Path) -> Command> {
        let certificate = server.certificate();
        Box::new(move |out| {
            let mut command = silent(Path::new("curl"), out);
            command
                .args(["--silent", "--fail", "--output", "large.cap", "--cacert"])
                .arg(&certificate)
                .arg(&url);
            command
        })
    };
    let verified = "SHA-256, can go on after a crash";
    let copy = |azcopy: &Path, url: String| -> Box<dyn Fn(&Path) -> Command> {
        let (azcopy, certificate) = (azcopy.to_owned(), server.certificate());
        Box::new(move |out| {
            let mut command = silent(&azcopy, out);
            command.args(["copy", &format!("{url}?sv=2026-04-06&sig=none"), "large.cap"]);
            command.args(["--from-to", "BlobLocal", "--check-md5", "FailIfDifferent"]);
            command.env("SSL_CERT_FILE", &certificate);
            command.env("AZCOPY_LOG_LOCATION", out).env("AZCOPY_JOB_PLAN_LOCATION", out);
            command
        })
    };
    for (group, port) in [(Group::Plain, server.plain), (Group::Tls, server.tls)] {
        add(group, FETCH, verified, usize::MAX, ours(&["fetch", "--quiet", &large(port)]));
        add(group, CURL, "nothing verified", usize::MAX, curl(large(port)));
        if let Some(azcopy) = azcopy {
            add(group, AZCOPY, "nothing to verify", usize::MAX, copy(azcopy, large(port)));
        }
    }
    let with_md5 = format!("{}/logs/md5.cap", server.url(server.plain));
    let both = "MD5 and SHA-256, can go on after a crash";
    add(Group::Md5, FETCH, both, usize::MAX, ours(&["fetch", "--quiet", &with_md5]));
    if let Some(azcopy) = azcopy {
        add(Group::Md5, AZCOPY, "MD5", usize::MAX, copy(azcopy, with_md5));
    }
    add(
        Group::Slow,
        FETCH_16,
        verified,
        3,
        ours(&["fetch", "--quiet", "--connections", "16", &large(server.slow)]),
    );
    add(Group::Slow, FETCH, verified, 3, ours(&["fetch", "--quiet", &large(server.slow)]));
    add(Group::Slow, CURL, "nothing verified", 2, curl(large(server.slow)));
    for (group, port, rounds) in [(Group::Small, server.plain, usize::MAX), (Group::Away, server.away, 2)] {
        let small = format!("{}/small", server.url(port));
        add(group, FETCH, "SHA-256", usize::MAX, ours(&["fetch", "--quiet", &small]));
        let one = ours(&["fetch", "--quiet", "--connections", "1", &small]);
        add(group, FETCH_1, "SHA-256", rounds, one);
        let each = move |out: &Path| {
            let mut command = silent(Path::new("curl"), out);
            let all = format!("{small}/[0000-{:04}].cap", SMALL_FILES - 1);
            command.args(["--silent", "--fail", "--output", "#1.cap", &all]);
            command
        };
        add(group, CURL_EACH, "nothing verified", rounds, Box::new(each));
    }
    let url = small;
    let process = move |out: &Path| {
        let mut command = silent(Path::new("sh"), out);
        let last = SMALL_FILES - 1;
        let script = format!(
            "for n in $(seq -w 0 {last}); do curl --silent --fail --output $n.cap {url}/$n.cap || exit 2; done"
        );
        command.args(["-c", &script]);
        command
    };
    add(Group::Small, CURL_LOOP, "nothing verified", 2, Box::new(process));
    let analyze = ["analyze", "--quiet", "--json"];
    let file = server.large_file();
    add(
        Group::Analyze,
        ANALYZE_URL,
        "flows, nothing stored",
        usize::MAX,
        ours(&[&analyze[..], &[&large(server.plain)]].concat()),
    );
    add(Group::Analyze, ANALYZE_FILE, "flows", usize::MAX, ours(&[&analyze[..], &[&file]].concat()));
    add(Group::Analyze, FETCH, "the file", usize::MAX, ours(&["fetch", "--quiet", &large(server.plain)]));
    all
}

/// A process for each file.
pub(super) const CURL_LOOP: &str = "curl in a loop, one by one";
