//! What is measured: capkeep and its peers.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::files::{CAPKEEP, CAPKEEP_1, CAPKEEP_ALL, CAPKEEP_PARQUET, TSHARK_EXPERT};

/// Seconds after which a slow command is given up (chosen: ten times what the slowest peer took).
const LONGEST_S: u32 = 120;

/// A command that reads a capture file.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// Name, unique.
    pub(crate) name: &'static str,
    /// Program, by name or path.
    program: &'static str,
    /// Path of the program, where it is not to be searched for.
    path: Option<PathBuf>,
    /// Arguments; `FILE` stands for the capture, `OUT` for a folder to write to.
    arguments: &'static [&'static str],
    /// Debian package it comes in.
    package: &'static str,
    /// What it gives.
    pub(crate) gives: &'static str,
    /// Exit code other than 0 that means success, too.
    pub(crate) also_fine: i32,
    /// Measured once, and left out when it has to be quick.
    pub(crate) is_slow: bool,
}

const PEER: Tool = Tool {
    name: "",
    program: "",
    path: None,
    arguments: &[],
    package: "",
    gives: "",
    also_fine: 0,
    is_slow: false,
};

/// The peers, as Debian packages them.
pub(crate) const PEERS: &[Tool] = &[
    Tool {
        name: "capinfos",
        program: "capinfos",
        arguments: &["-csuea", "FILE"],
        package: "wireshark-common",
        gives: "counts packets, no flows",
        ..PEER
    },
    Tool {
        name: "tcpdump",
        program: "tcpdump",
        arguments: &["-r", "FILE", "-w", "/dev/null"],
        package: "tcpdump",
        gives: "reads only",
        ..PEER
    },
    Tool {
        name: "gzip",
        program: "gzip",
        arguments: &["-dc", "FILE"],
        package: "gzip",
        gives: "decompresses only",
        ..PEER
    },
    Tool {
        name: "softflowd",
        program: "softflowd",
        arguments: &[
            "-d",
            "-v",
            "9",
            "-n",
            "127.0.0.1:9",
            "-p",
            "OUT/softflowd.pid",
            "-c",
            "none",
            "-r",
            "FILE",
        ],
        package: "softflowd",
        gives: "NetFlow v9, at most 8,192 flows at a time",
        ..PEER
    },
    Tool {
        name: "nfpcapd",
        program: "nfpcapd",
        arguments: &["-w", "OUT", "-r", "FILE"],
        package: "nfdump",
        gives: "one-directional flows",
        ..PEER
    },
    Tool {
        name: "argus",
        program: "argus",
        arguments: &["-X", "-r", "FILE", "-w", "/dev/null"],
        package: "argus-server",
        gives: "flows, loss, round trips",
        ..PEER
    },
    Tool {
        name: "tcptrace",
        program: "tcptrace",
        arguments: &["-n", "-l", "FILE"],
        package: "tcptrace",
        gives: "TCP only",
        is_slow: true,
        ..PEER
    },
    Tool {
        name: "ndpiReader",
        program: "ndpiReader",
        arguments: &["-q", "-i", "FILE"],
        package: "libndpi-bin",
        gives: "flows, protocol",
        is_slow: true,
        ..PEER
    },
    Tool {
        name: "tshark",
        program: "tshark",
        arguments: &["-n", "-q", "-z", "conv,tcp", "-r", "FILE"],
        package: "tshark",
        gives: "TCP conversations",
        is_slow: true,
        ..PEER
    },
    Tool {
        name: TSHARK_EXPERT,
        program: "tshark",
        arguments: &["-n", "-q", "-z", "conv,tcp", "-z", "expert", "-r", "FILE"],
        package: "tshark",
        gives: "TCP conversations, expert information",
        is_slow: true,
        ..PEER
    },
];

/// The rows of capkeep, whose binary is at `path`. Exit code 1 means that something was found.
pub(crate) fn capkeep(path: &Path) -> [Tool; 4] {
    let row = |name, gives, arguments| Tool {
        name,
        program: "capkeep",
        path: Some(path.to_owned()),
        arguments,
        gives,
        also_fine: 1,
        ..PEER
    };
    [
        row(
            CAPKEEP_ALL,
            "exact flows, TCP health, applications, findings",
            &["analyze", "--quiet", "--json", "--threads", "2", "FILE"],
        ),
        row(
            CAPKEEP,
            "exact flows",
            &["analyze", "--quiet", "--json", "--no-health", "--threads", "2", "FILE"],
        ),
        row(
            CAPKEEP_1,
            "exact flows",
            &["analyze", "--quiet", "--json", "--no-health", "--threads", "1", "FILE"],
        ),
        row(
            CAPKEEP_PARQUET,
            "exact flows, every flow in a file",
            &[
                "analyze",
                "--quiet",
                "--json",
                "--no-health",
                "--threads",
                "2",
                "--flows",
                "OUT/flows.parquet",
                "FILE",
            ],
        ),
    ]
}

impl Tool {
    /// The command that reads `file` and may write to `out`, its output thrown away.
    pub(crate) fn command(&self, file: &Path, out: &Path) -> Command {
        let program = self.path.as_deref().unwrap_or(Path::new(self.program));
        let mut command = if self.is_slow {
            // What `timeout` uses itself is lost in what a slow command uses.
            let mut command = Command::new("timeout");
            command.arg(LONGEST_S.to_string()).arg(program);
            command
        } else {
            Command::new(program)
        };
        for argument in self.arguments {
            command.arg(
                argument.replace("FILE", &file.to_string_lossy()).replace("OUT", &out.to_string_lossy()),
            );
        }
        command.current_dir(out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The command as one would type it.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.program, self.arguments.join(" "))
    }

    /// Why it cannot be run; `None` where it can.
    pub(crate) fn missing(&self) -> Option<String> {
        let is_there = match &self.path {
            Some(path) => path.is_file(),
            None => is_installed(self.program),
        };
        (!is_there).then(|| "not available".to_owned())
    }

    /// Version as its package says, `None` for what is in no package.
    pub(crate) fn version(&self) -> Option<String> {
        let output = Command::new("dpkg-query").args(["-W", "-f=${Version}", self.package]).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success() && !text.is_empty()).then_some(text)
    }
}

/// True where a program of that name is on the search path.
fn is_installed(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Installs the peers that are missing, each for itself: one that is in no repository does not keep the others out.
/// What cannot be installed is a row "not available".
pub(crate) fn install() {
    let mut is_updated = false;
    for tool in PEERS.iter().filter(|tool| !is_installed(tool.program)) {
        let apt = |arguments: &[&str]| {
            Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        };
        if !is_updated {
            is_updated = true;
            apt(&["update"]);
        }
        eprintln!("installing {}", tool.package);
        if !apt(&["install", "-y", "--no-install-recommends", tool.package]) {
            eprintln!("{} cannot be installed; {} will be left out", tool.package, tool.name);
        }
    }
}
