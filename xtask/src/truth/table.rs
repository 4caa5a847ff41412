//! Rows to Markdown.

use std::fmt::Write;

use super::{Row, readers::READERS};
use crate::bench::machine::first_line;

/// The whole page.
pub(crate) fn markdown(rows: &[Row], seed: u64) -> String {
    let mut out = String::from(
        "# What happened, and what is counted\n\n\
         Made by `cargo xtask truth`: connections with injected faults, simulated from end to end by \
         `crates/testkit/src/faults`, whose generator counts what it makes happen. *Again* are segments that were sent \
         again, *late* are segments that came after one that was sent later, *copies* are packets that the capture \
         holds twice. Segments of which the capture holds neither the same nor later bytes from before cannot be told \
         from new ones by anybody and are left out of the truth. A number in brackets: of those, called ambiguous.\n\n",
    );
    let versions: Vec<_> = READERS.iter().map(|r| format!("{} {}", r.name, r.version())).collect();
    let lines = [
        ("date", first_line("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"])),
        ("kernel", first_line("uname", &["-srm"])),
        ("versions", versions.join(", ")),
        ("seed", seed.to_string()),
    ];
    for (what, is) in lines {
        // Writing into a string does not fail.
        let _ = writeln!(out, "- {what}: {is}");
    }
    for (title, is_decidable) in [
        ("The packets say what happened", true),
        ("The packets do not say it: without identification, or with random ones", false),
    ] {
        let _ = write!(out, "\n## {title}\n\n{HEAD}");
        for row in rows.iter().filter(|row| row.case.is_decidable == is_decidable) {
            let _ = writeln!(out, "{}", line(row));
        }
    }
    out.push_str("\n## Cases\n\n");
    for row in rows {
        let _ = writeln!(out, "- {}: {}", row.case.name, row.case.doc);
    }
    out.push_str("\n## Commands\n\n");
    for reader in READERS {
        let _ = writeln!(out, "- {}: `{}`", reader.name, reader.line);
    }
    out
}

const HEAD: &str = "\
| case | packets | truth: again | late | copies | capkeep: again | late | copies | tshark: again | out of order \
| tcptrace: again | out of order | argus: loss |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";

fn line(row: &Row) -> String {
    let truth = &row.truth;
    let cell = |value: Option<u64>, truth: u64| match value {
        None => "–".to_owned(),
        Some(value) if value == truth => value.to_string(),
        // Who misses by more than one in fifty stands out.
        Some(value) if value.abs_diff(truth) * 50 > truth => format!("**{value}**"),
        Some(value) => value.to_string(),
    };
    let mut cells = vec![
        row.case.name.to_owned(),
        truth.packets.to_string(),
        truth.retransmissions.to_string(),
        truth.reordered.to_string(),
        truth.copies.to_string(),
    ];
    for (reader, counts) in READERS.iter().zip(&row.counts) {
        let counts = counts.unwrap_or_default();
        cells.push(cell(counts.again, truth.retransmissions));
        if reader.name == "argus" {
            continue;
        }
        let unsure =
            counts.unsure.filter(|unsure| *unsure > 0).map_or_else(String::new, |n| format!(" ({n})"));
        cells.push(cell(counts.late, truth.reordered) + &unsure);
        if reader.name == "capkeep" {
            cells.push(cell(counts.copies, truth.copies));
        }
    }
    format!("| {} |", cells.join(" | "))
}
