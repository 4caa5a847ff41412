//! Disks that are full.

use std::fs;
use std::path::Path;
use std::process::Command;

use capkeep_storage::download::{Limits, Outcome};

use crate::script::{MIB, Script, content, run};

/// A file system of its own, until it is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(words: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(words).arg(folder.path()).output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: mount {words:?} needs root");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}

#[test]
fn a_disk_too_small_is_told_before_anything_is_fetched_and_it_goes_on_with_more_space() {
    let Some(disk) = Disk::mount(&["-t", "tmpfs", "-o", "size=4m", "none"]) else { return };
    let script = Script::new();
    let blob = script.put("a", content(6 * MIB, 1), true);
    let to = disk.path().join("a.cap");
    let ran = run(vec![script.job(&blob, &to)], &Limits::default(), None);
    let (error, _) = ran.error();
    assert!(error.contains("disk is full: the file has 6291456 bytes"), "{error}");
    assert_eq!(script.asked().len(), 0);
    let more = Command::new("mount").args(["-o", "remount,size=16m"]).arg(disk.path()).status().unwrap();
    assert!(more.success());
    run(vec![script.job(&blob, &to)], &Limits::default(), None);
    assert!(fs::read(&to).unwrap() == script.content("a"));
}

#[test]
fn where_nothing_can_be_reserved_a_full_disk_keeps_what_is_there() {
    let image = tempfile::NamedTempFile::new().unwrap();
    image.as_file().set_len(8 << 20).unwrap();
    let made = Command::new("mkfs.ext2").arg("-q").arg(image.path()).output();
    if !made.is_ok_and(|done| done.status.success()) {
        eprintln!("skipped: mkfs.ext2 is missing");
        return;
    }
    let image = image.path().to_str().unwrap();
    let Some(disk) = Disk::mount(&["-o", "loop", image]) else { return };
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 4 << 20]).unwrap();
    let script = Script::new();
    let blob = script.put("a", content(5 * MIB, 1), true);
    let to = disk.path().join("a.cap");
    let limits = Limits { connections: Some(2), part_bytes: MIB, ..Limits::default() };
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    let (error, kept) = ran.error();
    assert!(error.contains("disk is full") && kept >= MIB, "{error}, {kept}");
    assert!(!to.exists());
    fs::remove_file(ballast).unwrap();
    let ran = run(vec![script.job(&blob, &to)], &limits, None);
    let Outcome::Fetched(fetched) = ran.only() else { panic!("{:?}", ran.only()) };
    assert_eq!(fetched.resumed_from, kept);
    assert!(fs::read(&to).unwrap() == script.content("a"));
}

#[test]
fn a_small_file_that_does_not_fit_leaves_nothing() {
    let Some(disk) = Disk::mount(&["-t", "tmpfs", "-o", "size=256k", "none"]) else { return };
    let script = Script::new();
    let blob = script.put("a", content(600_000, 1), true);
    let ran = run(vec![script.job(&blob, &disk.path().join("a"))], &Limits::default(), None);
    assert!(ran.error().0.contains("disk is full"), "{}", ran.error().0);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
}
