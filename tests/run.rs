//! Running the program.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use capkeep_testkit::{Packet, Pcap, Traffic, Truth, encode};

/// The program, with an environment that does not depend on where the tests run.
pub(crate) fn capkeep() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capkeep"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM", "POLARS_MAX_THREADS"] {
        command.env_remove(name);
    }
    command
}

/// Runs it to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    capkeep().args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A capture of 2,000 packets in 100 flows, and what is in it.
pub(crate) fn traffic() -> (Vec<u8>, Truth) {
    let mut packets = Traffic::mix(2_000, 100, 7).packets();
    let all: Vec<Packet> = packets.by_ref().collect();
    (encode(&mut Pcap::ETHERNET.clone(), &all), packets.truth().clone())
}

/// The same capture as a file.
pub(crate) fn traffic_in(folder: &Path) -> (PathBuf, Truth) {
    let (bytes, truth) = traffic();
    let path = folder.join("traffic.pcap");
    std::fs::write(&path, bytes).unwrap();
    (path, truth)
}
