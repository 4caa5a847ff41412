//! Laws of an analysis.

use std::sync::{Arc, Mutex, OnceLock};

use capkeep_flow::{Analysis, Event, FlowRecord, Input, Options, analyze};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Largest file that is analysed with several threads too (chosen: one batch and a bit, threads cost).
const SMALL: usize = 16 << 10;

/// Pools that are made once: with one thread and with two.
fn pool(threads: usize) -> &'static ThreadPool {
    static POOLS: [OnceLock<ThreadPool>; 2] = [OnceLock::new(), OnceLock::new()];
    POOLS[threads - 1].get_or_init(|| {
        ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool of so few threads")
    })
}

fn run(inputs: &[Input], options: &Options, threads: usize) -> (Analysis, Vec<FlowRecord>) {
    let flows = Mutex::new(Vec::new());
    let analysis = pool(threads).install(|| {
        analyze(inputs, options, &|event| {
            if let Event::Flows(more) = event {
                flows.lock().expect("an observer that panicked").extend_from_slice(more);
            }
        })
    });
    (analysis, flows.into_inner().expect("an observer that panicked"))
}

fn check(analysis: &Analysis, flows: &[FlowRecord]) {
    let totals = &analysis.totals;
    assert_eq!(totals.packets, totals.packets_in_flows + totals.skipped, "packets vanished");
    let in_flows: u64 = flows.iter().map(FlowRecord::packets).sum();
    assert_eq!(in_flows, totals.packets_in_flows, "the flows have other packets than were counted");
    assert_eq!(flows.len() as u64, totals.flows);
    let captures = &analysis.captures;
    assert_eq!(captures.iter().map(|capture| capture.packets).sum::<u64>(), totals.packets);
    let skipped: u64 = captures.iter().flat_map(|capture| capture.skipped.values()).sum();
    assert_eq!(skipped, totals.skipped, "packets were skipped for no reason");
    for capture in captures {
        assert_eq!(capture.link_types.values().sum::<u64>(), capture.packets);
        assert!(capture.first <= capture.last);
    }
    let by_protocol: u64 = analysis.protocols.values().map(|counts| counts.packets).sum();
    assert_eq!(by_protocol, totals.packets_in_flows, "protocols do not add up");
    let in_timeline: u64 = analysis.timeline.buckets().1.iter().map(|bucket| bucket.packets).sum();
    // Packets without a time stand in no bucket.
    let timeless: u64 = captures.iter().map(|capture| capture.facts.without_time).sum();
    let dated = totals.packets_in_flows.saturating_sub(timeless)..=totals.packets_in_flows;
    assert!(dated.contains(&in_timeline), "the timeline does not add up");
    let bytes: u64 = flows.iter().map(FlowRecord::wire_bytes).sum();
    assert_eq!(analysis.protocols.values().map(|counts| counts.wire_bytes).sum::<u64>(), bytes);
    for flow in flows {
        assert!(flow.packets() > 0, "a flow without packets");
        assert!(flow.first <= flow.last, "a flow that ends before it begins");
        let capture = &captures[flow.capture as usize];
        assert!((1..=capture.packets).contains(&flow.first_packet), "a flow from nowhere");
        // Must not fail either.
        let _ = flow.community_id();
    }
}

/// Analyses a file without an end of flows by silence, with the usual one, and merged with itself: every packet is
/// in one flow or skipped for a reason, and the number of threads does not matter.
pub fn analysis_adds_up(file: &[u8]) {
    let input = Input::Bytes(Arc::from(file));
    let endless = Options { idle_timeout: None, ..Options::default() };
    let (without, flows) = run(std::slice::from_ref(&input), &endless, 1);
    check(&without, &flows);
    let (with, ended) = run(std::slice::from_ref(&input), &Options::default(), 1);
    check(&with, &ended);
    assert_eq!(with.totals.packets_in_flows, without.totals.packets_in_flows, "silence made packets vanish");
    assert!(ended.len() >= flows.len(), "silence joined flows");
    if file.len() > SMALL {
        return;
    }
    let (again, same) = run(std::slice::from_ref(&input), &Options::default(), 2);
    assert_eq!(ended, same, "another number of threads gives other flows");
    assert_eq!(format!("{:?}", with.totals), format!("{:?}", again.totals));
    assert_eq!(format!("{:?}", with.captures), format!("{:?}", again.captures));
    assert_eq!(with.timeline, again.timeline);
    let merged = Options { merge: true, ..Options::default() };
    let (twice, flows) = run(&[input.clone(), input], &merged, 1);
    check(&twice, &flows);
    assert_eq!(twice.totals.packets, 2 * with.totals.packets, "merging lost packets");
}
