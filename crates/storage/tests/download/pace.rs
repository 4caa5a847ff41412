//! How fast it goes, in a time of its own.

use std::time::Duration;

use capkeep_storage::download::{Limits, Outcome};
use tokio::time::Instant;

use crate::script::{MIB, Script, content};

/// Fetches blobs of these sizes, and tells how long that took.
fn timed(script: &std::sync::Arc<Script>, sizes: &[u64], limits: &Limits) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let jobs: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(file, size)| {
            let name = format!("f{file}");
            let blob = script.put(&name, content(*size, file as u64), true);
            script.job(&blob, &folder.path().join(name))
        })
        .collect();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        let stop = capkeep_storage::download::Stop::new();
        let outcomes = capkeep_storage::download::fetch(jobs, limits, &|_| {}, &stop).await;
        for (file, outcome) in outcomes.iter().enumerate() {
            assert!(matches!(outcome, Outcome::Fetched(_)), "{outcome:?}");
            let name = format!("f{file}");
            assert!(std::fs::read(folder.path().join(&name)).unwrap() == script.content(&name));
        }
        start.elapsed()
    })
}

#[test]
fn the_rate_is_held_over_all_connections_and_files() {
    for (connections, rate) in [(1, 1_000_000), (8, 1_000_000), (8, 7_000_000)] {
        let script = Script::new();
        let sizes = [5 * MIB, 100_000, 200_000, 3 * MIB];
        let limits = Limits {
            connections: Some(connections),
            part_bytes: MIB,
            bytes_per_second: Some(rate),
            ..Limits::default()
        };
        let took = timed(&script, &sizes, &limits).as_secs_f64();
        let expected = sizes.iter().sum::<u64>() as f64 / rate as f64;
        assert!((took / expected - 1.0).abs() < 0.05, "{took} s instead of {expected} s");
    }
}

#[test]
fn a_slow_rate_is_no_stall() {
    let script = Script::new();
    let limits = Limits { bytes_per_second: Some(2_000), ..Limits::default() };
    assert!(timed(&script, &[200_000], &limits) >= Duration::from_secs(99));
}

#[test]
fn many_small_files_share_the_connections() {
    let script = Script::new();
    script.paced(1 << 20, Duration::from_millis(50), Duration::ZERO);
    let sizes = vec![10_000; 500];
    let one = timed(&script, &sizes[..50], &Limits { connections: Some(1), ..Limits::default() }) * 10;
    let adapted = timed(&script, &sizes, &Limits::default());
    let fixed = timed(&script, &sizes, &Limits { connections: Some(32), ..Limits::default() });
    assert!(adapted < one / 7, "{adapted:?} instead of {one:?}");
    assert!(fixed < one / 25, "{fixed:?} instead of {one:?}");
}

#[test]
fn connections_that_are_slow_by_themselves_become_more() {
    let script = Script::new();
    // 10 MB/s on each.
    script.paced(100_000, Duration::from_millis(20), Duration::from_millis(10));
    let size = 96 * MIB;
    let one = timed(&script, &[size], &Limits { connections: Some(1), ..Limits::default() });
    let adapted = timed(&script, &[size], &Limits::default());
    assert!(adapted < one / 6, "{adapted:?} instead of {one:?}");
    assert!(script.most_at_once() <= 16);
    let fixed = timed(&script, &[size], &Limits { connections: Some(16), ..Limits::default() });
    assert!(fixed < one / 12, "{fixed:?} instead of {one:?}");
}
