//! Blobs that are read while they arrive.

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capkeep_storage::download::{
    Event, Limits, Observer, Outcome, Provenance, Reader, stream, stream_and_keep,
};
use tokio::runtime::Runtime;

use crate::script::{Dice, Fault, Handle, JOURNAL, MIB, PARTIAL, Script, beside, content, run};

/// A runtime elsewhere, as the command line has one.
fn elsewhere() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
}

fn quiet() -> Observer {
    Arc::new(|_| {})
}

/// Limits under which no test waits long for a pause to end.
fn limits() -> Limits {
    Limits { stall: Duration::from_millis(20), ..Limits::default() }
}

fn read(mut reader: Reader, dice: &mut Dice) -> Result<Vec<u8>, (Vec<u8>, String)> {
    let mut out = Vec::new();
    loop {
        let mut buffer = vec![0; 1 + dice.below(300_000) as usize];
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(out),
            Ok(read) => out.extend_from_slice(&buffer[..read]),
            Err(error) => return Err((out, error.to_string())),
        }
    }
}

#[test]
fn bytes_come_in_order_whatever_breaks() {
    let runtime = elsewhere();
    for seed in 0..10 {
        let mut dice = Dice::new(seed);
        let script = Script::new();
        script.paced(1 + dice.below(300_000) as usize, Duration::ZERO, Duration::ZERO);
        let blob = script.put("a", content(dice.below(30 * MIB), seed), true);
        let mut own = Dice::new(seed + 50);
        script.faults(move |range| match own.below(12) {
            0 => Fault::Cut(own.below(range.end - range.start)),
            1 => Fault::Short(own.below(range.end - range.start)),
            2 => Fault::Stall(own.below(range.end - range.start)),
            _ => Fault::None,
        });
        let reader = stream(Arc::new(Handle(script.clone())), blob, limits(), quiet(), runtime.handle());
        assert!(read(reader, &mut dice) == Ok(script.content("a").to_vec()), "seed {seed}");
    }
}

#[test]
fn no_more_is_asked_for_than_the_window_holds() {
    let runtime = elsewhere();
    let script = Script::new();
    let blob = script.put("a", content(40 * MIB, 1), true);
    let arrived = Arc::new(Mutex::new(0));
    let count = Arc::clone(&arrived);
    let observer: Observer = Arc::new(move |event| {
        if let Event::Bytes { bytes, .. } = event {
            *count.lock().unwrap() += bytes;
        }
    });
    let mut reader = stream(Arc::new(Handle(script.clone())), blob, limits(), observer, runtime.handle());
    let (mut taken, mut buffer) = (0, vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut buffer).unwrap() as u64;
        if read == 0 {
            break;
        }
        taken += read;
        assert!(*arrived.lock().unwrap() <= taken + 12 * MIB);
    }
    assert_eq!(taken, 40 * MIB);
}

#[test]
fn an_error_comes_after_what_came_before_it() {
    let runtime = elsewhere();
    let script = Script::new();
    let blob = script.put("a", content(10 * MIB, 1), true);
    script.faults(|range| if range.start == 6 * MIB { Fault::Denied } else { Fault::None });
    let reader = stream(Arc::new(Handle(script.clone())), blob, limits(), quiet(), runtime.handle());
    let Err((read, error)) = read(reader, &mut Dice::new(1)) else { panic!() };
    assert!(read == script.content("a")[..6 << 20] && error.contains("not permitted"), "{error}");
}

#[test]
fn a_blob_that_changes_while_it_is_read_is_an_error() {
    let runtime = elsewhere();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a");
    for keeps in [false, true] {
        let script = Script::new();
        let blob = script.put("a", content(40 * MIB, 1), true);
        let job = script.job(&blob, &to);
        let slow = Limits { connections: Some(1), part_bytes: MIB, ..limits() };
        script.paced(1 << 20, Duration::ZERO, Duration::from_millis(1));
        let other = content(40 * MIB, 2);
        let mut reader = if keeps {
            stream_and_keep(job, slow, quiet(), runtime.handle())
        } else {
            stream(job.store, blob, slow, quiet(), runtime.handle())
        };
        reader.read_exact(&mut [0; 1]).unwrap();
        script.put("a", other, false);
        let Err((_, error)) = read(reader, &mut Dice::new(1)) else { panic!("keeps {keeps}") };
        assert!(error.contains("changed meanwhile"), "{error}");
        assert!(!to.exists());
    }
}

#[test]
fn what_is_read_can_be_kept_and_what_was_kept_is_read() {
    let runtime = elsewhere();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a");
    let script = Script::new();
    let blob = script.put("a", content(8 * MIB + 3, 1), true);
    let some = Limits { connections: Some(1), part_bytes: MIB, ..limits() };
    script.faults(|range| if range.start >= 3 * MIB { Fault::Denied } else { Fault::None });
    assert_eq!(run(vec![script.job(&blob, &to)], &some, None).error().1, 3 * MIB);
    script.faults(|_| Fault::None);
    for already in [3 * MIB, 8 * MIB + 3] {
        script.served();
        let reader = stream_and_keep(script.job(&blob, &to), limits(), quiet(), runtime.handle());
        assert!(read(reader, &mut Dice::new(1)) == Ok(script.content("a").to_vec()));
        assert_eq!(script.served(), 8 * MIB + 3 - already);
        assert!(std::fs::read(&to).unwrap() == script.content("a"));
        assert!(Provenance::of(&to).unwrap().is_some());
    }
}

#[test]
fn the_end_is_not_told_of_a_file_that_is_wrong() {
    let runtime = elsewhere();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a");
    let script = Script::new();
    let blob = script.put("a", content(3 * MIB, 1), true);
    script.faults(|_| Fault::Flip);
    let reader = stream_and_keep(script.job(&blob, &to), limits(), quiet(), runtime.handle());
    let Err((_, error)) = read(reader, &mut Dice::new(1)) else { panic!() };
    assert!(error.contains("MD5") && !to.exists(), "{error}");
}

#[test]
fn dropping_the_reader_ends_the_download_and_finishing_it_does_not() {
    let runtime = elsewhere();
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let blob = script.put("a", content(20 * MIB, 1), true);
    let to = folder.path().join("a");
    let mut reader = stream_and_keep(script.job(&blob, &to), limits(), quiet(), runtime.handle());
    reader.read_exact(&mut [0; 1]).unwrap();
    assert!(matches!(reader.finish(), Some(Outcome::Fetched(_))));
    assert!(to.exists());
    // One that hangs: its end is seen by the file being free again.
    let to = folder.path().join("b");
    script.faults(|range| if range.start >= 8 * MIB { Fault::Silence } else { Fault::None });
    let patient = Limits { stall: Duration::from_hours(1), ..Limits::default() };
    let mut reader = stream_and_keep(script.job(&blob, &to), patient.clone(), quiet(), runtime.handle());
    reader.read_exact(&mut [0; 1]).unwrap();
    drop(reader);
    drop(runtime);
    assert!(beside(&to, PARTIAL).exists() && beside(&to, JOURNAL).exists());
    let runtime = elsewhere();
    let mut reader = stream(Arc::new(Handle(script.clone())), blob, patient, quiet(), runtime.handle());
    reader.read_exact(&mut [0; 1]).unwrap();
    drop(reader);
    drop(runtime);
    assert_eq!(Arc::strong_count(&script), 1);
}

#[test]
fn an_empty_blob_reads_as_nothing() {
    let runtime = elsewhere();
    let folder = tempfile::tempdir().unwrap();
    let script = Script::new();
    let blob = script.put("a", content(0, 1), true);
    let job = script.job(&blob, &folder.path().join("a"));
    let reader = stream(Arc::clone(&job.store), blob, limits(), quiet(), runtime.handle());
    assert_eq!(read(reader, &mut Dice::new(1)), Ok(vec![]));
    let reader = stream_and_keep(job, limits(), quiet(), runtime.handle());
    assert_eq!(read(reader, &mut Dice::new(1)), Ok(vec![]));
}
