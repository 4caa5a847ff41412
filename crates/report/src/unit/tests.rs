//! Units: what they keep, and that they add up.

use std::fs;
use std::sync::Arc;

use capkeep_detect::{Detection, Findings, Settings};
use capkeep_flow::{
    Analysis, Apps, Certificate, Dns, Endpoint, FlowRecord, Http, Lookup, Timeline, Tls, Traffic,
};
use capkeep_pcap::Timestamp;
use polars_io::SerReader as _;
use polars_io::parquet::read::ParquetReader;
use proptest::prelude::*;

use super::*;
use crate::fixture;

const DAY: i64 = 86_400_000_000_000;

/// A flow of which much depends on a number.
fn flow(n: u64) -> FlowRecord {
    let mut flow = match n % 4 {
        0 => fixture::icmp_flow(),
        1 => fixture::arp_flow(),
        _ => fixture::tcp_flow(),
    };
    flow.capture = (n % 2) as u32;
    flow.first_packet = n;
    flow.client = Endpoint { port: n as u16, ..flow.client };
    flow.first = Timestamp::from_nanos(flow.first.nanos() + (n % 5) as i64 * 1_000);
    flow.from_client.wire_bytes += n % 11;
    if let Some(tcp) = &mut flow.tcp {
        tcp.from_client.retransmissions = n % 3;
        tcp.first_byte = (!n.is_multiple_of(7)).then_some((n % 13) as i64);
    }
    if n.is_multiple_of(3) {
        let mut apps = Apps::default();
        let lookup = |name: &str, rcode| Lookup {
            name: name.into(),
            kind: 1,
            query_packet: None,
            asked: None,
            repeats: 0,
            response_packet: None,
            latency: Some((n % 17) as i64),
            rcode,
            answers: Vec::new(),
            answers_omitted: 0,
        };
        let rcode = [Some(0), Some(3), Some(2), None][(n % 4) as usize];
        apps.dns = Some(Box::new(Dns {
            queries: 1,
            rcodes: vec![(3, 1)],
            lookups: vec![lookup(&format!("=name{}", n % 9), rcode)],
            ..Dns::default()
        }));
        apps.tls = Some(Box::new(Tls {
            version: Some(0x0303),
            sni: Some(format!("\u{202e}<script>{}", n % 4).into()),
            certificates: vec![Certificate {
                subject: format!("CN={}", n % 5).into(),
                not_after: 1,
                ..Certificate::default()
            }],
            ..Tls::default()
        }));
        apps.http = Some(Box::new(Http { codes: vec![(404, 2)], ..Http::default() }));
        flow.apps = Some(Arc::new(apps));
    }
    flow
}

fn origins() -> Vec<Origin> {
    let origin = |name: &str| Origin {
        name: name.into(),
        vm: Some("web1".into()),
        bytes: Some(7),
        ..Origin::default()
    };
    vec![origin("a.cap"), origin("=b\".cap")]
}

/// What detectors find in the flows, and in the analysis of the fixture.
fn findings(flows: &[FlowRecord], analysis: &Analysis) -> Findings {
    let mut detection = Detection::new(Settings::default());
    detection.observe(flows);
    detection.finish(analysis)
}

fn unit(folder: &Path, flows: &[FlowRecord], batch: usize) -> Unit {
    let analysis = fixture::analysis();
    let mut gather = Gather::new("a".into(), origins(), folder).unwrap();
    for part in flows.chunks(batch) {
        gather.observe(part).unwrap();
    }
    gather.finish(&analysis, &findings(flows, &analysis)).unwrap()
}

#[test]
fn a_unit_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let flows: Vec<FlowRecord> = (0..500).map(flow).collect();
    let mut unit = unit(folder.path(), &flows, 100);
    unit.findings.push(FindingRow {
        numbers: [0.1 + 0.2, f64::MAX, 1.0 / 3.0, f64::NEG_INFINITY]
            .map(|value| NumberRow { value, ..NumberRow::default() })
            .to_vec(),
        ..FindingRow::default()
    });
    let path = folder.path().join("unit.json");
    unit.write(&path).unwrap();
    assert_eq!(Unit::read(&path).unwrap(), unit);
    assert_eq!(unit.captures.len(), 1);
    assert_eq!(unit.hosts.rows.len(), 3);
    assert!(!unit.findings.is_empty() && !unit.verdicts.is_empty());
    assert_eq!(unit.apps.dns.failing.rows.values().map(Weighed::weight).sum::<u64>(), 125);
    assert_eq!(unit.distributions.duration_ns.count, 500);
    assert!(unit.worst.by(Measure::Lost).len() == Worst::MOST);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing but the unit and its flows is left");
}

#[test]
fn a_unit_of_another_format_or_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unit.json");
    let error = |path: &Path| Unit::read(path).unwrap_err().to_string();
    assert!(error(&path).starts_with("cannot read"), "{}", error(&path));
    fs::write(&path, "{").unwrap();
    assert!(error(&path).contains("is no unit"), "{}", error(&path));
    Unit { format: Unit::FORMAT + 1, ..Unit::default() }.write(&path).unwrap();
    assert!(error(&path).contains("another version"), "{}", error(&path));
}

#[test]
fn a_session_must_be_fit_for_a_file_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["", "a/b", "..", ".a", "a\\b", "a\nb", "a~2"] {
        let error = Gather::new(name.into(), origins(), folder.path()).err().unwrap();
        assert!(matches!(error, ExportError::Session { .. }), "{name:?}");
    }
}

#[test]
fn flows_lie_in_the_folder_of_the_day_they_began_on() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("day=2001-01-01");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("a.parquet"), "of a run that was cut short").unwrap();
    let at = |day: i64, n: u64| FlowRecord { first: Timestamp::from_nanos(day * DAY + 5), ..flow(n) };
    let flows = [at(0, 1), at(19_000, 2), at(-1, 3), at(19_000, 4), at(19_001, 5)];
    let unit = unit(folder.path(), &flows, 2);
    let files: Vec<(&str, u64)> =
        unit.flow_files.iter().map(|file| (file.day.as_str(), file.flows)).collect();
    assert_eq!(files, [("1969-12-31", 1), ("1970-01-01", 1), ("2022-01-08", 2), ("2022-01-09", 1)]);
    assert!(!left.exists());
    for file in &unit.flow_files {
        let path = folder.path().join(format!("day={}", file.day)).join(&file.name);
        let frame = ParquetReader::new(fs::File::open(path).unwrap()).finish().unwrap();
        assert_eq!(frame.height() as u64, file.flows);
        assert_eq!(&frame.get_column_names()[..3], ["vm", "session", "capture"]);
        assert_eq!(frame.column("session").unwrap().str().unwrap().get(0), Some("a"));
    }
}

fn merged<T: Clone + Default>(parts: &[T], merge: fn(&mut T, &T)) -> T {
    let mut sum = T::default();
    for part in parts {
        merge(&mut sum, part);
    }
    sum
}

/// The same parts in groups, the groups in another order.
fn grouped<T: Clone + Default>(parts: &[T], sizes: &[usize], merge: fn(&mut T, &T)) -> T {
    let (mut groups, mut rest) = (Vec::new(), parts);
    for size in sizes {
        let (group, then) = rest.split_at((*size).min(rest.len()));
        groups.push(merged(group, merge));
        rest = then;
    }
    groups.push(merged(rest, merge));
    groups.reverse();
    merged(&groups, merge)
}

/// Packets as an analysis counts them over time.
fn series(packets: &[(i64, usize)]) -> Series {
    let mut analysis = Analysis::default();
    for (at, kind) in packets {
        let at = Timestamp::from_nanos(*at);
        analysis.timeline.add(at, 100);
        let kind = Traffic::ALL[kind % Traffic::ALL.len()];
        analysis.series.entry(kind).or_insert_with(Timeline::default).add(at, 100);
    }
    Series::of(&analysis)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_grouping_of_units_gives_the_same_sums(
        numbers in prop::collection::vec(0u64..2_000, 1..200),
        cuts in prop::collection::vec(1usize..40, 0..8),
        sizes in prop::collection::vec(0usize..5, 0..5),
    ) {
        let flows: Vec<FlowRecord> = numbers.into_iter().map(flow).collect();
        let mut parts = Vec::new();
        let mut rest = &flows[..];
        for cut in cuts {
            let (part, then) = rest.split_at(cut.min(rest.len()));
            parts.push(part);
            rest = then;
        }
        parts.push(rest);
        let gathered: Vec<(Distributions, Worst, AppsRow)> = parts
            .iter()
            .map(|part| {
                let mut all = (Distributions::default(), Worst::default(), AppsRow::default());
                for flow in *part {
                    all.0.add(flow);
                    all.1.add("s", flow);
                    all.2.add(flow);
                }
                all.2.close();
                all
            })
            .collect();
        let whole = {
            let mut all = (Distributions::default(), Worst::default(), AppsRow::default());
            for flow in &flows {
                all.0.add(flow);
                all.1.add("s", flow);
                all.2.add(flow);
            }
            all
        };
        let add = |sum: &mut (Distributions, Worst, AppsRow), part: &(Distributions, Worst, AppsRow)| {
            sum.0.merge(&part.0);
            sum.1.merge(&part.1);
            sum.2.merge(&part.2);
        };
        prop_assert_eq!(&merged(&gathered, add), &whole);
        prop_assert_eq!(&grouped(&gathered, &sizes, add), &whole);
    }

    #[test]
    fn series_add_up_to_that_of_all_packets(
        parts in prop::collection::vec(
            prop::collection::vec(
                (prop_oneof![0i64..1 << 24, 0i64..1 << 40, -(1i64 << 62)..1 << 62], 0usize..9),
                0..40,
            ),
            1..6,
        ),
        sizes in prop::collection::vec(0usize..3, 0..4),
    ) {
        let all: Vec<(i64, usize)> = parts.iter().flatten().copied().collect();
        let parts: Vec<Series> = parts.iter().map(|part| series(part)).collect();
        let whole = series(&all);
        prop_assert_eq!(&merged(&parts, Series::merge), &whole);
        prop_assert_eq!(&grouped(&parts, &sizes, Series::merge), &whole);
        prop_assert!(whole.len() <= Series::MOST);
        let packets: u64 = whole.lanes.values().flat_map(|lane| &lane.packets).sum();
        prop_assert_eq!(packets, all.len() as u64);
    }
}
