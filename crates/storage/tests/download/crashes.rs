//! Runs that are killed, and what the next one makes of what they left.

use std::fs;
use std::os::unix::fs::FileExt;

use capkeep_storage::download::{Event, Limits, Outcome, Stop};

use crate::script::{BLOCK, Dice, Fault, JOURNAL, MIB, PARTIAL, Script, beside, content, run, run_until};

#[test]
fn after_a_crash_at_any_point_at_most_a_block_per_connection_is_fetched_again() {
    for seed in 0..150 {
        let mut dice = Dice::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.cap");
        let script = Script::new();
        let size = 2 * MIB + dice.below(10 * MIB);
        let blob = script.put("a", content(size, seed), dice.below(2) == 0);
        script.paced(1 + dice.below(150_000) as usize, std::time::Duration::ZERO, std::time::Duration::ZERO);
        let connections = 1 + dice.below(6);
        let limits = Limits {
            connections: Some(connections as u16),
            part_bytes: 1 + dice.below(4 * MIB),
            ..Limits::default()
        };
        let (mut total, mut kills) = (0, 0);
        loop {
            let polls = (kills < 3).then(|| dice.below(120));
            let ran = run(vec![script.job(&blob, &to)], &limits, polls);
            total += ran.bytes();
            match ran.outcomes.first() {
                None => {
                    kills += 1;
                    assert!(ran.afresh().is_empty());
                }
                Some(Outcome::Fetched(_) | Outcome::Unchanged(_)) => break,
                Some(other) => panic!("seed {seed}: {other:?}"),
            }
            assert!(!to.exists() || fs::read(&to).unwrap() == script.content("a"));
        }
        assert_eq!(fs::read(&to).unwrap(), script.content("a"), "seed {seed}");
        let again = total - size;
        assert!(again <= kills * connections * BLOCK, "seed {seed}: {again} bytes again after {kills} kills");
    }
}

/// A run that ended in the middle of a file of eight blocks, and what is there of it.
fn half() -> (tempfile::TempDir, std::path::PathBuf, std::sync::Arc<Script>, capkeep_storage::Blob, Limits) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(8 * MIB, 3), true);
    let limits = Limits { connections: Some(1), part_bytes: MIB, ..Limits::default() };
    script.faults(|range| if range.start >= 5 * MIB { Fault::Denied } else { Fault::None });
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!(ran.error().1, 5 * MIB);
    script.faults(|_| Fault::None);
    script.served();
    script.asked();
    (folder, to, script, blob, limits)
}

#[test]
fn a_kept_block_that_was_damaged_is_fetched_again() {
    let (_folder, to, script, blob, limits) = half();
    let partial = fs::OpenOptions::new().write(true).open(beside(&to, PARTIAL)).unwrap();
    partial.write_all_at(b"x", MIB + 7).unwrap();
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!(fs::read(&to).unwrap(), script.content("a"), "{:?}", ran.only());
    assert_eq!(script.asked()[0], MIB..MIB + BLOCK);
    assert_eq!(script.served(), 3 * MIB + BLOCK);
}

#[test]
fn a_damaged_or_foreign_journal_is_not_believed() {
    type Damage = fn(&std::path::Path);
    let damages: [(Damage, &str); 5] = [
        (|journal| fs::write(journal, b"").unwrap(), "damaged"),
        (|journal| fs::write(journal, b"\x00\x01\xff garbage\n").unwrap(), "damaged"),
        (
            |journal| {
                let text = fs::read_to_string(journal).unwrap();
                fs::write(journal, text.replacen("\n2 ", "\n3 ", 1)).unwrap();
            },
            "damaged",
        ),
        (
            |journal| {
                let text = fs::read_to_string(journal).unwrap();
                fs::write(journal, text.replacen("/c/a", "/c/b", 1)).unwrap();
            },
            "damaged",
        ),
        (
            |journal| {
                let other = Script::new();
                let to = journal.with_file_name("other");
                let blob = other.put("other", content(8 * MIB, 4), true);
                other.faults(|range| if range.start > 0 { Fault::Denied } else { Fault::None });
                let limits = Limits { connections: Some(1), part_bytes: MIB, ..Limits::default() };
                run(vec![other.job(&blob, &to)], &limits, None);
                fs::rename(beside(&to, JOURNAL), journal).unwrap();
            },
            "something else",
        ),
    ];
    for (damage, word) in damages {
        let (_folder, to, script, blob, limits) = half();
        damage(&beside(&to, JOURNAL));
        let ran = run(vec![script.job(&blob, &to)], &limits, None);
        assert!(ran.afresh().len() == 1 && ran.afresh()[0].contains(word), "{:?}", ran.afresh());
        assert_eq!(fs::read(&to).unwrap(), script.content("a"));
        assert_eq!(script.served(), 8 * MIB);
    }
}

#[test]
fn a_torn_last_line_costs_one_block_and_a_journal_alone_nothing_but_time() {
    let (_folder, to, script, blob, limits) = half();
    let journal = fs::read(beside(&to, JOURNAL)).unwrap();
    fs::write(beside(&to, JOURNAL), &journal[..journal.len() - 3]).unwrap();
    run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!((fs::read(&to).unwrap() == script.content("a"), script.served()), (true, 3 * MIB + BLOCK));
    let (_folder, to, script, blob, limits) = half();
    fs::remove_file(beside(&to, PARTIAL)).unwrap();
    run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!((fs::read(&to).unwrap() == script.content("a"), script.served()), (true, 8 * MIB));
}

#[test]
fn a_blob_that_changed_between_runs_is_fetched_afresh_and_that_is_said() {
    let (_folder, to, script, _, limits) = half();
    let blob = script.put("a", content(8 * MIB, 99), true);
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!(ran.afresh(), ["the blob changed since"]);
    assert_eq!(fs::read(&to).unwrap(), script.content("a"));
}

#[test]
fn kept_bytes_that_fit_the_journal_but_not_the_md5_are_fetched_afresh_once() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(4 * MIB, 3), true);
    let limits = Limits { connections: Some(1), part_bytes: MIB, ..Limits::default() };
    // A bit goes wrong on the way: the journal's checksum is of the wrong block.
    script.faults(|range| match range.start / MIB {
        0 => Fault::Flip,
        1 => Fault::None,
        _ => Fault::Denied,
    });
    assert_eq!(run(vec![script.job(&blob, &to)], &limits, None).error().1, 2 * MIB);
    script.faults(|_| Fault::None);
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert_eq!(ran.afresh(), ["what had been kept of it is wrong"]);
    assert_eq!(fs::read(&to).unwrap(), script.content("a"), "{:?}", ran.only());
    // A blob that has a wrong MD5 is an error that names both, and no loop.
    let mut wrong = script.put("a", content(4 * MIB, 5), true);
    wrong.md5 = Some([7; 16]);
    script.say(&wrong);
    let ran = run(vec![script.job(&wrong, &to)], &limits, None);
    assert!(ran.error().0.contains("07070707"), "{}", ran.error().0);
    assert_eq!(fs::read(&to).unwrap(), content(4 * MIB, 3), "the older version stays");
}

#[test]
fn stopping_ends_at_once_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(8 * MIB, 3), true);
    let other = script.put("b", content(8 * MIB, 4), true);
    let limits = Limits { connections: Some(2), part_bytes: MIB, ..Limits::default() };
    let stop = Stop::new();
    let seen = std::sync::atomic::AtomicU64::new(0);
    let jobs = vec![script.job(&blob, &to), script.job(&other, &folder.path().join("b"))];
    let ran = run_until(jobs.clone(), &limits, None, &stop, |event| {
        if let Event::Bytes { bytes, .. } = event
            && seen.fetch_add(*bytes, std::sync::atomic::Ordering::Relaxed) > 4 * MIB
        {
            stop.stop();
        }
    });
    let Outcome::Stopped { kept } = ran.outcomes[0] else { panic!("{:?}", ran.outcomes) };
    assert!(matches!(ran.outcomes[1], Outcome::Stopped { kept: 0 }));
    assert!(kept >= 3 * MIB && ran.bytes() <= kept + 2 * MIB, "{kept} of {}", ran.bytes());
    assert!(!to.exists());
    let again = run(jobs, &limits, None);
    assert!(
        again.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Fetched(_))),
        "{:?}",
        again.outcomes
    );
    assert_eq!(again.bytes(), 16 * MIB - kept);
}

#[test]
fn a_file_that_another_run_is_fetching_is_left_to_it() {
    let (_folder, to, script, blob, limits) = half();
    let other = fs::File::open(beside(&to, PARTIAL)).unwrap();
    other.lock().unwrap();
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert!(ran.error().0.contains("another capkeep"), "{}", ran.error().0);
    drop(other);
    assert!(matches!(run(vec![script.job(&blob, &to)], &limits, None).only(), Outcome::Fetched(_)));
}
