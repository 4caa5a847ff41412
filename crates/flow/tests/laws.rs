//! Laws of an analysis: nothing vanishes, and neither threads nor the way a capture lies in files change what is found.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere, not only inside of a #[test]")]

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use capkeep_flow::{Analysis, Event, FlowRecord, Input, Options, Stream, Timeline, analyze};
use capkeep_pcap::{Filter, Timestamp};
use capkeep_testkit::{Packet, Pcap, PcapNg, Random, Resolution, Traffic, encode, variants};
use proptest::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Numbers of threads that are compared.
const THREADS: [usize; 4] = [1, 2, 3, 8];

fn pool(threads: usize) -> &'static ThreadPool {
    static POOLS: [OnceLock<ThreadPool>; 4] = [const { OnceLock::new() }; 4];
    let index = THREADS.iter().position(|known| *known == threads).unwrap();
    POOLS[index].get_or_init(|| ThreadPoolBuilder::new().num_threads(threads).build().unwrap())
}

fn run(inputs: &[Input], options: &Options, threads: usize) -> (Analysis, Vec<FlowRecord>) {
    let flows = Mutex::new(Vec::new());
    let analysis = pool(threads).install(|| {
        analyze(inputs, options, &|event| {
            if let Event::Flows(more) = event {
                flows.lock().unwrap().extend_from_slice(more);
            }
        })
    });
    (analysis, flows.into_inner().unwrap())
}

fn memory(file: Vec<u8>) -> Input {
    Input::Bytes(Arc::from(file))
}

/// All counts, in an order that does not depend on hashing. The captures are left out, and the most flows live at
/// once: they depend on what lies in which file.
fn counts(analysis: &Analysis) -> String {
    let mut totals = analysis.totals;
    totals.peak_live_flows = 0;
    format!(
        "{totals:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}\n{:?}",
        analysis.protocols,
        analysis.tunnels,
        analysis.flows_by_protocol,
        analysis.conn_states,
        analysis.hosts.heaviest(usize::MAX),
        analysis.conversations.heaviest(usize::MAX),
        analysis.services.heaviest(usize::MAX),
        analysis.timeline,
        analysis.tcp,
        analysis.spoken_by_service(),
        analysis.names.best(),
    )
}

/// Flows without the file they lie in, in an order of their own.
fn wherever(mut flows: Vec<FlowRecord>) -> Vec<String> {
    for flow in &mut flows {
        (flow.capture, flow.first_packet, flow.last_packet) = (0, 0, 0);
        flow.arp.iter_mut().for_each(|sender| (sender.capture, sender.packet) = (0, 0));
        if let Some(tcp) = &mut flow.tcp {
            tcp.marks.iter_mut().for_each(|mark| (mark.capture, mark.packet) = (0, 0));
            tcp.longest_silence.iter_mut().for_each(|silence| silence.packet = 0);
        }
    }
    let mut rows: Vec<String> = flows.iter().map(|flow| without_places(&format!("{flow:?}"))).collect();
    rows.sort();
    rows
}

/// A text without what stands in the braces of `PacketRef`.
fn without_places(text: &str) -> String {
    let mut parts = text.split("PacketRef {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('}').map_or("", |(_, rest)| rest))
}

/// Nothing, or the first flow that only one side has.
fn difference(left: Vec<FlowRecord>, right: Vec<FlowRecord>) -> Option<String> {
    let (left, right) = (wherever(left), wherever(right));
    let only = |these: &[String], those: &[String]| {
        these.iter().find(|row| those.binary_search(row).is_err()).cloned().unwrap_or_default()
    };
    (left != right).then(|| format!("left: {}\nright: {}", only(&left, &right), only(&right, &left)))
}

fn adds_up(analysis: &Analysis, flows: &[FlowRecord]) -> Result<(), TestCaseError> {
    let totals = &analysis.totals;
    prop_assert_eq!(totals.packets, totals.packets_in_flows + totals.skipped);
    prop_assert_eq!(flows.iter().map(FlowRecord::packets).sum::<u64>(), totals.packets_in_flows);
    prop_assert_eq!(flows.len() as u64, totals.flows);
    let captures = &analysis.captures;
    prop_assert_eq!(captures.iter().map(|capture| capture.packets).sum::<u64>(), totals.packets);
    let skipped = captures.iter().flat_map(|capture| capture.skipped.values());
    prop_assert_eq!(skipped.sum::<u64>(), totals.skipped);
    for capture in captures {
        prop_assert_eq!(capture.link_types.values().sum::<u64>(), capture.packets);
    }
    let by_protocol: u64 = analysis.protocols.values().map(|counts| counts.packets).sum();
    prop_assert_eq!(by_protocol, totals.packets_in_flows);
    let in_time: u64 = analysis.timeline.buckets().1.iter().map(|bucket| bucket.packets).sum();
    // Packets without a time stand in no bucket.
    let timeless: u64 = captures.iter().map(|capture| capture.facts.without_time).sum();
    prop_assert!(in_time <= totals.packets_in_flows && in_time + timeless >= totals.packets_in_flows);
    let in_hosts = analysis.hosts.heaviest(usize::MAX);
    prop_assert!(in_hosts.iter().map(|(_, host)| host.sent_packets).sum::<u64>() <= totals.packets_in_flows);
    prop_assert_eq!(analysis.flows_by_protocol.values().sum::<u64>(), totals.flows);
    Ok(())
}

/// Traffic to order, in the order of its times, no two packets at the same time.
fn traffic(packets: std::ops::Range<u64>) -> impl Strategy<Value = Vec<Packet>> {
    (packets, 1u64..60, any::<u64>(), 0u64..400, 0u64..400, any::<bool>()).prop_map(
        |(packets, packets_per_flow, seed, ipv6_per_mille, vlan_per_mille, has_arp)| {
            let mix = Traffic::mix(packets, (packets / packets_per_flow).max(1), seed);
            let packets_per_arp_pair = if has_arp { 100 } else { 0 };
            Traffic { ipv6_per_mille, vlan_per_mille, packets_per_arp_pair, ..mix }.packets().collect()
        },
    )
}

/// No end by silence, the usual one, and short ones that traffic of a few seconds meets.
fn options() -> impl Strategy<Value = Options> {
    let timeouts =
        [None, Some(Options::IDLE_TIMEOUT), Some(Duration::from_secs(2)), Some(Duration::from_millis(300))];
    prop::sample::select(timeouts.to_vec())
        .prop_map(|idle_timeout| Options { idle_timeout, ..Options::default() })
}

/// Overwrites some bytes, and perhaps cuts the file.
fn corrupt(file: &mut Vec<u8>, seed: u64, per_mille: u64) {
    let mut random = Random::new(seed);
    for _ in 0..file.len() as u64 * per_mille / 1000 {
        // The file header stays: without it there is nothing to read.
        let at = random.between(24, file.len().saturating_sub(1) as u64) as usize;
        if let Some(byte) = file.get_mut(at) {
            *byte = random.bits() as u8;
        }
    }
    if random.per_mille(300) {
        file.truncate(random.between(24, file.len() as u64) as usize);
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 500, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn every_packet_of_any_link_type_is_in_a_flow_or_skipped_for_a_reason(
        mut packets in traffic(1..300),
        link_type in 0u32..290,
        options in options(),
        seed: u64,
        damage in 0u64..40,
    ) {
        // Damage inside the packets: every one of them is still read.
        for (index, packet) in packets.iter_mut().enumerate() {
            let mut random = Random::new(seed ^ index as u64);
            for _ in 0..packet.data.len() as u64 * damage / 1000 {
                let at = random.below(packet.data.len().min(80) as u64) as usize;
                packet.data[at] = random.bits() as u8;
            }
            if random.per_mille(50) {
                packet.data.truncate(random.below(100) as usize);
            }
        }
        let file = encode(&mut Pcap { link_type, ..Pcap::ETHERNET }, &packets);
        let (analysis, flows) = run(&[memory(file)], &options, 2);
        prop_assert_eq!(analysis.totals.packets, packets.len() as u64);
        adds_up(&analysis, &flows)?;
    }

    #[test]
    fn a_damaged_file_adds_up(packets in traffic(1..300), options in options(), seed: u64, per_mille in 0u64..30) {
        for mut file in [encode(&mut Pcap::ETHERNET.clone(), &packets), encode(&mut PcapNg::ETHERNET.clone(), &packets)] {
            corrupt(&mut file, seed, per_mille);
            let (analysis, flows) = run(&[memory(file)], &options, 2);
            prop_assert!(analysis.totals.packets <= packets.len() as u64 + 1000);
            adds_up(&analysis, &flows)?;
        }
    }

    #[test]
    fn a_filter_and_its_opposite_share_the_packets(
        packets in traffic(1..500),
        words in prop::sample::select(vec!["tcp", "port 443", "ip6", "udp or icmp", "len > 200", "tcp[tcpflags] & tcp-ack != 0"]),
    ) {
        let input = memory(encode(&mut Pcap::ETHERNET.clone(), &packets));
        let in_flows = |filter: Option<&str>| {
            let filter = filter.map(|words| Filter::parse(words).unwrap());
            let options = Options { filter, ..Options::default() };
            run(std::slice::from_ref(&input), &options, 1).0.totals.packets_in_flows
        };
        let opposite = format!("not ({words})");
        prop_assert_eq!(in_flows(Some(words)) + in_flows(Some(&opposite)), in_flows(None));
    }
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn every_damaged_variant_adds_up(variant in prop::sample::select(variants().to_vec()), seed: u64, options in options()) {
        let (mut file, _) = variant.bytes();
        corrupt(&mut file, seed, 2);
        let (analysis, flows) = run(&[memory(file)], &options, 2);
        adds_up(&analysis, &flows)?;
    }
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn any_number_of_threads_gives_the_same_flows_and_counts(
        packets in traffic(2000..8000),
        options in options(),
        merge: bool,
        seed: u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut inputs = ring(folder.path(), "ring", &cut(&packets, 4, seed), Names::Dumpcap);
        inputs.push(memory(encode(&mut Pcap::ETHERNET.clone(), &packets)));
        inputs.push(memory(b"no capture at all".to_vec()));
        let options = Options { merge, ..options };
        let (alone, flows) = run(&inputs, &options, 1);
        adds_up(&alone, &flows)?;
        for threads in THREADS {
            let (together, same) = run(&inputs, &options, threads);
            prop_assert!(flows == same, "{threads} threads: other flows, or in another order");
            prop_assert_eq!(counts(&alone), counts(&together), "{} threads", threads);
            prop_assert_eq!(alone.totals, together.totals, "{} threads", threads);
            prop_assert_eq!(format!("{:?}", alone.captures), format!("{:?}", together.captures));
        }
    }
}

/// How segments are named.
#[derive(Clone, Copy, Debug)]
enum Names {
    /// `x_00001_20260302090000.pcap`
    Dumpcap,
    /// `x.pcap`, `x.pcap1`
    Tcpdump,
    /// `x_001.pcap`
    Counter,
}

impl Names {
    fn name(self, stem: &str, number: usize) -> String {
        match (self, number) {
            (Self::Dumpcap, _) => format!("{stem}_{:05}_{}.pcap", number + 1, 20_260_302_090_000 + number),
            (Self::Tcpdump, 0) => format!("{stem}.pcap"),
            (Self::Tcpdump, _) => format!("{stem}.pcap{number}"),
            (Self::Counter, _) => format!("{stem}_{:03}.pcap", number + 1),
        }
    }
}

/// The packets in so many pieces, none of them empty where there are enough packets.
fn cut(packets: &[Packet], pieces: usize, seed: u64) -> Vec<&[Packet]> {
    let mut random = Random::new(seed);
    let mut edges: Vec<usize> =
        (1..pieces).map(|_| random.between(1, packets.len() as u64 - 1) as usize).collect();
    edges.extend([0, packets.len()]);
    edges.sort_unstable();
    edges.dedup();
    edges.windows(2).filter_map(|edge| packets.get(*edge.first()?..*edge.last()?)).collect()
}

fn ring(folder: &Path, stem: &str, pieces: &[&[Packet]], names: Names) -> Vec<Input> {
    let pcap = Pcap { resolution: Resolution::Nanos, ..Pcap::ETHERNET };
    let write = |(number, piece): (usize, &&[Packet])| {
        let path = folder.join(names.name(stem, number));
        std::fs::write(&path, encode(&mut pcap.clone(), *piece)).unwrap();
        Input::File(path)
    };
    pieces.iter().enumerate().map(write).collect()
}

proptest! {
    #![proptest_config(config(32))]

    #[test]
    fn segments_give_the_flows_of_the_whole(
        packets in traffic(50..3000),
        options in options(),
        pieces in 2usize..6,
        names in prop::sample::select(vec![Names::Dumpcap, Names::Tcpdump, Names::Counter]),
        seed: u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut segments = ring(folder.path(), "x", &cut(&packets, pieces, seed), names);
        // Their order is that of their numbers, not the one they are given in.
        Random::new(seed).shuffle(&mut segments);
        let (stitched, flows) = run(&segments, &options, 2);
        let (whole, expected) = run(&[memory(encode(&mut Pcap::ETHERNET.clone(), &packets))], &options, 2);
        prop_assert!(stitched.captures.iter().all(|capture| capture.session == 0), "{names:?}: not stitched");
        prop_assert_eq!(counts(&stitched), counts(&whole));
        prop_assert_eq!(difference(flows, expected), None);
    }

    #[test]
    fn a_stream_gives_what_the_file_gives(packets in traffic(0..3000), options in options()) {
        let file: Arc<[u8]> = Arc::from(encode(&mut Pcap::ETHERNET.clone(), &packets));
        let bytes = Arc::clone(&file);
        let open = move || Ok(Box::new(std::io::Cursor::new(Arc::clone(&bytes))) as Box<dyn std::io::Read + Send>);
        let stream = Stream { name: "stream".into(), bytes: file.len() as u64, open: Arc::new(open) };
        let (streamed, flows) = run(&[Input::Stream(stream)], &options, 2);
        let (whole, expected) = run(&[Input::Bytes(file)], &options, 2);
        prop_assert_eq!(counts(&streamed), counts(&whole));
        prop_assert_eq!(difference(flows, expected), None);
    }

    #[test]
    fn files_merged_by_time_give_the_flows_of_the_original(
        packets in traffic(2..3000),
        options in options(),
        lanes in 2usize..5,
        seed: u64,
    ) {
        let mut random = Random::new(seed);
        let mut files: Vec<Vec<Packet>> = vec![Vec::new(); lanes];
        for packet in &packets {
            files[random.below(lanes as u64) as usize].push(packet.clone());
        }
        let inputs: Vec<Input> =
            files.iter().map(|packets| memory(encode(&mut Pcap::ETHERNET.clone(), packets))).collect();
        let (merged, flows) = run(&inputs, &Options { merge: true, ..options.clone() }, 2);
        let (whole, expected) = run(&[memory(encode(&mut Pcap::ETHERNET.clone(), &packets))], &options, 2);
        prop_assert_eq!(counts(&merged), counts(&whole));
        prop_assert_eq!(difference(flows, expected), None);
        prop_assert!(merged.captures.iter().all(|capture| capture.time_goes_back == 0));
    }

    #[test]
    fn merging_analyses_is_associative_and_commutative(
        files in prop::collection::vec(traffic(1..400), 3),
        options in options(),
    ) {
        let inputs: Vec<Input> = files.iter().map(|packets| memory(encode(&mut Pcap::ETHERNET.clone(), packets))).collect();
        let one = |index: usize| run(&inputs[index..=index], &options, 1).0;
        let sum = |left: Analysis, right: Analysis| {
            let mut sum = left;
            sum.merge(right);
            sum
        };
        let left = sum(sum(one(0), one(1)), one(2));
        let right = sum(one(0), sum(one(1), one(2)));
        prop_assert_eq!(counts(&left), counts(&right));
        prop_assert_eq!(format!("{:?}", left.captures), format!("{:?}", right.captures));
        prop_assert_eq!(counts(&sum(one(0), one(1))), counts(&sum(one(1), one(0))));
        prop_assert_eq!(counts(&sum(Analysis::default(), one(0))), counts(&one(0)));
        prop_assert_eq!(counts(&sum(one(0), Analysis::default())), counts(&one(0)));
        let (together, _) = run(&inputs, &options, 1);
        prop_assert_eq!(counts(&left), counts(&together));
        let sessions = |analysis: &Analysis| analysis.captures.iter().map(|c| c.session).collect::<Vec<_>>();
        prop_assert_eq!(sessions(&left), sessions(&together));
    }
}

/// Times of packets: close together, years apart, or anywhere a time can be.
fn times() -> impl Strategy<Value = Vec<i64>> {
    let one = prop_oneof![
        8 => 0..5_000_000_000_i64,
        2 => 0..100_000_000_000_000_000_i64,
        1 => any::<i64>(),
        1 => prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX]),
    ];
    prop::collection::vec(one, 1..200)
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_timeline_of_parts_in_any_order_is_that_of_the_whole(times in times(), parts in 1usize..6, seed: u64) {
        let mut random = Random::new(seed);
        let mut whole = Timeline::default();
        let mut pieces = vec![Timeline::default(); parts];
        for (index, time) in times.iter().enumerate() {
            let at = Timestamp::from_nanos(*time);
            whole.add(at, index as u64);
            pieces[random.below(parts as u64) as usize].add(at, index as u64);
        }
        random.shuffle(&mut pieces);
        let mut merged = Timeline::default();
        for piece in &pieces {
            merged.merge(piece);
        }
        prop_assert!(merged == whole, "{parts} parts");
        prop_assert!(whole.buckets().1.len() <= Timeline::MAX_BUCKETS);
        let mut shuffled = times.iter().enumerate().collect::<Vec<_>>();
        random.shuffle(&mut shuffled);
        let mut other = Timeline::default();
        for (index, time) in shuffled {
            other.add(Timestamp::from_nanos(*time), index as u64);
        }
        prop_assert!(other == whole, "another order of packets");
    }
}

#[test]
fn names_and_what_is_spoken_are_the_same_for_any_grouping() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let folders = ["findings", "web-and-dns"].map(|name| std::fs::read_dir(testdata.join(name)).unwrap());
    let mut files: Vec<_> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "gz" || ending == "cap"));
    files.sort();
    let inputs: Vec<Input> = files.into_iter().map(Input::File).collect();
    let (together, flows) = run(&inputs, &Options::default(), 2);
    let (named, spoken) = (together.names.len(), together.spoken.len());
    assert!(named > 5 && spoken > 4, "{named} names, {spoken} things spoken");
    let parts: Vec<Analysis> = inputs.chunks(3).map(|part| run(part, &Options::default(), 1).0).collect();
    let merge = |mut sum: Analysis, part: Analysis| {
        sum.merge(part);
        sum
    };
    let back = parts.into_iter().rev().fold(Analysis::default(), merge);
    assert_eq!(counts(&back), counts(&together));
    let heard = flows.iter().filter_map(|flow| flow.apps.as_ref()?.service()).count() as u64;
    let spoken: u64 = together.spoken_by_service().values().flatten().map(|(_, counts)| counts.flows).sum();
    assert!(spoken <= heard && spoken * 10 > heard * 9, "{spoken} of {heard} flows that said something");
}
