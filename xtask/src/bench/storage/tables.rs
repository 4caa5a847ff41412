//! Samples to Markdown.

use std::fmt::Write;

use super::{
    kill::Killed,
    orphans::{CAPTURES, FILES, Orphans},
    rows::{
        ANALYZE_FILE, ANALYZE_URL, AZCOPY, CURL, CURL_EACH, CURL_LOOP, FETCH, FETCH_1, FETCH_16, GROUPS,
        Group, Row,
    },
};
use crate::bench::{
    measure::Sample,
    report::{Aim, Goal},
};

/// The whole report.
pub(super) fn markdown(
    rows: &[Row],
    killed: &[Killed],
    orphans: Option<&Orphans>,
    bytes: u64,
    machine: &str,
) -> String {
    let mut out = String::from(
        "# Benchmark of storage\n\nMade by `cargo xtask bench-storage`: nginx on the same machine, page cache warm, every \
         command run in turn round after round into an empty folder. Medians; the range of the wall time in brackets. \
         Processor time is over all threads of the command, without the server's.\n\n",
    );
    out.push_str(machine);
    let _ = writeln!(out, "- large file: {bytes} bytes, a capture");
    out.push_str("\n## Goals\n\n| what | measured | goal | met |\n|---|--:|--:|---|\n");
    for goal in goals(rows, killed, orphans, bytes) {
        // Writing into a string does not fail.
        let _ = writeln!(out, "{}", goal.row());
    }
    for (group, title) in GROUPS {
        let of_group: Vec<_> = rows.iter().filter(|row| row.group == *group).collect();
        if !of_group.is_empty() {
            let _ = write!(
                out,
                "\n## {title}\n\n| command | wall s | CPU s | peak MB | besides |\n|---|--:|--:|--:|---|\n"
            );
            for row in of_group {
                let _ = writeln!(out, "{}", line(row));
            }
        }
    }
    if !killed.is_empty() {
        out.push_str("\n## Killed and run again\n\n");
        out.push_str("Bytes that the server sent, to the last one in its buffers, by its log.\n\n");
        out.push_str("| killed after s | first run MB | second run MB | both / file |\n|--:|--:|--:|--:|\n");
        for one in killed {
            let (first, second) = (one.first as f64 / 1e6, one.second as f64 / 1e6);
            let seconds = one.after.as_secs_f64();
            let _ = writeln!(out, "| {seconds:.2} | {first:.0} | {second:.0} | {:.3} |", both(one, bytes));
        }
    }
    if let Some(orphans) = orphans {
        let _ = write!(
            out,
            "\n## Listing orphans\n\n`capkeep orphans list --all --json`, {FILES} capture files, {CAPTURES} captures, from a stand-in for \
             account and Resource Manager.\n\n"
        );
        match (orphans.wall(), orphans.cpu(), orphans.peak(), &orphans.missing) {
            (Some(wall), Some(cpu), Some(peak), None) => {
                let server = orphans.server.as_secs_f64();
                out.push_str("| wall s | CPU s | CPU s of the server | peak MB |\n|--:|--:|--:|--:|\n");
                let _ = writeln!(out, "| {wall:.2} | {cpu:.2} | {server:.2} | {peak:.0} |");
            }
            (_, _, _, why) => {
                let _ = writeln!(out, "Not measured: {}", why.as_deref().unwrap_or("not run"));
            }
        }
    }
    out
}

fn both(one: &Killed, bytes: u64) -> f64 {
    (one.first + one.second) as f64 / bytes as f64
}

fn line(row: &Row) -> String {
    let (name, gives) = (row.name, row.gives);
    let (Some(wall), Some(cpu), Some(peak)) = (row.wall(), row.cpu(), row.peak()) else {
        let reason = row.missing.as_deref().unwrap_or("not run");
        return format!("| {name} | {reason} | | | {gives} |");
    };
    let seconds = |sample: &Sample| sample.wall.as_secs_f64();
    let low = row.samples.iter().map(seconds).fold(f64::INFINITY, f64::min);
    let high = row.samples.iter().map(seconds).fold(0.0, f64::max);
    format!("| {name} | {wall:.3} ({low:.3}–{high:.3}) | {cpu:.3} | {peak:.0} | {gives} |")
}

fn goals(rows: &[Row], killed: &[Killed], orphans: Option<&Orphans>, bytes: u64) -> Vec<Goal> {
    let find = |group: Group, name: &str| rows.iter().find(|row| row.group == group && row.name == name);
    let wall = |group, name| find(group, name).and_then(Row::wall);
    let ratio = |a: Option<f64>, b: Option<f64>| Some(a? / b?);
    let mut all = Vec::new();
    let mut goal = |what: &str, value, unit, aim| all.push(Goal { what: what.to_owned(), value, unit, aim });
    let of = |group, name, other| ratio(wall(group, name), wall(group, other));
    goal("wall of capkeep / curl, 1 GiB over http", of(Group::Plain, FETCH, CURL), " ×", Aim::AtMost(0.7));
    goal("wall of capkeep / curl, 1 GiB over TLS", of(Group::Tls, FETCH, CURL), " ×", Aim::AtMost(0.8));
    for (what, group) in [
        ("wall of azcopy / capkeep, 1 GiB over http", Group::Plain),
        ("wall of azcopy / capkeep, 1 GiB over TLS", Group::Tls),
        ("wall of azcopy / capkeep, 1 GiB with an MD5, which no two cores can share", Group::Md5),
    ] {
        goal(what, of(group, AZCOPY, FETCH), " ×", Aim::AtLeast(4.0));
    }
    let peaks = rows.iter().filter(|row| row.name.starts_with(FETCH)).filter_map(Row::peak);
    goal("peak of capkeep fetch, the largest of all", peaks.reduce(f64::max), " MB", Aim::AtMost(48.0));
    let capped = of(Group::Slow, CURL, FETCH_16);
    goal("wall of curl / capkeep with 16 connections, each capped", capped, " ×", Aim::AtLeast(10.0));
    let worst = killed.iter().map(|one| both(one, bytes)).reduce(f64::max);
    goal("transferred by both runs after a kill / file, the worst", worst, " ×", Aim::AtMost(1.05));
    for (group, what, aim) in [
        (Group::Small, "2,000 files", Aim::None),
        (Group::Away, "2,000 files from 10 ms away", Aim::AtLeast(5.0)),
    ] {
        let one = of(group, FETCH_1, FETCH);
        goal(&format!("wall of one connection / capkeep, {what}"), one, " ×", aim);
        let curl = of(group, CURL_EACH, FETCH);
        goal(&format!("wall of curl with one connection / capkeep, {what}"), curl, " ×", aim);
    }
    let looped = of(Group::Small, CURL_LOOP, FETCH);
    goal("wall of curl in a loop / capkeep, 2,000 files", looped, " ×", Aim::AtLeast(5.0));
    let slower = wall(Group::Analyze, ANALYZE_FILE).zip(wall(Group::Analyze, FETCH)).map(|(a, b)| a.max(b));
    let speed = ratio(slower, wall(Group::Analyze, ANALYZE_URL));
    goal("speed of analyze in storage / the slower of fetch and analyze", speed, " ×", Aim::AtLeast(0.9));
    let listing = orphans.and_then(Orphans::wall);
    goal("orphans list, wall", listing, " s", Aim::None);
    goal(
        "orphans list, wall without the server's processor time",
        orphans.and_then(Orphans::beside_server),
        " s",
        Aim::AtMost(10.0),
    );
    goal("orphans list, peak", orphans.and_then(Orphans::peak), " MB", Aim::AtMost(200.0));
    all
}
