//! The rules of a create call: what is refused, in which words, and what is offered instead.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::net::IpAddr;

use capkeep_watcher::{Addresses, CaptureRequest, Filter, Ports, ResourceId, check, check_name};
use proptest::prelude::*;
use serde_json::{Value, json};

const MACHINE: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/v";
const SET: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/v";
const ACCOUNT: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/a";

/// What is said of a request that is right but for `change`.
fn problems(change: &Value) -> Vec<String> {
    let mut properties = json!({ "target": MACHINE, "storageLocation": { "storageId": ACCOUNT } });
    for (key, value) in change.as_object().unwrap() {
        properties[key] = value.clone();
    }
    let request: CaptureRequest = serde_json::from_value(json!({ "properties": properties })).unwrap();
    check(&request).iter().map(ToString::to_string).collect()
}

#[test]
fn right_requests_have_no_problem() {
    for right in [
        json!({}),
        json!({ "timeLimitInSeconds": 18000, "totalBytesPerSession": 4_294_967_295_i64, "bytesToCapturePerPacket": 0 }),
        json!({ "storageLocation": { "filePath": "/var/captures/a.cap" } }),
        json!({ "storageLocation": { "filePath": "C:\\captures\\a.cap" } }),
        json!({ "storageLocation": { "filePath": "capture\\capture.cap" } }),
        json!({ "storageLocation": { "storageId": ACCOUNT, "storagePath": "https://a.blob.core.windows.net/c/d/e.cap" } }),
        json!({ "target": SET, "targetType": "AzureVMSS", "scope": { "include": ["0"], "exclude": [] } }),
        json!({ "continuousCapture": true, "captureSettings": { "fileCount": 2 }, "storageLocation": { "localPath": "/var/captures/a.cap" } }),
        json!({ "filters": [{ "protocol": "Tcp", "localIPAddress": "127.0.0.1-127.0.0.255", "remotePort": "80;443;" }, {}] }),
    ] {
        assert_eq!(problems(&right), Vec::<String>::new(), "{right}");
    }
}

#[test]
fn each_mistake_names_its_rule_and_the_nearest_right_value() {
    for (wrong, words) in [
        (
            json!({ "timeLimitInSeconds": 20000 }),
            "is not between 0 and 18000 seconds; nearest right value: 18000",
        ),
        (json!({ "bytesToCapturePerPacket": -1 }), "nearest right value: 0"),
        (json!({ "target": "vm1" }), "properties.target: not a resource id: no / at the start in \"vm1\""),
        (json!({ "target": ACCOUNT }), "neither a virtual machine nor a scale set"),
        (json!({ "target": SET }), "the target is a scale set; nearest right value: AzureVMSS"),
        (json!({ "targetType": "Container" }), "\"Container\" is neither AzureVM nor AzureVMSS"),
        (json!({ "scope": { "include": ["1"] } }), "is for scale sets only"),
        (json!({ "storageLocation": {} }), "a storage account (storageId), a path on the machine, or both"),
        (json!({ "storageLocation": { "storageId": "acct" } }), "storageId: not a resource id"),
        (
            json!({ "storageLocation": { "filePath": "/tmp/a.cap" } }),
            "nearest right value: /var/captures/a.cap",
        ),
        (json!({ "storageLocation": { "filePath": "C:\\a.pcap" } }), "nearest right value: C:\\a.cap"),
        (json!({ "storageLocation": { "localPath": "/var/captures/a.cap" } }), "is for a ring of files"),
        (
            json!({ "continuousCapture": false, "storageLocation": { "filePath": "/var/captures/a.cap" } }),
            "a ring of files has localPath",
        ),
        (json!({ "captureSettings": {} }), "set continuousCapture too"),
        (
            json!({ "storageLocation": { "storageId": ACCOUNT, "storagePath": "https://a.blob.core.windows.net/c" } }),
            "names no blob",
        ),
        (
            json!({ "storageLocation": { "storageId": ACCOUNT, "storagePath": "https://a.blob.core.windows.net//e.cap" } }),
            "names no blob",
        ),
        (
            json!({ "storageLocation": { "storageId": ACCOUNT, "storagePath": "https://a.blob.core.windows.net/c/e.cap?sv=1&sig=SECRET" } }),
            "has a query, such as a signature; the service signs by itself; nearest right value: https://a.blob.core.windows.net/c/e.cap",
        ),
        (
            json!({ "filters": [{ "protocol": "icmp" }] }),
            "filters[0].protocol: \"icmp\" is neither TCP nor UDP nor Any",
        ),
        (
            json!({ "filters": [{}, { "remotePort": "443-80" }] }),
            "filters[1].remotePort: \"443-80\" ends before it begins; nearest right value: 80-443",
        ),
    ] {
        let found = problems(&wrong);
        assert!(found.len() == 1 && found[0].contains(words), "{wrong}: {found:?} instead of {words}");
        assert!(!found[0].contains("SECRET"), "{found:?}");
    }
}

#[test]
fn addresses_are_one_a_range_or_a_list() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let parse = |text: &str| text.parse::<Addresses>();
    assert_eq!(parse(""), Ok(Addresses::Any));
    assert_eq!(parse("10.0.0.4"), Ok(Addresses::List(vec![ip("10.0.0.4")])));
    assert_eq!(parse("10.0.0.4;::1;"), Ok(Addresses::List(vec![ip("10.0.0.4"), ip("::1")])));
    assert_eq!(parse("10.0.0.4-10.0.0.9"), Ok(Addresses::Range(ip("10.0.0.4"), ip("10.0.0.9"))));
    for (text, nearest) in [
        ("1.1.1.1-255.255.255", Some("1.1.1.1-255.255.255.255")),
        ("10.0.0.4-9", Some("10.0.0.4-10.0.0.9")),
        ("10.0.0.9-10.0.0.4", Some("10.0.0.4-10.0.0.9")),
        ("10.1.2.3/24", Some("10.1.2.0-10.1.2.255")),
        ("10.1.2.3/0", Some("0.0.0.0-255.255.255.255")),
        ("2001:db8::/64", Some("2001:db8::-2001:db8::ffff:ffff:ffff:ffff")),
        ("10.0.0.1,10.0.0.2", Some("10.0.0.1;10.0.0.2;")),
        ("10.0.0.1;;10.0.0.2", Some("10.0.0.1;10.0.0.2;")),
        ("10.0.0.1-10.0.0.2;10.0.0.3", None),
        ("10.0.0.1-::1", None),
        ("10.0.0", None),
        ("10.0.0.256", None),
        ("host", None),
        ("10.0.0.1/33", None),
        ("a-b-c", None),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.nearest.as_deref(), nearest, "{text}: {error}");
    }
}

#[test]
fn ports_are_one_a_range_or_a_list() {
    let parse = |text: &str| text.parse::<Ports>();
    assert_eq!(parse("80"), Ok(Ports::List(vec![80])));
    assert_eq!(parse("80-85"), Ok(Ports::Range(80, 85)));
    assert_eq!(parse("80;443;"), Ok(Ports::List(vec![80, 443])));
    assert_eq!(parse(" 80 ; 443 "), Ok(Ports::List(vec![80, 443])));
    for (text, nearest) in [
        ("80,443", Some("80;443;")),
        ("80:85", Some("80-85")),
        ("80..85", Some("80-85")),
        ("https", Some("443")),
        ("85-80", Some("80-85")),
        ("65536", None),
        ("-80", None),
        ("80-", None),
        ("+80", None),
        ("80-85;90", None),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.nearest.as_deref(), nearest, "{text}: {error}");
    }
}

#[test]
fn ids_are_compared_without_their_case_and_keep_it() {
    let id: ResourceId = MACHINE.parse().unwrap();
    assert_eq!(id.to_string(), MACHINE);
    assert_eq!(id, MACHINE.to_lowercase().parse().unwrap());
    assert!(id.is("microsoft.compute/VIRTUALMACHINES"));
    assert_eq!((id.name(), id.name_of("virtualmachines")), ("v", Some("v")));
    for wrong in [
        "",
        "/",
        "subscriptions/s",
        "/subscriptions/s",
        "/subscriptions//resourceGroups/g/providers/p/t/n",
        "/subscriptions/s/resourceGroups/g/providers/p",
        "/subscriptions/s/resourceGroups/g/providers/p/t",
        "/subscriptions/s/resourceGroups/g/providers/p/t/",
    ] {
        assert!(wrong.parse::<ResourceId>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_value_or_an_error_with_a_right_suggestion(text in "[0-9a-f:.;,/ *-]{0,24}|\\PC{0,12}") {
        match text.parse::<Addresses>() {
            Ok(addresses) => prop_assert_eq!(addresses.to_string().parse::<Addresses>(), Ok(addresses)),
            Err(error) => if let Some(nearest) = error.nearest {
                prop_assert!(nearest.parse::<Addresses>().is_ok(), "{:?} for {:?}", nearest, text);
            },
        }
        match text.parse::<Ports>() {
            Ok(ports) => prop_assert_eq!(ports.to_string().parse::<Ports>(), Ok(ports)),
            Err(error) => if let Some(nearest) = error.nearest {
                prop_assert!(nearest.parse::<Ports>().is_ok(), "{:?} for {:?}", nearest, text);
            },
        }
        let _ = text.parse::<ResourceId>();
    }

    #[test]
    fn a_range_contains_what_lies_between(first: u32, last: u32, other: u32) {
        let ip = |bits: u32| IpAddr::from(bits.to_be_bytes());
        let (first, last) = (first.min(last), first.max(last));
        let range: Addresses = format!("{}-{}", ip(first), ip(last)).parse().unwrap();
        prop_assert_eq!(range.contains(ip(other)), first <= other && other <= last);
        prop_assert!(!range.contains("::1".parse().unwrap()));
    }

    #[test]
    fn any_filter_is_checked_without_a_panic(local in "\\PC{0,12}", remote in "\\PC{0,12}") {
        let filter = Filter { local_ip_address: Some(local), remote_port: Some(remote), ..Filter::default() };
        let mut request = CaptureRequest::default();
        request.properties.filters = Some(vec![filter]);
        prop_assert!(!check(&request).is_empty());
    }
}

#[test]
fn names_that_no_resource_has_are_refused() {
    for right in ["a", "psnrp3138", "mathi-pcap-test", "1.2_3", &"x".repeat(80)] {
        assert_eq!(check_name(right), None, "{right}");
    }
    for (wrong, nearest) in [
        ("", None),
        ("..", None),
        ("a/stop", Some("a-stop")),
        ("a b?", Some("a-b-")),
        ("a\u{7}", Some("a-")),
        (&"x".repeat(81), Some(&*"x".repeat(80))),
    ] {
        assert_eq!(check_name(wrong).unwrap().nearest.as_deref(), nearest, "{wrong}");
    }
}
