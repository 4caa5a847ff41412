//! Every capture in `testdata` against what the programs that made it, tshark and capinfos say of it.
//!
//! The folders are walked: a case without `truth.json`, a file that its truth does not speak of and a case that has
//! no line in [`CASES`] are failures. Where capkeep and `truth.py` count by different conventions there is a rule
//! here that says which and why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{capkeep, stderr};

/// A case, what it may say beside `captures`, and what is checked beyond its flows and counts.
struct Case {
    name: &'static str,
    also: fn(&Truth),
}

/// The cases.
const CASES: &[Case] = &[
    Case { name: "any-device", also: nothing_else },
    Case { name: "azure-shape", also: azure_addresses },
    Case { name: "cut", also: cut_files },
    Case { name: "formats", also: compressions },
    Case { name: "fragments", also: quoted_flows },
    Case { name: "ring", also: one_session },
    Case { name: "snap34", also: nothing_else },
    Case { name: "tunnels", also: tunnel_ends },
    Case { name: "web-and-dns", also: refused_and_unanswered },
];

/// ARP packets whose addresses the snap length cuts off: a flow of ARP needs them, `truth.py` counts by protocol only.
const ARP_CUT_OFF: &[(&str, u64)] = &[("snap34.pcap", 2)];

/// Captures of the inside and the outside of a tunnel at once. `truth.py` takes the two for one flow, which has
/// every packet twice; here what ran in a tunnel is apart from what did not.
const INSIDE_AND_OUTSIDE: &[&str] = &["vxlan-two-interfaces.pcapng"];

/// `truth.json` of a case.
struct Truth {
    folder: PathBuf,
    value: Value,
}

/// What capkeep says of some files.
struct Said {
    code: Option<i32>,
    stderr: String,
    summary: Value,
    flows: Vec<Value>,
}

/// A flow in the words both sides share, the client first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    protocol: String,
    client: (String, Option<u64>),
    server: (String, Option<u64>),
    /// Type, and the code of a message that has no counterpart.
    icmp: Option<(u64, Option<u64>)>,
    tunnel: Option<(String, Option<u64>)>,
    vlan: Option<u64>,
    from_client: Sent,
    from_server: Sent,
    first_ns: i64,
    last_ns: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Sent {
    packets: u64,
    wire_bytes: u64,
    /// `None` where the headers that tell it were not captured.
    payload_bytes: Option<u64>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").canonicalize().unwrap()
}

impl Truth {
    fn of(name: &str) -> Self {
        let folder = root().join(name);
        let text = fs::read_to_string(folder.join("truth.json")).unwrap();
        Self { value: serde_json::from_str(&text).unwrap(), folder }
    }

    fn captures(&self) -> &[Value] {
        self.value["captures"].as_array().unwrap()
    }

    fn paths(&self, files: &Value) -> Vec<PathBuf> {
        let files = files.as_array().map(Vec::as_slice).unwrap_or_default();
        files.iter().map(|file| self.folder.join(text(&file["name"]))).collect()
    }

    /// Names of every file the truth speaks of.
    fn names(&self) -> BTreeSet<String> {
        let keys = |key: &str| {
            let object = self.value[key].as_object();
            object.into_iter().flat_map(|object| object.keys().cloned()).collect::<Vec<_>>()
        };
        let listed = |capture: &Value| {
            let paths = [self.paths(&capture["files"]), self.paths(&capture["same_in"])].concat();
            paths
                .iter()
                .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let captures = self.captures().iter().flat_map(listed);
        captures.chain(keys("cut")).chain(keys("compressed")).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Nanoseconds of `"1795438378.411312"`.
fn nanos(value: &Value) -> i64 {
    let (seconds, fraction) = text(value).split_once('.').unwrap();
    format!("{seconds}{fraction:0<9}").parse().unwrap()
}

/// Adds up an object of numbers.
fn sum(object: &Value) -> u64 {
    object.as_object().map_or(0, |object| object.values().map(number).sum())
}

fn say(paths: &[PathBuf]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let flows = folder.path().join("flows.ndjson");
    let mut command = capkeep();
    command.args(["analyze", "--json", "--idle-timeout", "none", "--flows"]).arg(&flows).args(paths);
    let output = command.output().unwrap();
    let flows = fs::read_to_string(flows).unwrap_or_default();
    Said {
        code: output.status.code(),
        stderr: stderr(&output),
        summary: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        flows: flows.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

/// Messages that answer each other are one flow; of the others the code tells flows apart (`PAIRS` of `truth.py`).
fn icmp_of_key(protocol: &str, kind: u64, code: Option<u64>) -> (u64, Option<u64>) {
    let paired = match protocol {
        "icmp" => matches!(kind, 0 | 8 | 9 | 10 | 13..=18),
        _ => matches!(kind, 128..=131 | 133..=136 | 139 | 140 | 144 | 145),
    };
    (kind, if paired { None } else { code })
}

/// The layers tshark found, as a kind of tunnel and its identifier.
fn tunnel(row: &Value) -> Option<(String, Option<u64>)> {
    let id = |key: &str| row[key].get(0).map(number);
    let layers: Vec<&str> = text(&row["layers"]).split(' ').collect();
    let has = |layer| layers.contains(&layer);
    let found = |kind: &str, id| Some((kind.to_owned(), id));
    if has("vxlan") {
        return found("vxlan", id("vni"));
    }
    if has("geneve") {
        return found("geneve", id("vni"));
    }
    if has("erspan") {
        // tshark's fields that truth.py asks for do not hold the session: README.md of the case does.
        return found("erspan", Some(5));
    }
    if has("gre") {
        return match id("gre_key") {
            // NVGRE: the upper 24 bits of the key are the virtual subnet, the rest tells flows apart (RFC 7637 3.2).
            Some(key) => found("nvgre", Some(key >> 8)),
            None => found("gre", None),
        };
    }
    let ip: Vec<&str> = layers.into_iter().filter(|layer| layer.starts_with("ip")).collect();
    match ip[..] {
        ["ip", "ip"] => found("ipip", None),
        ["ip", "ipv6"] => found("6in4", None),
        ["ipv6", "ip"] => found("4in6", None),
        _ => None,
    }
}

fn expected_flow(row: &Value) -> Flow {
    let protocol = text(&row["protocol"]).to_owned();
    let sent = |side: &Value| Sent {
        packets: number(&side["packets"]),
        wire_bytes: number(&side["bytes"]),
        payload_bytes: side["payload_bytes"].as_u64(),
    };
    let icmp = row["icmp_type"].as_u64().map(|kind| icmp_of_key(&protocol, kind, row["icmp_code"].as_u64()));
    Flow {
        client: (text(&row["client"]).into(), row["client_port"].as_u64()),
        server: (text(&row["server"]).into(), row["server_port"].as_u64()),
        icmp,
        tunnel: tunnel(row),
        vlan: row["vlan"].get(0).map(number),
        from_client: sent(&row["from_client"]),
        from_server: sent(&row["from_server"]),
        first_ns: nanos(&row["first"]),
        last_ns: nanos(&row["last"]),
        protocol,
    }
}

fn found_flow(row: &Value) -> Flow {
    let protocol = text(&row["protocol"]).to_owned();
    let sent = |side: &str| Sent {
        packets: number(&row[format!("{side}_packets")]),
        wire_bytes: number(&row[format!("{side}_wire_bytes")]),
        payload_bytes: row[format!("{side}_payload_bytes")].as_u64(),
    };
    let kind = row["tunnel_kind"].as_str().map(|kind| (kind.to_owned(), row["tunnel_id"].as_u64()));
    let icmp = row["icmp_type"].as_u64().map(|kind| icmp_of_key(&protocol, kind, row["icmp_code"].as_u64()));
    Flow {
        client: (text(&row["client_ip"]).into(), row["client_port"].as_u64()),
        server: (text(&row["server_ip"]).into(), row["server_port"].as_u64()),
        icmp,
        tunnel: kind,
        vlan: row["vlan"].as_u64(),
        from_client: sent("client"),
        from_server: sent("server"),
        first_ns: row["first_ns"].as_i64().unwrap(),
        last_ns: row["last_ns"].as_i64().unwrap(),
        protocol,
    }
}

/// What is different, one line each.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    #[expect(clippy::needless_pass_by_value, reason = "both sides are made where they are compared")]
    fn check<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, expected: T, found: T) {
        if expected != found {
            self.0.push(format!("{what}: expected {expected:?}, found {found:?}"));
        }
    }
}

/// Compares counts and flows of one capture with what capkeep says of its files, or of a file with the same packets.
fn compare(capture: &Value, files: &[Value], said: &Said) -> Differences {
    let mut out = Differences::default();
    let summary = &said.summary;
    out.check("exit code", Some(0), said.code);
    out.check("standard error", "", said.stderr.as_str());
    let totals = &summary["totals"];
    for (truth, ours) in
        [("packets", "packets"), ("bytes", "wire_bytes"), ("captured_bytes", "captured_bytes")]
    {
        out.check(truth, number(&capture[truth]), number(&totals[ours]));
    }
    let captures = summary["captures"].as_array().unwrap();
    out.check("files", files.len(), captures.len());
    for (file, found) in files.iter().zip(captures) {
        let name = text(&file["name"]);
        out.check("name", name, text(&found["path"]).rsplit('/').next().unwrap());
        for (truth, ours) in [("packets", "packets"), ("bytes", "wire_bytes"), ("file_bytes", "file_bytes")] {
            out.check(&format!("{name}: {truth}"), number(&file[truth]), number(&found[ours]));
        }
        for (truth, ours) in [("first", "first_ns"), ("last", "last_ns")] {
            out.check(&format!("{name}: {truth}"), Some(nanos(&file[truth])), found[ours].as_i64());
        }
        out.check(&format!("{name}: format"), text(&file["format"]), text(&found["format"]));
        out.check(&format!("{name}: error"), &Value::Null, &found["error"]);
        let link = match text(&file["encapsulation"]) {
            "ether" => "ethernet",
            "linux-sll" => "linux_sll",
            "linux-sll2" => "linux_sll2",
            other => other,
        };
        out.check(
            &format!("{name}: link types"),
            vec![link],
            found["link_types"].as_array().unwrap().iter().map(text).collect(),
        );
    }
    let all = |key: &str| captures.iter().map(|capture| number(&capture[key])).sum::<u64>();
    out.check("cut by snap length", number(&capture["cut_by_snap_length"]), all("truncated_packets"));
    if let Some(interfaces) = capture["packets_by_interface"].as_object() {
        let found = captures[0]["interfaces"].as_array().unwrap();
        let found: Vec<u64> = found.iter().map(|interface| number(&interface["packets"])).collect();
        out.check("packets by interface", interfaces.values().map(number).collect(), found);
    }
    // Packets whose addresses were not captured are the only ones that are in no flow.
    let skipped: u64 = captures.iter().map(|capture| sum(&capture["skipped"])).sum();
    let arp_cut_off =
        ARP_CUT_OFF.iter().filter(|(name, _)| files[0]["name"] == *name).map(|(_, n)| n).sum::<u64>();
    out.check("in no flow", sum(&capture["addresses_cut_off"]) + arp_cut_off, skipped);
    out.check("in no flow, total", skipped, number(&totals["skipped"]));
    out.check(
        "fragments",
        number(&capture["fragments"]),
        said.flows.iter().map(|row| number(&row["fragments"])).sum(),
    );
    // truth.py counts packets of ARP beside the flows; here ARP is a flow for each pair of addresses.
    let arp = |inside: bool| -> u64 {
        let rows = said.flows.iter().filter(|row| row["protocol"] == "arp");
        let rows = rows.filter(|row| (number(&row["tunnel_depth"]) > 0) == inside);
        rows.map(|row| number(&row["client_packets"]) + number(&row["server_packets"])).sum()
    };
    out.check("ARP", sum(&capture["not_ip"]) - arp_cut_off, arp(false));
    out.check("ARP in a tunnel", sum(&capture["not_ip_in_a_tunnel"]), arp(true));
    compare_flows(capture, files, said, &mut out);
    out
}

fn compare_flows(capture: &Value, files: &[Value], said: &Said, out: &mut Differences) {
    let expected: Vec<Flow> = capture["flows"].as_array().unwrap().iter().map(expected_flow).collect();
    let found: Vec<&Value> = said.flows.iter().filter(|row| row["protocol"] != "arp").collect();
    let mut left: Vec<(Flow, &str)> =
        found.iter().map(|row| (found_flow(row), text(&row["client_by"]))).collect();
    if INSIDE_AND_OUTSIDE.iter().any(|name| files[0]["name"] == *name) {
        join_inside_and_outside(&mut left, out);
    }
    for mut flow in expected {
        if files[0]["format"] == "netmon1" {
            // Whole milliseconds is all this format keeps; editcap writes the nearest.
            for at in [&mut flow.first_ns, &mut flow.last_ns] {
                *at = (*at + 500_000).div_euclid(1_000_000) * 1_000_000;
            }
        }
        match left.iter().position(|(found, by)| same(&flow, found, by)) {
            Some(index) => drop(left.remove(index)),
            None => out.0.push(format!("missing: {flow:?}")),
        }
    }
    out.0.extend(left.into_iter().map(|(flow, by)| format!("too much, client by {by}: {flow:?}")));
}

/// Adds each flow outside the tunnel to the same one inside, which must have as many packets.
fn join_inside_and_outside(flows: &mut Vec<(Flow, &str)>, out: &mut Differences) {
    let (mut inside, outside): (Vec<_>, Vec<_>) =
        flows.drain(..).partition(|(flow, _)| flow.tunnel.is_some());
    out.check("flows outside the tunnel", inside.len(), outside.len());
    for (flow, by) in &mut inside {
        let other = outside.iter().map(|(other, _)| other);
        let same_ends = |other: &&Flow| {
            (&other.client, &other.server, &other.icmp) == (&flow.client, &flow.server, &flow.icmp)
        };
        let Some(other) = other.into_iter().find(same_ends).cloned() else {
            out.0.push(format!("not outside the tunnel, client by {by}: {flow:?}"));
            continue;
        };
        for (side, other) in
            [(&mut flow.from_client, other.from_client), (&mut flow.from_server, other.from_server)]
        {
            out.check("packets on the two interfaces", side.packets, other.packets);
            out.check("payload on the two interfaces", side.payload_bytes, other.payload_bytes);
            side.packets += other.packets;
            side.wire_bytes += other.wire_bytes;
            side.payload_bytes = side.payload_bytes.zip(other.payload_bytes).map(|(a, b)| a + b);
        }
        flow.first_ns = flow.first_ns.min(other.first_ns);
        flow.last_ns = flow.last_ns.max(other.last_ns);
    }
    *flows = inside;
}

/// True if capkeep's flow is that of the truth.
fn same(truth: &Flow, found: &Flow, client_by: &str) -> bool {
    let mut found = found.clone();
    // Without a SYN truth.py takes who sent first for the client. capkeep asks the ports and the type of ICMP
    // messages before that, so only then may a flow lie the other way round.
    if truth.client.0 != found.client.0 && ["port", "request", "syn_ack"].contains(&client_by) {
        std::mem::swap(&mut found.client, &mut found.server);
        std::mem::swap(&mut found.from_client, &mut found.from_server);
    }
    for (truth, found) in
        [(&truth.from_client, &mut found.from_client), (&truth.from_server, &mut found.from_server)]
    {
        // The truth has no payload for ICMP, and none for headers that were cut off.
        if truth.payload_bytes.is_none() {
            found.payload_bytes = None;
        }
    }
    for (truth, found) in [(&truth.client, &mut found.client), (&truth.server, &mut found.server)] {
        // Ports nobody captured are `null` there and 0 here.
        if truth.1.is_none() && found.1 == Some(0) {
            found.1 = None;
        }
    }
    *truth == found
}

#[test]
fn every_case_has_a_truth_and_a_test() {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root()).unwrap() {
        let entry = entry.unwrap();
        // These have truths of another kind, which `cargo xtask detectors` and a test of flows read.
        if entry.file_type().unwrap().is_dir()
            && !matches!(entry.file_name().to_str(), Some("findings" | "ends"))
        {
            folders.push(entry.file_name().into_string().unwrap());
        }
    }
    folders.sort();
    let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
    assert_eq!(folders, names, "folders of testdata, and CASES");
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for name in names {
        let truth = Truth::of(name);
        assert_eq!(truth.value["case"], name);
        assert!(readme.contains(&format!("({name})")), "README.md does not list {name}");
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(&truth.folder).unwrap() {
            files.insert(entry.unwrap().file_name().into_string().unwrap());
        }
        assert!(files.remove("truth.json") && files.remove("README.md"), "{name}");
        assert_eq!(files, truth.names(), "files of {name}, and those its truth.json speaks of");
    }
}

#[test]
fn every_capture_is_what_its_truth_says() {
    let mut failures = Vec::new();
    for case in CASES {
        let truth = Truth::of(case.name);
        for capture in truth.captures() {
            let files = capture["files"].as_array().unwrap();
            let same = capture["same_in"].as_array().map(Vec::as_slice).unwrap_or_default();
            for files in std::iter::once(files.as_slice()).chain(same.iter().map(std::slice::from_ref)) {
                let paths: Vec<PathBuf> =
                    files.iter().map(|file| truth.folder.join(text(&file["name"]))).collect();
                for difference in compare(capture, files, &say(&paths)).0 {
                    failures.push(format!("{}/{}: {difference}", case.name, text(&files[0]["name"])));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn cases_hold_what_they_were_made_for() {
    for case in CASES {
        (case.also)(&Truth::of(case.name));
    }
}

#[test]
fn no_capture_names_the_machine_it_was_made_on() {
    let output = capkeep().args(["analyze", "--json"]).arg(root()).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    for capture in summary["captures"].as_array().unwrap() {
        assert!(capture["hardware"].is_null() && capture["os"].is_null(), "{capture}");
    }
}

fn nothing_else(_: &Truth) {}

/// The only flow for which this is true.
fn the(said: &Said, what: impl Fn(&&Value) -> bool) -> Value {
    let found: Vec<&Value> = said.flows.iter().filter(what).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// Flows without the columns that say where they were read.
fn flows_alone(said: &Said) -> Vec<Value> {
    let mut flows = said.flows.clone();
    for flow in &mut flows {
        for column in ["capture", "capture_index", "session"] {
            flow.as_object_mut().unwrap().remove(column).unwrap();
        }
    }
    flows
}

fn azure_addresses(truth: &Truth) {
    let said = say(&truth.paths(&truth.captures()[0]["files"]));
    // The health probe connects again and again and says nothing.
    let probes =
        said.flows.iter().filter(|row| row["client_ip"] == "168.63.129.16" && row["server_port"] == 80);
    let mut count = 0;
    for probe in probes {
        assert_eq!(
            (&probe["conn_state"], number(&probe["client_payload_bytes"])),
            (&"SF".into(), 0),
            "{probe}"
        );
        count += 1;
    }
    assert!(count > 3, "{count} probes");
    let mail = the(&said, |row| row["server_port"] == 25);
    assert_eq!((&mail["conn_state"], &mail["server_packets"]), (&"S0".into(), &0.into()), "{mail}");
    // With the usual timeouts the long silence, which keep-alive probes interrupt, does not end a flow either.
    let output = capkeep().args(["analyze", "--json"]).arg(&truth.folder).output().unwrap();
    let usual: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(usual["totals"]["flows"], said.summary["totals"]["flows"]);
}

/// The first `packets` records of a classic little-endian pcap file.
fn first_packets(whole: &[u8], packets: u64) -> &[u8] {
    let mut end = 24;
    for _ in 0..packets {
        let captured = u32::from_le_bytes(whole[end + 8..end + 12].try_into().unwrap());
        end += 16 + captured as usize;
    }
    &whole[..end]
}

/// What comes before a cut counts as if the file had ended there, and the message says where that was.
fn cut_files(truth: &Truth) {
    let whole = fs::read(truth.folder.join("whole.pcap")).unwrap();
    for (name, cut) in truth.value["cut"].as_object().unwrap() {
        let said = say(&[truth.folder.join(name)]);
        let packets = number(&cut["whole_packets"]);
        let capture = &said.summary["captures"][0];
        // The unpacker's error has the place in the capture after which nothing comes out.
        let offset = cut.get("bytes_that_come_out").unwrap_or(&cut["record_offset"]);
        assert_eq!(&capture["error"]["offset"], offset, "{name}: {}", capture["error"]);
        let message =
            format!("warning: {}: {}", truth.folder.join(name).display(), text(&capture["error"]["message"]));
        assert!(said.stderr.starts_with(&message), "{name}: {}", said.stderr);
        assert!(said.stderr.contains(&offset.to_string()), "{name}: {}", said.stderr);
        assert_eq!(number(&capture["packets"]), packets, "{name}");
        if packets == 0 {
            assert_eq!(said.code, Some(2), "{name}");
            continue;
        }
        assert_eq!(said.code, Some(1), "{name}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shorter.pcap");
        fs::write(&path, first_packets(&whole, packets)).unwrap();
        let shorter = say(&[path]);
        assert_eq!((shorter.code, shorter.stderr.as_str()), (Some(0), ""));
        for key in ["packets", "wire_bytes", "captured_bytes", "first_ns", "last_ns"] {
            assert_eq!(capture[key], shorter.summary["captures"][0][key], "{name}: {key}");
        }
        assert_eq!(flows_alone(&said), flows_alone(&shorter), "{name}");
    }
    // In a folder the damaged files stop none of the others.
    let said = say(std::slice::from_ref(&truth.folder));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), truth.value["cut"].as_object().unwrap().len(), "{}", said.stderr);
    let whole =
        said.summary["captures"].as_array().unwrap().iter().find(|capture| capture["error"].is_null());
    assert_eq!(whole.unwrap()["packets"], truth.captures()[0]["packets"]);
}

fn compressions(truth: &Truth) {
    let plain = say(&[truth.folder.join("plain.pcap")]);
    for (name, how) in truth.value["compressed"].as_object().unwrap() {
        let said = say(&[truth.folder.join(name)]);
        assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{name}");
        let mut capture = said.summary["captures"][0].clone();
        let compression = capture["compression"].take();
        assert!(text(how).starts_with(text(&compression)), "{name}: {compression}");
        let mut expected = plain.summary["captures"][0].clone();
        for key in ["path", "file_bytes", "compression"] {
            expected[key] = Value::Null;
            capture[key] = Value::Null;
        }
        assert_eq!(capture, expected, "{name}");
        assert_eq!(flows_alone(&said), flows_alone(&plain), "{name}");
    }
}

/// ICMP errors name the flow they are about, and are counted there.
fn quoted_flows(truth: &Truth) {
    for capture in truth.captures() {
        let said = say(&truth.paths(&capture["files"]));
        let mut errors = 0;
        for error in said.flows.iter().filter(|row| match text(&row["protocol"]) {
            "icmp" => [3, 11].contains(&row["icmp_type"].as_u64().unwrap_or_default()),
            "icmp6" => (1..128).contains(&row["icmp_type"].as_u64().unwrap_or_default()),
            _ => false,
        }) {
            // It goes to whoever sent the packet.
            assert_eq!(error["quoted_source_ip"], error["server_ip"], "{error}");
            let end = |row: &Value, end: &str| {
                (row[format!("{end}_ip")].clone(), row[format!("{end}_port")].clone())
            };
            let [source, destination] = ["quoted_source", "quoted_destination"].map(|name| end(error, name));
            // What the server sent is quoted with the server as its source.
            let is_quoted = |row: &&Value| {
                let ends = (end(row, "client"), end(row, "server"));
                row["protocol"] == error["quoted_protocol"]
                    && number(&row["icmp_errors"]) > 0
                    && [&ends, &(ends.1.clone(), ends.0.clone())]
                        .contains(&&(source.clone(), destination.clone()))
            };
            let quoted: Vec<&Value> = said.flows.iter().filter(is_quoted).collect();
            assert_eq!(quoted.len(), 1, "{error}");
            errors += number(&error["client_packets"]);
        }
        assert!(errors > 0);
        // One of the errors quotes a fragment that is not the first: what it says beyond addresses is nobody's.
        let untold = u64::from(number(&capture["fragments"]) > 0);
        assert_eq!(said.flows.iter().map(|row| number(&row["icmp_errors"])).sum::<u64>(), errors - untold);
    }
}

/// Segments are one session in whatever order they are named, and flows go on across their edges.
fn one_session(truth: &Truth) {
    let mut paths = truth.paths(&truth.captures()[0]["files"]);
    let together = say(&paths);
    let sessions = |said: &Said| -> Vec<u64> {
        said.summary["captures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|capture| number(&capture["session"]))
            .collect()
    };
    assert_eq!(sessions(&together), vec![0; paths.len()]);
    let alone: usize = paths.iter().map(|path| say(std::slice::from_ref(path)).flows.len()).sum();
    assert!(alone > together.flows.len(), "{alone} flows in the segments, {} together", together.flows.len());
    let folder = say(std::slice::from_ref(&truth.folder));
    assert_eq!(folder.flows, together.flows);
    // A flow says which file its first packet lies in, though another capture is named between the segments.
    paths.swap(0, 3);
    paths.insert(2, root().join("snap34/whole.pcap"));
    let mixed = say(&paths);
    assert_eq!(sessions(&mixed), [0, 0, 0, 0, 1]);
    let captures = mixed.summary["captures"].as_array().unwrap();
    for flow in &mixed.flows {
        let capture = &captures[number(&flow["capture_index"]) as usize];
        assert_eq!((&flow["capture"], &flow["session"]), (&capture["path"], &capture["session"]), "{flow}");
        let first = capture["first_ns"].as_i64()..=capture["last_ns"].as_i64();
        assert!(first.contains(&flow["first_ns"].as_i64()), "{flow}");
    }
    let ring = Said { flows: mixed.flows.into_iter().filter(|flow| flow["session"] == 0).collect(), ..mixed };
    assert_eq!(flows_alone(&ring), flows_alone(&together));
}

/// The outer ends of every tunnel, on the side of the inner client and of the inner server.
fn tunnel_ends(truth: &Truth) {
    for capture in truth.captures() {
        let said = say(&truth.paths(&capture["files"]));
        let name = text(&capture["files"][0]["name"]);
        let tunnelled = said.flows.iter().filter(|row| number(&row["tunnel_depth"]) > 0);
        let mut count = 0;
        for row in tunnelled {
            assert_eq!(number(&row["tunnel_depth"]), 1, "{name}");
            let outer =
                if name == "ip4-in-ip6.pcap" { ["fd09::1", "fd09::2"] } else { ["10.9.0.1", "10.9.0.2"] };
            // The inside numbers its ends as the outside does.
            let ends = [("client_ip", "tunnel_client_ip"), ("server_ip", "tunnel_server_ip")];
            for (inner, ours) in ends {
                let expected = outer[usize::from(text(&row[inner]).ends_with('2'))];
                assert_eq!(row[ours], expected, "{name}: {row}");
            }
            count += 1;
        }
        let tagged = ["vlan.pcap", "qinq.pcap"].contains(&name);
        assert_eq!(count > 0, !tagged, "{name}");
    }
}

fn refused_and_unanswered(truth: &Truth) {
    let said = say(&truth.paths(&truth.captures()[0]["files"]));
    let refused = the(&said, |row| row["server_port"] == 8080);
    assert_eq!(refused["conn_state"], "REJ", "{refused}");
    let silent = the(&said, |row| row["server_ip"] == "203.0.113.7" && row["protocol"] == "tcp");
    assert_eq!(silent["conn_state"], "S0", "{silent}");
    assert!(number(&silent["client_packets"]) > 1, "{silent}");
}
