//! Fetching over lines that break, from services that stumble, onto disks that are full; and being killed meanwhile.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use capkeep_standin::{Blobs, Content, Kind, Plan, Proxy, Read};

use crate::run::capkeep;

/// Seeds that are tried.
const SEEDS: u64 = 200;
/// Kills without faults, whose bytes are counted.
const KILLS: u64 = 24;
/// Runs side by side: they wait most of the time.
const AT_ONCE: usize = 6;
/// What one request asks for at least.
const PART: u64 = 1 << 20;
const CONNECTIONS: u64 = 4;
/// Longer than any run takes.
const LONGEST: Duration = Duration::from_mins(1);

const CONTAINER: &str = "logs";
const NAME: &str = "vm/packetcapture_11_55_33_090.cap";
const FILE: &str = "packetcapture_11_55_33_090.cap";

/// The nth number that a seed gives.
fn random(seed: u64, nth: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, nth).hash(&mut hasher);
    hasher.finish()
}

/// What goes wrong besides the kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// What a download has to get over by itself.
    Harmless,
    /// Bytes are others.
    Corrupt,
    /// Anything, redirects to another host among it.
    Anything,
    /// The blob is replaced in the middle.
    Changing,
}

const TROUBLES: [Trouble; 4] = [Trouble::Harmless, Trouble::Corrupt, Trouble::Anything, Trouble::Changing];

/// A service behind a proxy, and a folder to fetch into.
struct Bed {
    blobs: Blobs,
    proxy: Proxy,
    folder: tempfile::TempDir,
    content: Content,
    size: u64,
}

/// How a run ended.
struct Ended {
    status: ExitStatus,
    told: String,
}

impl Bed {
    fn new(seed: u64, plan: Plan) -> Self {
        let blobs = Blobs::start().unwrap();
        let size = 3 * PART + random(seed, 0) % (3 * PART);
        // Kept, not made again for every request.
        let content = Content::from(Content::Pattern { seed, size }.all());
        blobs.put(CONTAINER, NAME, content.clone());
        let proxy = Proxy::start(blobs.address(), plan).unwrap();
        Self { blobs, proxy, folder: tempfile::tempdir().unwrap(), content, size }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn start(&self, into: &Path, log: &Path) -> Child {
        let target = format!("{}/{CONTAINER}/{NAME}?{}", self.proxy.through(&self.blobs.url()), Blobs::sas());
        let log = File::create(log).unwrap();
        capkeep()
            .args(["fetch", &target, "--json", "--part-size", "1", "--stall", "1s", "--retry-for", "20s"])
            .args(["--connections", &CONNECTIONS.to_string(), "--into"])
            .arg(into)
            .env("CAPKEEP_LEDGER", self.folder.path().join("ledger.sqlite"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Runs the command; kills it once so many bytes passed, if it has not ended by then.
    fn run(&self, into: &Path, kill_at: u64) -> Ended {
        let log = self.folder.path().join("log");
        let mut child = self.start(into, &log);
        let (begin, from) = (Instant::now(), self.proxy.passed_bytes());
        let mut is_killed = false;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < LONGEST, "it hangs: {}", fs::read_to_string(&log).unwrap());
            let passed = self.proxy.wait_for(from.saturating_add(kill_at), Duration::from_millis(10));
            if passed && !is_killed {
                // SIGKILL; it may have ended this moment.
                let _ = child.kill();
                is_killed = true;
            }
        };
        let told = fs::read_to_string(&log).unwrap();
        assert!(!told.contains(Blobs::SIGNATURE) && !told.contains("panicked"), "{told}");
        Ended { status, told }
    }

    /// Bytes of content that passed, with what each request asked for.
    fn content_passed(&self) -> (u64, Vec<Read>) {
        let mut reads = self.proxy.reads();
        reads.retain(|read| read.range.is_some());
        (reads.iter().map(|read| read.bytes).sum(), reads)
    }
}

/// Whether a file has one of these contents, if it is there at all.
fn check(file: &Path, rights: &[&Content], when: &str) -> bool {
    let Ok(bytes) = fs::read(file) else { return false };
    let is_right = rights.iter().any(|right| right.all() == bytes);
    assert!(is_right, "{when}: {} bytes under the final name, and not the right ones", bytes.len());
    true
}

/// Runs a function for each of the numbers, several side by side; what it panics with is told with the number.
fn side_by_side(count: u64, work: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let guard = Told(number);
                    work(number);
                    drop(guard);
                }
            });
        }
    });
}

/// Says which number it was when a thread panics.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this was number {}", self.0);
        }
    }
}

#[test]
fn whatever_breaks_the_file_is_right_or_the_error_is_clear_after_one_more_run() {
    let elsewhere = Blobs::start().unwrap();
    let (begin, kills, errors) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
    side_by_side(SEEDS, |seed| {
        let trouble = TROUBLES[(seed % 4) as usize];
        let kinds = match trouble {
            Trouble::Harmless | Trouble::Changing => Kind::HARMLESS.to_vec(),
            Trouble::Corrupt => vec![Kind::Corrupt],
            Trouble::Anything => Kind::ALL.to_vec(),
        };
        let elsewhere = elsewhere.url();
        let plan = Plan { seed, per_mille: 250, most: 4, kinds, elsewhere, ..Plan::default() };
        let bed = Bed::new(seed, plan);
        let (into, file) = (bed.out(), bed.out().join(FILE));
        let new = Content::from(Content::Pattern { seed: !seed, size: bed.size + 77 }.all());
        if trouble == Trouble::Changing {
            let (read, new) = (AtomicU64::new(0), new.clone());
            let nth = 1 + random(seed, 1) % 5;
            bed.blobs.before_each(move |account, seen| {
                if seen.range().is_some() && read.fetch_add(1, Ordering::Relaxed) == nth {
                    account.put(CONTAINER, NAME, new.clone());
                }
            });
        }
        let rights = [&bed.content, &new];
        let first = bed.run(&into, random(seed, 2) % (bed.size * 5 / 4));
        check(&file, &rights, &format!("seed {seed}, after the first run"));
        kills.fetch_add(u64::from(first.status.code().is_none()), Ordering::Relaxed);
        let second = bed.run(&into, u64::MAX);
        let is_there = check(&file, &rights, &format!("seed {seed}, after the second run"));
        let what = format!("seed {seed}, {trouble:?}: first\n{}\nthen\n{}", first.told, second.told);
        match second.status.code() {
            Some(0) => {
                assert!(is_there, "{what}");
                let current = bed.blobs.blob(CONTAINER, NAME).unwrap().content;
                assert!(check(&file, &[&current], &what), "{what}");
                let left: Vec<_> =
                    fs::read_dir(&into).unwrap().map(|entry| entry.unwrap().file_name()).collect();
                assert_eq!(left.len(), 2, "{what}: {left:?}");
            }
            Some(2) => {
                errors.fetch_add(1, Ordering::Relaxed);
                assert!(!is_there, "{what}");
                assert_ne!(trouble, Trouble::Harmless, "{what}");
                let words = match trouble {
                    Trouble::Corrupt => &["MD5"][..],
                    Trouble::Changing => &["changed"][..],
                    _ => &["MD5", "sends us elsewhere"][..],
                };
                assert!(words.iter().any(|words| second.told.contains(words)), "{what}");
            }
            code => panic!("{code:?}: {what}"),
        }
    });
    assert_eq!(elsewhere.requests(), [], "nothing was sent to another host");
    let (kills, errors) = (kills.into_inner(), errors.into_inner());
    println!("{SEEDS} seeds: {kills} killed, {errors} clear errors, {:.1} s", begin.elapsed().as_secs_f64());
    assert!(kills > SEEDS / 4, "only {kills} were killed");
}

#[test]
fn after_a_kill_only_what_was_under_way_is_fetched_again() {
    let again = AtomicU64::new(0);
    side_by_side(KILLS, |number| {
        let seed = 1_000 + number;
        let bed = Bed::new(seed, Plan::default());
        let at = bed.size * (1 + number) / (KILLS + 1);
        bed.run(&bed.out(), at);
        let ended = bed.run(&bed.out(), u64::MAX);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.told);
        assert!(check(&bed.out().join(FILE), &[&bed.content], "after the second run"));
        let (passed, reads) = bed.content_passed();
        let twice = passed - bed.size;
        again.fetch_max(twice, Ordering::Relaxed);
        assert!(twice <= CONNECTIONS * PART, "{twice} bytes of {} again: {reads:#?}", bed.size);
    });
    println!("at most {} bytes were fetched again", again.into_inner());
}

/// The words for a full disk: ours, or the system's.
fn is_full(told: &str) -> bool {
    told.contains("the disk is full") || told.contains("No space left on device")
}

/// A small file system in memory, unmounted when it is dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None`, loudly, where it cannot be mounted.
    fn mount(at: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("SKIPPED: fetching onto a full disk (mounting a small one needs root)");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    /// Takes all the room that is left but this.
    fn fill(&self, name: &str, bytes: u64) {
        fs::write(self.0.join(name), vec![1; bytes as usize]).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_a_clear_error_and_it_goes_on_when_there_is_room() {
    let bed = Bed::new(5_000, Plan::default());
    let Some(disk) = Disk::mount(&bed.out(), bed.size * 3 / 2) else { return };
    let file = bed.out().join(FILE);
    disk.fill("other", bed.size);
    let full = bed.run(&bed.out(), u64::MAX);
    assert_eq!(full.status.code(), Some(2), "{}", full.told);
    assert!(is_full(&full.told), "{}", full.told);
    assert!(!file.exists());
    fs::remove_file(bed.out().join("other")).unwrap();

    // Killed in the middle, then no room at all.
    bed.run(&bed.out(), bed.size / 2);
    assert!(!file.exists());
    let mut filler = File::create(bed.out().join("other")).unwrap();
    while filler.write_all(&[1; 4096]).is_ok() {}
    drop(filler);
    let full = bed.run(&bed.out(), u64::MAX);
    if full.status.code() != Some(0) {
        assert!(is_full(&full.told), "{}", full.told);
        assert!(!file.exists());
    }
    fs::remove_file(bed.out().join("other")).unwrap();
    let done = bed.run(&bed.out(), u64::MAX);
    assert_eq!(done.status.code(), Some(0), "{}", done.told);
    assert!(check(&file, &[&bed.content], "with room"));
    let (passed, reads) = bed.content_passed();
    assert!(passed <= bed.size + CONNECTIONS * PART, "what was there was kept: {passed} {reads:#?}");
}
