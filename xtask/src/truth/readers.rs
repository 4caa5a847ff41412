//! The programs that count.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{bench::machine::first_line, root, target_directory, test::apt};

/// What a reader counts in a capture; `None` for what it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) again: Option<u64>,
    pub(crate) late: Option<u64>,
    /// Of those, the ones that it is not sure of.
    pub(crate) unsure: Option<u64>,
    pub(crate) copies: Option<u64>,
}

/// A program that counts.
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// Debian packages it comes in.
    packages: &'static [&'static str],
    /// As one would type it.
    pub(crate) line: &'static str,
    count: fn(&Path, &Path, &Path) -> Result<Counts>,
}

/// All of them; capkeep first.
pub(crate) const READERS: &[Reader] = &[
    Reader {
        name: "capkeep",
        packages: &[],
        line: "cargo run --package capkeep-flow --example tcp_health FILE",
        count: |file, capkeep, _| Ok(ours(&output(Command::new(capkeep).arg(file))?)),
    },
    Reader {
        name: "tshark",
        packages: &["tshark"],
        line: "tshark -n -q -r FILE -z io,stat,0,COUNT(tcp.analysis.retransmission)…,COUNT(tcp.analysis.out_of_order)…",
        count: |file, _, _| {
            const STATISTIC: &str = "io,stat,0,COUNT(tcp.analysis.retransmission)tcp.analysis.retransmission,\
                COUNT(tcp.analysis.out_of_order)tcp.analysis.out_of_order";
            Ok(tshark(&output(Command::new("tshark").args(["-n", "-q", "-z", STATISTIC, "-r"]).arg(file))?))
        },
    },
    Reader {
        name: "tcptrace",
        packages: &["tcptrace"],
        line: "tcptrace -n -l FILE",
        count: |file, _, _| Ok(tcptrace(&output(Command::new("tcptrace").args(["-n", "-l"]).arg(file))?)),
    },
    Reader {
        name: "argus",
        packages: &["argus-server", "argus-client"],
        line: "argus -X -r FILE -w OUT; ra -X -n -r OUT -s loss - tcp",
        count: |file, _, folder| {
            let out = folder.join("argus.out");
            output(Command::new("argus").arg("-X").arg("-r").arg(file).arg("-w").arg(&out))?;
            let mut ra = Command::new("ra");
            ra.args(["-X", "-n", "-r"]).arg(&out).args(["-s", "loss", "-", "tcp"]);
            let text = output(&mut ra);
            std::fs::remove_file(&out)?;
            Ok(Counts { again: Some(numbers(&text?).sum()), ..Counts::default() })
        },
    },
];

impl Reader {
    /// What it counts in `file`.
    pub(crate) fn count(&self, file: &Path, capkeep: &Path, folder: &Path) -> Result<Counts> {
        (self.count)(file, capkeep, folder)
    }

    /// Its version, as its package or the repository says.
    pub(crate) fn version(&self) -> String {
        match self.packages.first() {
            Some(package) => first_line("dpkg-query", &["-W", "-f=${Version}", package]),
            None => first_line("git", &["describe", "--always", "--dirty"]),
        }
    }
}

/// Installs what is missing; what cannot be installed is a column without numbers.
pub(crate) fn install() {
    let is_missing = |package: &&&str| {
        let status = first_line("dpkg-query", &["-W", "-f=${Status}", package]);
        !status.ends_with(" installed")
    };
    let missing: Vec<_> =
        READERS.iter().flat_map(|reader| reader.packages).filter(is_missing).copied().collect();
    if !missing.is_empty() && !apt(&missing) {
        eprintln!("{} cannot be installed and will be left out", missing.join(", "));
    }
}

/// Builds what counts for capkeep, and says where it is.
pub(crate) fn build() -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--package", "capkeep-flow", "--example", "tcp_health"])
        .current_dir(root())
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the example tcp_health does not build: {status}");
    }
    Ok(target_directory().join("debug/examples/tcp_health"))
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if !done.status.success() {
        bail!("{name} failed: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Whole numbers that stand alone.
fn numbers(text: &str) -> impl Iterator<Item = u64> + '_ {
    text.split_whitespace().filter_map(|word| word.parse().ok())
}

/// `{"name":1,…}`
fn ours(json: &str) -> Counts {
    let value = |name: &str| {
        let (_, rest) = json.split_once(&format!("\"{name}\":"))?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Counts {
        again: value("retransmissions"),
        late: value("out_of_order"),
        unsure: value("ambiguous"),
        copies: value("copies"),
    }
}

/// The one row with an interval: `|  0.0 <> 119.6 |     3 |     0 |`
fn tshark(table: &str) -> Counts {
    let row = table.lines().find(|line| line.contains("<>")).unwrap_or_default();
    let mut cells = row.split('|').skip(2).map(|cell| cell.trim().parse().ok());
    Counts { again: cells.next().flatten(), late: cells.next().flatten(), ..Counts::default() }
}

/// `rexmt data pkts:  0   rexmt data pkts:  2`, for each connection.
fn tcptrace(report: &str) -> Counts {
    let sum = |what: &str| Some(report.lines().filter(|line| line.contains(what)).flat_map(numbers).sum());
    Counts { again: sum("rexmt data pkts:"), late: sum("outoforder pkts:"), ..Counts::default() }
}

#[cfg(test)]
mod tests {
    use super::{Counts, ours, tcptrace, tshark};

    #[test]
    fn reports_are_understood() {
        let json = r#"{"data_segments":9,"retransmissions":3,"fast_retransmissions":1,"out_of_order":4,"ambiguous":2,"copies":0}"#;
        let all = Counts { again: Some(3), late: Some(4), unsure: Some(2), copies: Some(0) };
        assert_eq!(ours(json), all);
        let two = Counts { unsure: None, copies: None, ..all };
        assert_eq!(tshark("| Interval | COUNT |\n|   0.0 <> 119.6 |     3 |     4 |\n"), two);
        let report = "  rexmt data pkts:  1    rexmt data pkts:   2\n  rexmt data bytes: 9  rexmt data bytes: 9\n\
            outoforder pkts: 4 outoforder pkts: 0\n";
        assert_eq!(tcptrace(report), two);
    }
}
