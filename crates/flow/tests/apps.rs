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

#[test]
fn nobody_listens_where_packets_are_only_counted() {
    let flows = flows(&Options { health: false, ..Options::default() });
    assert!(flows.iter().all(|flow| flow.apps.is_none()));
}
