//! Where and when it was measured.

use std::{fs, path::Path, process::Command};

use super::tools::PEERS;

/// The peers that read captures, with their versions.
pub(crate) fn peers() -> String {
    let peers: Vec<_> =
        PEERS.iter().filter_map(|tool| Some(format!("{} {}", tool.name, tool.version()?))).collect();
    peers.join(", ")
}

/// Lines of Markdown: date, machine, kernel, versions.
pub(crate) fn describe(capkeep: &Path, peers: &str) -> String {
    let lines = [
        ("date", first_line("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        ("processor", format!("{}, {} in use", processor(), first_line("nproc", &[]))),
        ("memory", memory()),
        ("load before (1, 5, 15 minutes)", load()),
        ("kernel", first_line("uname", &["-sr"])),
        ("capkeep", first_line(&capkeep.to_string_lossy(), &["--version"])),
        ("commit", first_line("git", &["describe", "--always", "--dirty"])),
        ("compiler", first_line("rustc", &["--version"])),
        ("peers", peers.to_owned()),
    ];
    lines.map(|(what, is)| format!("- {what}: {is}\n")).concat()
}

/// First line that a command prints.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> String {
    Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .and_then(|output| String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

fn memory() -> String {
    let kib = field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    kib.map_or_else(|| "unknown".to_owned(), |kib| format!("{} GB", kib * 1024 / 1_000_000_000))
}
