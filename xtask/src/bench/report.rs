//! Samples to Markdown.

use std::{fmt::Write, time::Duration};

use super::{
    Run,
    files::{BEDS, Bed, CAPKEEP, CAPKEEP_1, CAPKEEP_ALL, TSHARK_EXPERT},
    measure::{Sample, median},
};

/// The whole report.
pub(crate) fn markdown(runs: &[Run], machine: &str, size: &dyn Fn(&Bed) -> u64, is_quick: bool) -> String {
    let mut out = String::from("# Benchmark\n\nMade by `cargo xtask bench");
    out.push_str(if is_quick { " --quick" } else { "" });
    out.push_str(
        "`: files with known truth, page cache warm, every command run in turn round after round. Medians; \
         the range of the wall time in brackets. Processor time is over all threads, packets per second are per \
         second of processor time.\n\n",
    );
    out.push_str(machine);
    out.push_str("\n## Goals\n\n| what | measured | goal | met |\n|---|--:|--:|---|\n");
    for goal in goals(runs) {
        // Writing into a string does not fail.
        let _ = writeln!(out, "{}", goal.row());
    }
    for bed in BEDS {
        let rows: Vec<_> = runs.iter().filter(|run| run.bed.name == bed.name).collect();
        if !rows.is_empty() {
            let _ = write!(out, "\n## {}\n\n`{}`, {} MB\n\n", bed.title, bed.name, size(bed) / 1_000_000);
            out.push_str("| tool | wall s | CPU s | M packets/s | peak MB | what it gives |\n");
            out.push_str("|---|--:|--:|--:|--:|---|\n");
            for run in rows {
                let _ = writeln!(out, "{}", row(run));
            }
        }
    }
    out.push_str("\n## Commands\n\n");
    let mut seen = Vec::new();
    for run in runs {
        if !seen.contains(&run.tool.name) {
            seen.push(run.tool.name);
            let _ = writeln!(out, "- {}: `{}`", run.tool.name, run.tool.line());
        }
    }
    out
}

fn row(run: &Run) -> String {
    let (name, gives) = (run.tool.name, run.tool.gives);
    let (Some(wall), Some(cpu), Some(peak)) = (run.wall(), run.cpu(), run.peak()) else {
        let reason = run.missing.as_deref().unwrap_or("not run");
        return format!("| {name} | {reason} | | | | {gives} |");
    };
    let seconds = |s: &Sample| s.wall.as_secs_f64();
    let low = run.samples.iter().map(seconds).fold(f64::INFINITY, f64::min);
    let high = run.samples.iter().map(seconds).fold(0.0, f64::max);
    let speed = run.bed.packets as f64 / cpu / 1e6;
    format!("| {name} | {wall:.3} ({low:.3}–{high:.3}) | {cpu:.3} | {speed:.2} | {peak:.0} | {gives} |")
}

impl Run {
    fn wall(&self) -> Option<f64> {
        median(self.samples.iter().map(|s| s.wall))
    }

    fn cpu(&self) -> Option<f64> {
        median(self.samples.iter().map(|s| s.cpu))
    }

    /// Median of the peaks, MB (10⁶ bytes).
    fn peak(&self) -> Option<f64> {
        median(self.samples.iter().map(|s| Duration::from_nanos(s.peak))).map(|seconds| seconds * 1e3)
    }
}

/// What is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    AtMost(f64),
    AtLeast(f64),
    /// Nothing: a number to know.
    None,
}

/// A number that is made of the medians.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) value: Option<f64>,
    pub(crate) unit: &'static str,
    pub(crate) aim: Aim,
}

impl Goal {
    /// A row of the table of goals.
    pub(crate) fn row(&self) -> String {
        let (aim, is_met) = match (self.aim, self.value) {
            (Aim::AtMost(most), value) => (format!("≤ {most}{}", self.unit), value.map(|v| v <= most)),
            (Aim::AtLeast(least), value) => (format!("≥ {least}{}", self.unit), value.map(|v| v >= least)),
            (Aim::None, _) => ("–".to_owned(), None),
        };
        let measured =
            self.value.map_or_else(|| "not available".to_owned(), |v| format!("{v:.2}{}", self.unit));
        let met = match is_met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        format!("| {} | {measured} | {aim} | {met} |", self.what)
    }
}

fn goals(runs: &[Run]) -> Vec<Goal> {
    let find = |tool: &str, bed: &str| runs.iter().find(|run| run.tool.name == tool && run.bed.name == bed);
    let wall = |tool, bed| find(tool, bed).and_then(Run::wall);
    let cpu = |tool, bed| find(tool, bed).and_then(Run::cpu);
    let peak = |bed| find(CAPKEEP, bed).and_then(Run::peak);
    let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let mut all = Vec::new();
    let mut goal = |what: &str, value, unit, aim| all.push(Goal { what: what.to_owned(), value, unit, aim });
    let mix = "mix.pcap";
    let ours = wall(CAPKEEP, mix);
    goal("wall of capkeep / capinfos, 1 M mix", ratio(ours, wall("capinfos", mix)), " ×", Aim::AtMost(0.75));
    for peer in ["argus", "softflowd"] {
        let what = format!("processor time per packet of {peer} / capkeep, 1 M mix");
        goal(&what, ratio(cpu(peer, mix), cpu(CAPKEEP, mix)), " ×", Aim::AtLeast(2.0));
    }
    let small = find(CAPKEEP_1, "minimum.pcap");
    let speed = small.and_then(|run| Some(run.bed.packets as f64 / run.cpu()? / 1e6));
    goal("64-byte packets per second of processor time, one thread", speed, " M/s", Aim::AtLeast(3.0));
    for (what, bed) in
        [("pcapng", "mix.pcapng"), ("nanoseconds", "mix-nanoseconds.pcap"), ("Network Monitor", "mix.cap")]
    {
        let what = format!("wall of {what} / pcap");
        goal(&what, ratio(wall(CAPKEEP, bed), ours), " ×", Aim::AtMost(1.3));
    }
    let gz = "mix.pcap.gz";
    goal("wall of capkeep on gzip / `gzip -dc`", ratio(wall(CAPKEEP, gz), wall("gzip", gz)), " ×", Aim::None);
    let long = "mix-10m.pcap";
    goal("wall of 10 M / 1 M packets", ratio(wall(CAPKEEP, long), ours), " ×", Aim::AtMost(11.5));
    goal(
        "wall of everything / flows alone, 1 M mix",
        ratio(wall(CAPKEEP_ALL, mix), ours),
        " ×",
        Aim::AtMost(1.6),
    );
    goal(
        "processor time of tshark with expert information / capkeep with everything, 1 M mix",
        ratio(cpu(TSHARK_EXPERT, mix), cpu(CAPKEEP_ALL, mix)),
        " ×",
        Aim::AtLeast(10.0),
    );
    goal("peak, 1 M packets", peak(mix), " MB", Aim::AtMost(200.0));
    goal("peak of 10 M / 1 M packets", ratio(peak(long), peak(mix)), " ×", Aim::AtMost(1.2));
    goal("peak, 1 M flows alive at once", peak("live.pcap"), " MB", Aim::AtMost(600.0));
    let everything = |bed| find(CAPKEEP_ALL, bed).and_then(Run::peak);
    goal("peak of everything, 1 M packets", everything(mix), " MB", Aim::AtMost(200.0));
    let what = "peak of everything, 10 M / 1 M packets";
    goal(what, ratio(everything(long), everything(mix)), " ×", Aim::AtMost(1.2));
    goal("peak of everything, 1 M flows alive at once", everything("live.pcap"), " MB", Aim::AtMost(600.0));
    all
}

#[cfg(test)]
mod tests {
    use super::{Aim, Goal};

    #[test]
    fn a_goal_says_whether_it_is_met() {
        let row = |value, aim| Goal { what: "x".to_owned(), value, unit: " ×", aim }.row();
        assert_eq!(row(Some(1.0), Aim::AtMost(2.0)), "| x | 1.00 × | ≤ 2 × | yes |");
        assert_eq!(row(Some(1.0), Aim::AtLeast(2.0)), "| x | 1.00 × | ≥ 2 × | **no** |");
        assert_eq!(row(None, Aim::AtLeast(2.0)), "| x | not available | ≥ 2 × | – |");
        assert_eq!(row(Some(1.0), Aim::None), "| x | 1.00 × | – | – |");
    }
}
