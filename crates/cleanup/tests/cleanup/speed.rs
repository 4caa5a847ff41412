//! 100,000 files against 10,000 captures.

#![allow(clippy::disallowed_methods, reason = "it is measured")]

use std::time::{Duration, Instant};

use capkeep_cleanup::{CaptureFile, Decider, Rules, Verdict};
use jiff::SignedDuration;

use crate::words::{at, capture, file, now, vm, world};

#[test]
fn a_hundred_thousand_files_are_decided_in_seconds() {
    // 200 machines with 50 captures each, a minute apart; ten files for each capture, every tenth its own.
    let captures = (0..10_000)
        .map(|n| capture("s1", &format!("web{}", n % 200), &format!("c{n}"), at(-60.0 * f64::from(n))));
    let mut world = world(captures.collect());
    for n in 0..200 {
        world.add_machine(&vm("s1", &format!("web{n}")), "westeurope");
    }
    let files: Vec<_> = (0..100_000)
        .map(|n| {
            let shift = if n % 10 == 0 { -1.45 } else { -1e6 - f64::from(n % 10) * 1e6 };
            file(&vm("s1", &format!("web{}", n / 10 % 200)), at(-60.0 * f64::from(n / 10) + shift))
        })
        .collect();
    let begun = Instant::now();
    let decider = Decider::new(world, Rules::default());
    let mut live = 0;
    for blob in &files {
        let found = decider.decide(&CaptureFile { account: "sa1", blob, facts: None }, now());
        match found.verdict {
            Verdict::Live => live += 1,
            Verdict::OrphanByPath => {}
            verdict => panic!("{verdict}: {}", found.evidence),
        }
    }
    let took = begun.elapsed();
    assert!((10_000..11_000).contains(&live), "{live}");
    // Not optimised, on a machine that does other things too: far from what a list that is searched would take.
    assert!(took < Duration::from_secs(30), "{took:?}");
    assert!(now().duration_since(at(0.0)) > SignedDuration::ZERO);
}
