//! Answers that break off, stall, are wrong, or are none.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use capkeep_storage::download::{Check, Event, Limits, Md5Check, Outcome};

use crate::script::{Dice, Fault, JOURNAL, MIB, PARTIAL, Script, beside, content, run};

/// The first answers have faults, the others have none.
fn first(script: &Script, faults: Vec<Fault>) {
    let mut faults = faults.into_iter();
    script.faults(move |_| faults.next().unwrap_or_default());
}

fn one(size: u64, has_md5: bool, faults: Vec<Fault>, limits: &Limits) -> (crate::script::Ran, bool, u64) {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(size, 1), has_md5);
    first(&script, faults);
    let ran = run(vec![script.job(&blob, &to)], limits, None);
    let is_right = std::fs::read(&to).is_ok_and(|found| found == script.content("a"));
    assert!(is_right || !to.exists());
    (ran, is_right, script.served())
}

#[test]
fn what_arrived_before_a_break_is_not_asked_for_again() {
    let limits = Limits { connections: Some(1), ..Limits::default() };
    for fault in [Fault::Cut(700_001), Fault::Short(700_001), Fault::Stall(700_001), Fault::Cut(0)] {
        let (ran, is_right, served) = one(3 * MIB + 5, true, vec![fault.clone()], &limits);
        assert!(is_right, "{fault:?}");
        assert_eq!((ran.retries(), ran.bytes(), served), (1, 3 * MIB + 5, 3 * MIB + 5), "{fault:?}");
        let Outcome::Fetched(fetched) = ran.only() else { panic!("{:?}", ran.only()) };
        assert_eq!((fetched.md5, fetched.received), (Md5Check::Verified, 3 * MIB + 5));
    }
}

#[test]
fn a_blob_without_md5_is_told_apart_and_can_be_refused() {
    let (ran, is_right, _) = one(100, false, vec![], &Limits::default());
    assert!(is_right);
    assert!(ran.events.contains(&Event::Verified { file: 0, md5: Md5Check::NotGiven }));
    let required = Limits { check: Check::Required, ..Limits::default() };
    let (ran, _, served) = one(100, false, vec![], &required);
    assert!(ran.error().0.contains("no MD5"), "{}", ran.error().0);
    assert_eq!(served, 0);
    assert!(one(100, true, vec![], &required).1);
}

#[test]
fn retry_after_is_waited_for_by_all_connections() {
    let limits = Limits { connections: Some(4), part_bytes: MIB, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let blob = script.put("a", content(8 * MIB, 1), true);
    first(&script, vec![Fault::None, Fault::Busy(Some(Duration::from_secs(40)))]);
    let start = std::sync::Mutex::new(Vec::new());
    let ran = crate::script::run_until(
        vec![script.job(&blob, &folder.path().join("a"))],
        &limits,
        None,
        &capkeep_storage::download::Stop::new(),
        |event| {
            if let Event::Bytes { .. } = event {
                start.lock().unwrap().push(tokio::time::Instant::now());
            }
        },
    );
    assert!(matches!(ran.only(), Outcome::Fetched(_)), "{:?}", ran.only());
    let times = start.into_inner().unwrap();
    // What was under way goes on; nothing is asked for in those 40 s.
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(gap >= Duration::from_secs(39), "{gap:?}");
    assert!(ran.events.contains(&Event::Connections(2)));
}

#[test]
fn without_progress_it_ends_after_the_time_given_and_keeps_what_is_there() {
    let limits = Limits {
        connections: Some(1),
        part_bytes: MIB,
        retry_for: Duration::from_mins(2),
        ..Limits::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a");
    for (fault, word) in [
        (Fault::Cut(0), "connection reset"),
        (Fault::Stall(0), "no byte for 30 s"),
        (Fault::Silence, "no byte for 30 s"),
        (Fault::Busy(None), "503"),
        (Fault::Wrong, "another range"),
        (Fault::Denied, "not permitted"),
    ] {
        let script = Script::new();
        let blob = script.put("a", content(5 * MIB, 1), true);
        let then = fault.clone();
        script.faults(move |range| if range.start >= 2 * MIB { then.clone() } else { Fault::None });
        let ran = run(vec![script.job(&blob, &to)], &limits, None);
        let (error, kept) = ran.error();
        assert!(error.contains(word), "{fault:?}: {error}");
        assert_eq!(kept, 2 * MIB, "{fault:?}");
        script.faults(|_| Fault::None);
        script.served();
        let ran = run(vec![script.job(&blob, &to)], &limits, None);
        let Outcome::Fetched(fetched) = ran.only() else { panic!("{:?}", ran.only()) };
        assert_eq!((fetched.resumed_from, script.served()), (2 * MIB, 3 * MIB));
        assert!(ran.events.contains(&Event::Resumed { file: 0, bytes: 2 * MIB }));
        std::fs::remove_file(&to).unwrap();
    }
}

#[test]
fn slow_bytes_are_progress() {
    let script = Script::new();
    let blob = script.put("a", content(10_000, 1), true);
    script.paced(100, Duration::from_secs(80), Duration::from_secs(29));
    let folder = tempfile::tempdir().unwrap();
    let ran = run(vec![script.job(&blob, &folder.path().join("a"))], &Limits::default(), None);
    assert!(matches!(ran.only(), Outcome::Fetched(_)) && ran.retries() == 0);
}

#[test]
fn more_bytes_than_asked_for_are_not_written() {
    let (ran, is_right, _) = one(MIB + 5, true, vec![Fault::Long], &Limits::default());
    assert!(is_right, "{:?}", ran.only());
    let (ran, is_right, _) = one(5, true, vec![Fault::Long, Fault::Long, Fault::Long], &Limits::default());
    assert!(!is_right && ran.error().0.contains("more bytes"), "{:?}", ran.only());
}

#[test]
fn a_wrong_bit_never_gets_the_name() {
    for size in [1, 5_000, 3 * MIB] {
        let (ran, is_right, _) = one(size, true, vec![Fault::Flip], &Limits::default());
        let (error, kept) = ran.error();
        assert!(!is_right && error.contains("MD5") && kept == 0, "{error}");
    }
}

#[test]
fn a_blob_that_changes_meanwhile_is_fetched_anew_once() {
    for changes in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a");
        let script = Script::new();
        let blob = script.put("a", content(4 * MIB, 1), true);
        let (changing, count) = (std::sync::Arc::downgrade(&script), AtomicU32::new(0));
        let limits = Limits { connections: Some(1), part_bytes: MIB, ..Limits::default() };
        let stop = capkeep_storage::download::Stop::new();
        let ran = crate::script::run_until(vec![script.job(&blob, &to)], &limits, None, &stop, |event| {
            // In the middle of a range, so that the next one meets it.
            if matches!(event, Event::Bytes { .. }) && count.fetch_add(1, Ordering::Relaxed) % 20 == 19 {
                let version = u64::from(count.load(Ordering::Relaxed) / 20);
                if version <= changes {
                    changing.upgrade().unwrap().put("a", content(4 * MIB + version, version), true);
                }
            }
        });
        assert_eq!(ran.afresh(), ["the blob changed meanwhile"]);
        if changes == 1 {
            assert!(matches!(ran.only(), Outcome::Fetched(_)), "{:?}", ran.only());
            assert_eq!(std::fs::read(&to).unwrap(), script.content("a"));
        } else {
            assert!(ran.error().0.contains("changed meanwhile"), "{:?}", ran.only());
            assert!(!to.exists());
            let known = script.put("a", content(3 * MIB, 9), true);
            let ran = run(vec![script.job(&known, &to)], &limits, None);
            assert_eq!(std::fs::read(&to).unwrap(), script.content("a"), "{:?}", ran.only());
        }
    }
}

#[test]
fn every_run_ends_right_or_clearly_and_the_next_one_without_faults_ends_right() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new();
        script.paced(1 + dice.below(200_000) as usize, Duration::ZERO, Duration::ZERO);
        let files = 1 + dice.below(3);
        let names: Vec<_> = (0..files).map(|file| format!("f{file}")).collect();
        let mut versions = std::collections::BTreeMap::<_, Vec<_>>::new();
        for (file, name) in names.iter().enumerate() {
            let size = match dice.below(4) {
                0 => dice.below(3),
                1 => dice.below(100_000),
                _ => dice.below(5 * MIB),
            };
            script.put(name, content(size, seed * 10 + file as u64), dice.below(2) == 0);
            versions.entry(name.clone()).or_default().push(script.content(name));
        }
        let limits = Limits {
            connections: (dice.below(2) == 0).then(|| 1 + dice.below(8) as u16),
            part_bytes: 1 + dice.below(3 * MIB),
            ..Limits::default()
        };
        let mut last = false;
        for turn in 0..4 {
            let mut own = Dice::new(seed * 100 + turn);
            let rate = if last { 0 } else { own.below(60) };
            script.faults(move |range| {
                let length = range.end - range.start;
                if own.below(100) >= rate {
                    return Fault::None;
                }
                match own.below(8) {
                    0 | 1 => Fault::Cut(own.below(length)),
                    2 => Fault::Short(own.below(length)),
                    3 => Fault::Wrong,
                    4 => Fault::Busy(Some(Duration::from_secs(own.below(20)))),
                    5 => Fault::Busy(None),
                    6 => Fault::Long,
                    _ => Fault::Stall(own.below(length)),
                }
            });
            if !last && dice.below(6) == 0 {
                let name = &names[dice.below(files) as usize];
                script.put(name, content(dice.below(4 * MIB), seed + 77 + turn), dice.below(2) == 0);
                versions.get_mut(name).unwrap().push(script.content(name));
            }
            let jobs = names.iter().map(|name| {
                let store = crate::script::Handle(std::sync::Arc::clone(&script));
                let blob = futures_util::FutureExt::now_or_never(capkeep_storage::Store::head(
                    &store,
                    &capkeep_storage::BlobName::new("c", name),
                ));
                script.job(&blob.unwrap().unwrap(), &folder.path().join(name))
            });
            let polls = (!last && dice.below(2) == 0).then(|| dice.below(300));
            let ran = run(jobs.collect(), &limits, polls);
            for (name, outcome) in names.iter().zip(&ran.outcomes) {
                let found = std::fs::read(folder.path().join(name)).ok();
                match outcome {
                    Outcome::Fetched(_) | Outcome::Unchanged(_) => {
                        assert!(found == Some(script.content(name).to_vec()), "seed {seed}");
                    }
                    Outcome::Failed { error, .. } => assert!(!last, "seed {seed}: {error}"),
                    Outcome::Stopped { .. } => panic!("seed {seed}"),
                }
            }
            for name in &names {
                if let Ok(found) = std::fs::read(folder.path().join(name)) {
                    assert!(
                        versions[name].iter().any(|version| *version == found),
                        "seed {seed}: wrong file"
                    );
                }
            }
            if last {
                for name in &names {
                    let to = folder.path().join(name);
                    assert!(!beside(&to, PARTIAL).exists() && !beside(&to, JOURNAL).exists(), "seed {seed}");
                }
                break;
            }
            last = turn == 2;
        }
    }
}
