//! `cargo xtask fuzz`: every fuzz target for a while.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::root;

mod said;
mod seeds;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Seconds for each target
    #[arg(value_name = "SECONDS")]
    seconds: u64,
    /// Targets [default: all of them]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Keep what was reached: a small set of inputs that goes as far takes the place of fuzz/corpus
    #[arg(long)]
    keep: bool,
}

/// A fuzz target.
struct Target {
    name: &'static str,
    /// Longest input, in bytes. Chosen: what the target does with a longer one takes too long, or is the same again.
    max_len: usize,
    /// Inputs to start with, beside the corpus.
    seeds: fn() -> Vec<Vec<u8>>,
}

const TARGETS: &[Target] = &[
    Target { name: "pcap", max_len: 32_768, seeds: || seeds::files(&["pcap"]) },
    Target { name: "pcapng", max_len: 32_768, seeds: || seeds::files(&["pcapng"]) },
    Target { name: "netmon", max_len: 32_768, seeds: || seeds::files(&["cap"]) },
    Target { name: "snoop", max_len: 32_768, seeds: || seeds::files(&["snoop"]) },
    Target { name: "compressed", max_len: 16_384, seeds: seeds::compressed },
    Target { name: "decode", max_len: 512, seeds: seeds::packets },
    Target { name: "flows", max_len: 32_768, seeds: || seeds::files(&["pcap", "pcapng", "cap", "snoop"]) },
    Target { name: "filter", max_len: 512, seeds: seeds::filters },
    Target { name: "dns", max_len: 4096, seeds: said::dns },
    Target { name: "tls", max_len: 8192, seeds: said::tls },
    Target { name: "quic", max_len: 4096, seeds: said::quic },
    Target { name: "http", max_len: 4096, seeds: said::http },
    Target { name: "banners", max_len: 4096, seeds: said::banners },
    Target { name: "pieces", max_len: 8192, seeds: said::pieces },
];

/// Longest input that is kept, in bytes (chosen: all corpora together stay below a megabyte).
const KEPT_LEN: usize = 2048;

/// Most resident memory of a target, in MB (chosen: a reader is bounded by some 300, the sanitizer takes its share).
const MEMORY_MB: u64 = 2048;

/// Longest time for one input, in seconds (chosen: a thousand times what a slow one takes).
const TIMEOUT_S: u64 = 20;

/// Runs the targets one after the other and prints a line for each; exit code 1 if one of them found something.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    for name in &arguments.targets {
        let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        ensure!(known.contains(&name.as_str()), "no target {name:?}: there are {}", known.join(", "));
    }
    install()?;
    ensure!(cargo_fuzz("build", &[]).status()?.success(), "the fuzz targets could not be built");
    let mut has_findings = false;
    for target in TARGETS {
        if arguments.targets.is_empty() || arguments.targets.iter().any(|name| name == target.name) {
            has_findings |= !fuzz(target, arguments)?;
        }
    }
    Ok(if has_findings { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Installs cargo-fuzz where it is missing.
fn install() -> Result<()> {
    let is_there = Command::new("cargo").args(["fuzz", "--version"]).output();
    if is_there.is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    let status = Command::new("cargo").args(["install", "--locked", "cargo-fuzz"]).status()?;
    ensure!(status.success(), "cargo-fuzz could not be installed");
    Ok(())
}

/// `cargo fuzz COMMAND` with the toolchain at hand: what it needs of the compiler is there in a stable one too.
///
/// The profile of `fuzz/Cargo.toml` has debug assertions, so `--release` has them here.
fn cargo_fuzz(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["fuzz", command, "--release"]).args(arguments);
    cargo.current_dir(root().join("fuzz")).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("CARGO_TARGET_DIR", target_directory());
    cargo
}

/// Where the targets are built.
fn target_directory() -> PathBuf {
    // A relative one counts from where cargo xtask runs.
    root().join(env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("fuzz/target"), PathBuf::from))
}

/// Runs a target; false if it found something.
fn fuzz(target: &Target, arguments: &Arguments) -> Result<bool> {
    let name = target.name;
    let corpus = root().join("fuzz/corpus").join(name);
    let folder = target_directory().join("fuzzing").join(name);
    let seeds = write_seeds(&folder.join("seeds"), &(target.seeds)())?;
    let found = folder.join("found");
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&corpus)?;
    let log = folder.join("log");

    let mut command = cargo_fuzz("run", &[name]);
    // What is found goes to the first folder, the others are read.
    command.args([&found, &corpus, &seeds]).args([
        "--".to_owned(),
        format!("-max_total_time={}", arguments.seconds),
        format!("-rss_limit_mb={MEMORY_MB}"),
        format!("-timeout={TIMEOUT_S}"),
        format!("-max_len={}", target.max_len),
        "-print_final_stats=1".to_owned(),
    ]);
    let dictionary = root().join(format!("fuzz/dictionaries/{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // NetMon captures that come as a stream are copied to a temporary file, thousands of them in a second.
    if Path::new("/dev/shm").is_dir() {
        command.env("TMPDIR", "/dev/shm");
    }
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = command.stdout(Stdio::null()).stderr(file).status()?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    println!("{}", summary(name, &text, status.success()));
    if !status.success() {
        let tail: Vec<&str> = text.lines().rev().take(60).collect();
        for line in tail.iter().rev() {
            println!("    {line}");
        }
        return Ok(false);
    }
    if arguments.keep {
        keep(target, &corpus, &found, &seeds)?;
    }
    Ok(true)
}

fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("{number:04}")), seed)?;
    }
    Ok(folder.to_owned())
}

/// Puts a small set of inputs that reaches as far as all of them into the corpus. How often a place is reached does
/// not count here, and long inputs are cut.
fn keep(target: &Target, corpus: &Path, found: &Path, seeds: &Path) -> Result<()> {
    let kept = found.with_file_name("kept");
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    fs::create_dir_all(&kept)?;
    let mut command = cargo_fuzz("run", &[target.name]);
    command.args([&kept, corpus, found, seeds]).args([
        "--".to_owned(),
        "-set_cover_merge=1".to_owned(),
        "-use_counters=0".to_owned(),
        format!("-max_len={}", target.max_len.min(KEPT_LEN)),
        format!("-rss_limit_mb={MEMORY_MB}"),
    ]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "the corpus of {} could not be made smaller", target.name);
    fs::remove_dir_all(corpus)?;
    fs::create_dir_all(corpus)?;
    for entry in fs::read_dir(&kept)? {
        let path = entry?.path();
        fs::copy(&path, corpus.join(path.file_name().context("a file without a name")?))?;
    }
    Ok(())
}

/// One line: runs, coverage, corpus.
fn summary(name: &str, log: &str, is_good: bool) -> String {
    let stat = |label: &str| {
        let line = log.lines().rev().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(label));
        line.map_or("?", |rest| rest.trim_start_matches(':').trim())
    };
    let status =
        log.lines().rev().find(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or("");
    let field = |label: &str| {
        let mut words = status.split_whitespace().skip_while(|word| *word != label);
        words.nth(1).unwrap_or("?")
    };
    format!(
        "{name:<10} {:>10} runs {:>7}/s  coverage {:>5}  corpus {:>12}  memory {:>4} MB  {}",
        stat("number_of_executed_units"),
        stat("average_exec_per_sec"),
        field("cov:"),
        field("corp:"),
        stat("peak_rss_mb"),
        if is_good { "no findings" } else { "FOUND SOMETHING:" },
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{TARGETS, summary};
    use crate::root;

    #[test]
    fn the_list_of_targets_is_that_of_the_folder() {
        let files: BTreeSet<String> = std::fs::read_dir(root().join("fuzz/fuzz_targets"))
            .unwrap()
            .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
            .collect();
        assert_eq!(files, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    }

    #[test]
    fn every_target_has_seeds_that_it_takes_whole() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(seeds.len() >= 2, "{} has {} seeds", target.name, seeds.len());
            let longest = seeds.iter().map(Vec::len).max().unwrap_or_default();
            assert!(longest <= target.max_len, "{} has a seed of {longest} bytes", target.name);
        }
    }

    #[test]
    fn a_log_becomes_a_line() {
        let log = "#2\tINITED cov: 7 ft: 8 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                   #100\tDONE   cov: 854 ft: 1782 corp: 145/159Kb lim: 48236 exec/s: 41 rss: 177Mb\n\
                   stat::number_of_executed_units: 100\n\
                   stat::average_exec_per_sec:     41\n\
                   stat::peak_rss_mb:              177\n";
        let line = summary("pcap", log, true);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(
            words.join(" "),
            "pcap 100 runs 41/s coverage 854 corpus 145/159Kb memory 177 MB no findings"
        );
    }
}
