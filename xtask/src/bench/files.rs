//! The files that are measured on.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::generate::truth_path;

/// A generated file.
pub(crate) struct Bed {
    /// Name, also of the file.
    pub(crate) name: &'static str,
    /// Heading in the results.
    pub(crate) title: &'static str,
    /// Packets in it.
    pub(crate) packets: u64,
    /// What `cargo xtask gen` is told besides packets and output.
    generate: &'static [&'static str],
    /// Tools that run on it, by name.
    pub(crate) tools: &'static [&'static str],
    /// Left out when it has to be quick.
    pub(crate) is_slow: bool,
}

/// capkeep with two threads, everything on.
pub(crate) const CAPKEEP_ALL: &str = "capkeep, 2 threads";
/// capkeep with two threads, flows alone as the peers: the row that most ratios are made of.
pub(crate) const CAPKEEP: &str = "capkeep --no-health, 2 threads";
/// The same with one thread.
pub(crate) const CAPKEEP_1: &str = "capkeep --no-health, 1 thread";
/// The same with two threads and a table of flows in Parquet.
pub(crate) const CAPKEEP_PARQUET: &str = "capkeep --no-health, 2 threads, --flows x.parquet";
/// tshark with what comes nearest to TCP health.
pub(crate) const TSHARK_EXPERT: &str = "tshark, expert";

/// All files, in the order of the results.
pub(crate) const BEDS: &[Bed] = &[
    Bed {
        name: "mix.pcap",
        title: "1 M packets, 50 k flows, pcap",
        packets: 1_000_000,
        generate: &["mix", "--flows", "50000"],
        tools: &[
            CAPKEEP_ALL,
            CAPKEEP,
            CAPKEEP_1,
            CAPKEEP_PARQUET,
            "capinfos",
            "tcpdump",
            "softflowd",
            "nfpcapd",
            "argus",
            "tcptrace",
            "ndpiReader",
            "tshark",
            TSHARK_EXPERT,
        ],
        is_slow: false,
    },
    Bed {
        name: "mix.pcapng",
        title: "The same in pcapng",
        packets: 1_000_000,
        generate: &["mix", "--flows", "50000", "--format", "pcapng"],
        tools: &[CAPKEEP, "capinfos"],
        is_slow: false,
    },
    Bed {
        name: "mix-nanoseconds.pcap",
        title: "The same in pcap with nanoseconds",
        packets: 1_000_000,
        generate: &["mix", "--flows", "50000", "--format", "nsec"],
        tools: &[CAPKEEP, "capinfos"],
        is_slow: false,
    },
    Bed {
        name: "mix.cap",
        title: "The same in Network Monitor 2.1",
        packets: 1_000_000,
        generate: &["mix", "--flows", "50000", "--format", "netmon2"],
        tools: &[CAPKEEP, "capinfos"],
        is_slow: false,
    },
    Bed {
        name: "mix.pcap.gz",
        title: "The same in pcap, gzip",
        packets: 1_000_000,
        generate: &["mix", "--flows", "50000", "--gzip"],
        tools: &[CAPKEEP, "gzip", "capinfos"],
        is_slow: false,
    },
    Bed {
        name: "minimum.pcap",
        title: "2 M packets of 64 bytes, 100 k flows, pcap",
        packets: 2_000_000,
        generate: &["minimum", "--flows", "100000"],
        tools: &[CAPKEEP, CAPKEEP_1, "capinfos", "softflowd", "argus"],
        is_slow: false,
    },
    Bed {
        name: "live.pcap",
        title: "1 M flows alive at once, 2.5 M packets, pcap",
        packets: 2_500_000,
        generate: &["live", "--flows", "1000000"],
        tools: &[CAPKEEP_ALL, CAPKEEP, "capinfos"],
        is_slow: false,
    },
    Bed {
        name: "mix-10m.pcap",
        title: "10 M packets, 500 k flows, as many alive at once as in 1 M, pcap",
        packets: 10_000_000,
        generate: &["mix", "--flows", "500000"],
        tools: &[CAPKEEP_ALL, CAPKEEP, "capinfos"],
        is_slow: true,
    },
];

impl Bed {
    /// Where the file lies.
    pub(crate) fn path(&self, directory: &Path) -> PathBuf {
        directory.join(self.name)
    }

    /// Writes the file, unless it is there and younger than this program, and reads it once so that the page cache
    /// holds it.
    ///
    /// Another process generates it: a child's peak memory counts from its parent's, so this one has to stay small.
    pub(crate) fn make(&self, directory: &Path) -> Result<()> {
        let (path, program) = (self.path(directory), env::current_exe().context("who am I")?);
        let time = |path: &Path| fs::metadata(path).and_then(|m| m.modified()).ok();
        // The truth is written last, so it says that the file is whole.
        if time(&truth_path(&path)) <= time(&program) {
            eprintln!("making {}", path.display());
            let status = Command::new(program)
                .arg("gen")
                .args(self.generate)
                .args(["--packets", &self.packets.to_string(), "-o"])
                .arg(&path)
                .status()?;
            if !status.success() {
                bail!("cannot make {}: {status}", path.display());
            }
        }
        let status = Command::new("cat").arg(&path).stdout(std::process::Stdio::null()).status()?;
        if !status.success() {
            bail!("cannot read {}: {status}", path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::BEDS;
    use crate::bench::tools;

    #[test]
    fn every_tool_named_exists() {
        let ours = tools::capkeep(std::path::Path::new("capkeep"));
        for bed in BEDS {
            for name in bed.tools {
                assert!(ours.iter().chain(tools::PEERS).any(|tool| tool.name == *name), "{name}");
            }
        }
    }
}
