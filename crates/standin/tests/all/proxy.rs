use std::time::Duration;

use capkeep_standin::{Blobs, Content, Fault, Kind, Plan, Proxy};

use crate::client::{Answer, ask};

const SIZE: u64 = 300_000;

fn content() -> Content {
    Content::Pattern { seed: 1, size: SIZE }
}

fn blobs() -> Blobs {
    let blobs = Blobs::start().unwrap();
    blobs.put("c", "b", content());
    blobs
}

fn read(proxy: &Proxy, range: &str) -> Answer {
    ask(proxy.address(), "GET", "/standin/c/b", &[("range", range)], b"")
}

fn with(fault: Fault) -> (Blobs, Proxy, Answer) {
    let blobs = blobs();
    let plan = Plan { first: vec![Some(fault)], ..Plan::default() };
    let proxy = Proxy::start(blobs.address(), plan).unwrap();
    let answer = read(&proxy, "bytes=1000-200999");
    (blobs, proxy, answer)
}

#[test]
fn without_a_fault_it_is_not_noticed() {
    let blobs = blobs();
    let proxy = Proxy::start(blobs.address(), Plan::default()).unwrap();
    let answer = read(&proxy, "bytes=1000-200999");
    assert_eq!((answer.status, &answer.body[..]), (206, &content().range(1_000..201_000)[..]));
    assert!(proxy.wait_for(200_000, Duration::from_secs(1)));
    assert_eq!(proxy.passed_bytes(), 200_000);
    assert_eq!(proxy.reads()[0].range, Some(1_000..201_000));
    assert_eq!(proxy.through(&blobs.url()), format!("http://{}/standin", proxy.address()));
    let put = ask(proxy.address(), "PUT", "/standin/c/new", &[("x-ms-blob-type", "BlockBlob")], b"there");
    assert_eq!((put.status, blobs.blob("c", "new").unwrap().content.all().as_ref()), (201, &b"there"[..]));
}

#[test]
fn bodies_break_off_where_they_shall() {
    for fault in [Fault::Cut(70_000), Fault::Reset(70_000), Fault::Stall(70_000)] {
        let (_blobs, proxy, answer) = with(fault.clone());
        assert_eq!(answer.status, 206, "{fault:?}");
        assert!(answer.body.len() <= 70_000, "{fault:?}: {}", answer.body.len());
        assert_eq!(answer.body, content().range(1_000..1_000 + answer.body.len() as u64), "{fault:?}");
        assert_eq!(proxy.reads()[0].bytes, 70_000);
    }
}

#[test]
fn one_byte_is_another() {
    let (_blobs, _proxy, answer) = with(Fault::Corrupt(100_000));
    let right = content().range(1_000..201_000);
    let wrong: Vec<_> = answer.body.iter().zip(&right[..]).map(|(a, b)| a != b).collect();
    assert_eq!(wrong.iter().position(|wrong| *wrong), Some(100_000));
    assert_eq!((wrong.len(), wrong.iter().filter(|wrong| **wrong).count()), (200_000, 1));
}

#[test]
fn answers_are_for_other_ranges() {
    let of = |fault| {
        let (_blobs, _proxy, answer) = with(fault);
        (answer.status, answer.header("content-range").map(str::to_owned), answer.body.len())
    };
    assert_eq!(of(Fault::WrongRange(500)), (206, Some("bytes 1500-201499/300000".into()), 200_000));
    assert_eq!(of(Fault::Short(500)), (206, Some("bytes 1000-200499/300000".into()), 199_500));
    assert_eq!(of(Fault::Whole), (200, None, 300_000));
}

#[test]
fn refusals_and_redirects_are_its_own() {
    let (_blobs, _proxy, answer) = with(Fault::Status(503, Some(3)));
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "ServerBusy"), Some("3")));
    let (blobs, _proxy, answer) = with(Fault::Elsewhere("http://127.0.0.2:9".into()));
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://127.0.0.2:9/standin/c/b")));
    assert!(blobs.requests().is_empty());
}

#[test]
fn the_same_seed_makes_the_same_faults() {
    let faults = |seed| {
        let blobs = blobs();
        // Stalls make this wait.
        let kinds = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Stall).collect();
        let proxy =
            Proxy::start(blobs.address(), Plan { seed, per_mille: 500, kinds, ..Plan::default() }).unwrap();
        for at in 0..20 {
            read(&proxy, &format!("bytes={}-{}", at * 1_000, at * 1_000 + 999));
        }
        proxy.reads().into_iter().map(|read| read.fault).collect::<Vec<_>>()
    };
    assert_eq!(faults(1), faults(1));
    assert_ne!(faults(1), faults(2));
}
