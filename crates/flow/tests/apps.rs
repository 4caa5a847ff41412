//! What applications said in a capture of real programs, against what those programs were told to do.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::sync::Mutex;

use capkeep_flow::{Apps, Event, FlowRecord, Input, Options, analyze};

/// A virtual machine that looks up names, fetches files and asks for the time; see its README.
const CAPTURE: &str = "../../testdata/web-and-dns/packetcapture_12_55_46_505.cap";

fn flows(options: &Options) -> Vec<FlowRecord> {
    let flows = Mutex::new(Vec::new());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE);
    analyze(&[Input::File(path)], options, &|event| {
        if let Event::Flows(more) = event {
            flows.lock().unwrap().extend_from_slice(more);
        }
    });
    flows.into_inner().unwrap()
}

fn of<'a>(flows: &'a [FlowRecord], service: &str) -> Vec<&'a Apps> {
    let apps = flows.iter().filter_map(|flow| flow.apps.as_deref());
    apps.filter(|apps| apps.service() == Some(service)).collect()
}

#[test]
fn programs_are_heard_to_do_what_they_did() {
    let flows = flows(&Options::default());
    let lookups: Vec<_> =
        of(&flows, "dns").iter().flat_map(|apps| &apps.dns.as_ref().unwrap().lookups).collect();
    let missing: Vec<_> = lookups.iter().filter(|lookup| lookup.rcode == Some(3)).collect();
    assert_eq!(missing.iter().map(|lookup| &*lookup.name).collect::<Vec<_>>(), ["nowhere.contoso.test"]);
    assert!(lookups.iter().all(|lookup| lookup.latency.is_some_and(|nanos| nanos > 0)));
    let text = lookups.iter().find(|lookup| lookup.kind == 16).unwrap();
    assert_eq!((&*text.name, text.answers.len()), ("contoso.test", 1));

    let http: Vec<_> = of(&flows, "http").iter().map(|apps| apps.http.as_deref().unwrap()).collect();
    let kept_alive = http.iter().find(|http| http.requests == 3).unwrap();
    assert_eq!(
        (&*kept_alive.codes, &*kept_alive.hosts),
        (&[(200, 3)][..], &[("v4only.contoso.test".into(), 3)][..])
    );
    assert!(kept_alive.exchanges.iter().all(|exchange| exchange.latency.is_some()));
    assert_eq!(http.iter().filter(|http| http.codes == [(404, 1)]).count(), 1);

    let tls: Vec<_> = of(&flows, "tls").iter().map(|apps| apps.tls.as_deref().unwrap()).collect();
    assert_eq!(tls.len(), 5);
    assert!(
        tls.iter().all(|tls| tls.sni.as_deref() == Some("www.contoso.test") && tls.version == Some(0x0303))
    );
    assert_eq!(of(&flows, "ntp").iter().map(|apps| apps.ntp.as_ref().unwrap().requests).sum::<u64>(), 6);
}

#[test]
fn answers_name_the_addresses_of_flows() {
    let flows = flows(&Options::default());
    let apps = || flows.iter().filter_map(|flow| flow.apps.as_deref());
    let web = flows.iter().find(|flow| flow.server.port == 443).unwrap();
    let names: Vec<_> = apps().flat_map(Apps::names).filter(|(ip, _)| *ip == web.server.ip).collect();
    assert!(names.iter().any(|(_, name)| *name == "www.contoso.test"), "{names:?}");
}

/// Big-endian pcap with packets of TCP over IPv4, each from its own address to port 443: its
/// number, sequence number, payload.
fn capture(packets: impl Iterator<Item = (u32, u32, Vec<u8>)>) -> Vec<u8> {
    let mut file = vec![0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 101];
    for (client, seq, payload) in packets {
        let length = 40 + payload.len() as u32;
        let mut header = [0; 40];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        (header[8], header[9]) = (64, 6);
        header[12..16].copy_from_slice(&(0x0a00_0000 + client).to_be_bytes());
        header[16..20].copy_from_slice(&[192, 0, 2, 1]);
        header[20..24].copy_from_slice(&[0xc0, 0, 1, 0xbb]);
        header[24..28].copy_from_slice(&seq.to_be_bytes());
        (header[32], header[33]) = (0x50, 0x18);
        for word in [0, 0, length, length] {
            file.extend(word.to_be_bytes());
        }
        file.extend(header);
        file.extend(payload);
    }
    file
}

/// Clients that begin and leave a hello of 16 kB each: 80 MB of them.
const FLOWS: u32 = 5000;

#[test]
fn half_hellos_without_end_are_given_up_oldest_first() {
    // A hello with a name and an extension of 16,000 bytes, of which the last comes when all others have begun.
    let extensions = [&b"\0\0\0\x0e\0\x0c\0\0\x09a.example\0\x15\x3e\x80"[..], &[0; 16_000]].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        b"\0\0\x02\x13\x01\x01\0",
        &(extensions.len() as u16).to_be_bytes(),
        &extensions,
    ];
    let body = body.concat();
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1][..], &length[1..], &body].concat();
    let hello = [&[22, 3, 1][..], &(message.len() as u16).to_be_bytes(), &message].concat();
    let (first, last) = hello.split_at(hello.len() - 1);

    let halves = (0..FLOWS).map(|client| (client, 1, first.to_vec()));
    let rest = (0..FLOWS).map(|client| (client, 1 + first.len() as u32, last.to_vec()));
    let input = Input::Bytes(capture(halves.chain(rest)).into());
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let named = Mutex::new(Vec::new());
        pool.install(|| {
            analyze(std::slice::from_ref(&input), &Options::default(), &|event| {
                if let Event::Flows(flows) = event {
                    let is_named = |flow: &FlowRecord| flow.apps.as_ref()?.tls.as_ref()?.sni.clone();
                    named.lock().unwrap().extend(flows.iter().map(|flow| is_named(flow).is_some()));
                }
            })
        });
        named.into_inner().unwrap()
    };
    let named = run(1);
    let forgotten = named.iter().take_while(|is_named| !**is_named).count();
    assert!((500..4500).contains(&forgotten), "{forgotten} of {FLOWS} hellos were given up");
    assert!(named[forgotten..].iter().all(|is_named| *is_named), "not the oldest ones");
    assert_eq!(run(2), named);
}

#[test]
fn nobody_listens_where_packets_are_only_counted() {
    let flows = flows(&Options { health: false, ..Options::default() });
    assert!(flows.iter().all(|flow| flow.apps.is_none()));
}
