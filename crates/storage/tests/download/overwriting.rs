//! What lies at the place of a file already.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use capkeep_storage::download::{Event, Limits, Outcome, Overwrite, Provenance, Stop};

use crate::script::{JOURNAL, MIB, PARTIAL, PROVENANCE, Script, beside, content, run, run_until};

#[test]
fn a_fetched_file_has_its_time_and_a_note_of_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new/folder/a.cap");
    let script = Script::new();
    let blob = script.put("a", content(2 * MIB, 1), true);
    let ran = run(vec![script.job(&blob, &to)], &Limits::default(), None);
    let Outcome::Fetched(fetched) = ran.only() else { panic!("{:?}", ran.only()) };
    assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), SystemTime::from(blob.modified));
    let note = Provenance::of(&to).unwrap().unwrap();
    assert_eq!(note.source, "https://account.blob/c/a");
    assert_eq!((note.etag, note.size, &note.sha256), (blob.etag, blob.size, &fetched.sha256));
    assert_eq!(note.note, serde_json::json!({"capture": "first"}));
    assert!(note.by.starts_with("capkeep "));
    assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 2);
    let last = &ran.events[ran.events.len() - 2..];
    assert!(matches!(last, [Event::Verified { .. }, Event::Done { file: 0 }]), "{last:?}");
}

#[test]
fn what_was_fetched_and_not_touched_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(5_000, 1), true);
    let limits = Limits { keep_time: false, ..Limits::default() };
    run(vec![script.job(&blob, &to)], &limits, None);
    script.asked();
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    assert!(matches!(ran.only(), Outcome::Unchanged(known) if known.etag == blob.etag));
    assert_eq!((script.asked().len(), ran.events.len()), (0, 1));
    // Touched, changed, another version, no note: each is reason enough.
    let reasons: [&dyn Fn(); 4] = [
        &|| fs::File::options().write(true).open(&to).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap(),
        &|| fs::write(&to, b"mine").unwrap(),
        &|| drop(script.put("a", content(6_000, 2), true)),
        &|| fs::remove_file(beside(&to, PROVENANCE)).unwrap(),
    ];
    for (number, change) in reasons.iter().enumerate() {
        change();
        let blob = script.job(&blob, &to).store;
        let blob =
            futures_util::FutureExt::now_or_never(blob.head(&capkeep_storage::BlobName::new("c", "a")));
        let ran = run(vec![script.job(&blob.unwrap().unwrap(), &to)], &limits, None);
        assert!(matches!(ran.only(), Outcome::Fetched(_)), "{number}: {:?}", ran.only());
        assert_eq!(fs::read(&to).unwrap(), script.content("a"));
    }
}

#[test]
fn after_the_machine_was_started_anew_a_file_is_read_once_before_it_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(5_000, 1), true);
    let job = || vec![script.job(&blob, &to)];
    let reboot = || {
        let note = fs::read_to_string(beside(&to, PROVENANCE)).unwrap();
        let mut note: serde_json::Value = serde_json::from_str(&note).unwrap();
        note["boot"] = "another".into();
        fs::write(beside(&to, PROVENANCE), note.to_string()).unwrap();
    };
    run(job(), &Limits::default(), None);
    reboot();
    assert!(
        matches!(run(job(), &Limits::default(), None).only(), Outcome::Unchanged(known) if known.boot.is_none())
    );
    reboot();
    // What a power failure makes of a file that was not on the disk: its length and time are right.
    fs::write(&to, vec![0; 5_000]).unwrap();
    fs::File::options().write(true).open(&to).unwrap().set_modified(SystemTime::from(blob.modified)).unwrap();
    assert!(matches!(run(job(), &Limits::default(), None).only(), Outcome::Fetched(_)));
    assert_eq!(fs::read(&to).unwrap(), script.content("a"));
    // One that was seen to be on the disk needs no such thing.
    let durable = Limits { durable: true, overwrite: Overwrite::Always, ..Limits::default() };
    run(job(), &durable, None);
    assert_eq!(Provenance::of(&to).unwrap().unwrap().boot, None);
}

#[test]
fn a_file_that_is_there_stays_or_goes_as_it_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(5_000, 1), true);
    let with = |overwrite| Limits { overwrite, ..Limits::default() };
    fs::write(&to, b"mine").unwrap();
    let ran = run(vec![script.job(&blob, &to)], &with(Overwrite::Never), None);
    assert!(ran.error().0.contains("there already"), "{}", ran.error().0);
    assert_eq!((fs::read(&to).unwrap(), script.asked().len()), (b"mine".to_vec(), 0));
    run(vec![script.job(&blob, &to)], &with(Overwrite::Always), None);
    assert_eq!(fs::read(&to).unwrap(), script.content("a"));
}

#[test]
fn a_file_that_appears_meanwhile_is_not_lost() {
    for (overwrite, stays) in
        [(Overwrite::Never, true), (Overwrite::Changed, true), (Overwrite::Always, false)]
    {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.cap");
        let script = Script::new();
        let blob = script.put("a", content(3 * MIB, 1), true);
        let limits = Limits { overwrite, ..Limits::default() };
        let ran = run_until(vec![script.job(&blob, &to)], &limits, None, &Stop::new(), |event| {
            if matches!(event, Event::Verified { .. }) {
                fs::write(&to, b"somebody's").unwrap();
            }
        });
        if stays {
            assert_eq!(ran.error().1, 3 * MIB);
            assert_eq!(fs::read(&to).unwrap(), b"somebody's");
            // What was fetched is not lost either.
            script.served();
            run(vec![script.job(&blob, &to)], &Limits { overwrite: Overwrite::Always, ..limits }, None);
            assert_eq!(script.served(), 0);
        }
        assert_eq!(fs::read(&to).unwrap(), script.content("a"));
    }
}

#[test]
fn two_blobs_do_not_get_one_name_nor_one_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let blob = script.put("a", content(50, 1), true);
    let other = script.put("b", content(50, 2), true);
    let to = folder.path().join("a.cap");
    let jobs = vec![
        script.job(&blob, &to),
        script.job(&other, &to),
        script.job(&other, &beside(&to, PARTIAL)),
        script.job(&other, &beside(&to, PROVENANCE)),
        script.job(&other, &folder.path().join("b.cap")),
        script.job(&other, folder.path()),
    ];
    let ran = run(jobs, &Limits::default(), None);
    let failed: Vec<_> =
        ran.outcomes.iter().map(|outcome| matches!(outcome, Outcome::Failed { .. })).collect();
    assert_eq!(failed, [true, true, true, true, false, true]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn links_and_second_names_are_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let (to, precious) = (folder.path().join("a.cap"), folder.path().join("precious"));
    let script = Script::new();
    let blob = script.put("a", content(50, 1), true);
    fs::write(&precious, b"precious").unwrap();
    symlink(&precious, beside(&to, PARTIAL)).unwrap();
    let ran = run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert!(ran.error().0.contains("a link"), "{}", ran.error().0);
    fs::remove_file(beside(&to, PARTIAL)).unwrap();
    fs::hard_link(&precious, beside(&to, PARTIAL)).unwrap();
    symlink(&precious, beside(&to, JOURNAL)).unwrap();
    symlink(&precious, &to).unwrap();
    let ran = run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert!(matches!(ran.only(), Outcome::Fetched(_)), "{:?}", ran.only());
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&to).unwrap().is_file());
}

#[test]
fn long_names_and_sizes_nobody_has() {
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let mut blob = script.put("a", content(2 * MIB, 1), true);
    let to = folder.path().join("n".repeat(255));
    let ran = run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert!(matches!(ran.only(), Outcome::Fetched(_)), "{:?}", ran.only());
    assert!(Provenance::of(&to).unwrap().is_some());
    for size in [u64::MAX, 1 << 49] {
        blob.size = size;
        let ran = run(vec![script.job(&blob, &folder.path().join("b"))], &Limits::default(), None);
        ran.error();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}

#[test]
fn an_empty_blob_is_an_empty_file_of_the_version_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.cap");
    let script = Script::new();
    let blob = script.put("a", content(0, 1), true);
    run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert_eq!(fs::read(&to).unwrap(), b"");
    let now = script.put("a", content(70, 1), true);
    run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert_eq!(fs::read(&to).unwrap(), script.content("a"));
    assert_eq!(Provenance::of(&to).unwrap().unwrap().etag, now.etag);
}
