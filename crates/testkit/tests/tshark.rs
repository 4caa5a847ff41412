//! What Wireshark says of the files: an oracle for the oracle.
//!
//! Needs tshark (4.0 or later) and the decompressors; says so and does nothing where they are missing.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
};

use capkeep_testkit::{Detail, Ending, Expected, FlowTruth, Protocol, Variant, variants};

/// Variants that tshark reads otherwise than is true, and what of it is compared all the same.
const DEVIATIONS: &[(&str, Deviation)] = &[
    ("xz", Deviation::CannotOpen),
    ("fragments", Deviation::Reassembles),
    ("fragments-reversed", Deviation::Reassembles),
];

/// What not to ask tshark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deviation {
    /// Anything: it cannot open the file.
    CannotOpen,
    /// What a single fragment belongs to: it gives all to the one that completes the packet.
    Reassembles,
}

/// One packet as tshark prints it.
struct Row<'a> {
    columns: Vec<&'a str>,
}

const FIELDS: [&str; 22] = [
    "frame.len",
    "frame.cap_len",
    "frame.time_epoch",
    "frame.protocols",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.len",
    "tcp.flags",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "icmp.type",
    "icmpv6.type",
    "sctp.srcport",
    "sctp.dstport",
    "tcp.stream",
    "tcp.seq_raw",
    "tcp.flags.syn",
];

impl<'a> Row<'a> {
    fn text(&self, field: &str) -> &'a str {
        FIELDS.iter().position(|f| *f == field).and_then(|at| self.columns.get(at)).copied().unwrap_or("")
    }

    fn number(&self, field: &str) -> u64 {
        let text = self.text(field);
        text.strip_prefix("0x")
            .map_or_else(|| text.parse().unwrap_or(0), |hex| u64::from_str_radix(hex, 16).unwrap_or(0))
    }

    fn time_ns(&self) -> i64 {
        let text = self.text("frame.time_epoch");
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let nanos: i64 = format!("{fraction:0<9}").parse().unwrap_or(0);
        seconds.parse::<i64>().unwrap_or(0) * 1_000_000_000 + nanos
    }

    /// Protocol, sender and receiver inside all tunnels, and the payload length where tshark tells it; `None` for
    /// what has no flow.
    fn flow(&self) -> Option<(Key, u64)> {
        let layers: Vec<_> = self.text("frame.protocols").split(':').collect();
        let ip = layers.iter().rposition(|l| matches!(*l, "ip" | "ipv6"))?;
        if layers[..ip].iter().any(|l| matches!(*l, "icmp" | "icmpv6")) {
            return None;
        }
        let (source, target) = match layers[ip] {
            "ip" => (self.text("ip.src"), self.text("ip.dst")),
            _ => (self.text("ipv6.src"), self.text("ipv6.dst")),
        };
        let transport =
            layers[ip + 1..].iter().find(|l| matches!(**l, "tcp" | "udp" | "icmp" | "icmpv6" | "sctp"))?;
        let (protocol, ports, payload) = match *transport {
            "tcp" => (
                Protocol::Tcp,
                (self.number("tcp.srcport"), self.number("tcp.dstport")),
                self.number("tcp.len"),
            ),
            "udp" => (
                Protocol::Udp,
                (self.number("udp.srcport"), self.number("udp.dstport")),
                self.number("udp.length").saturating_sub(8),
            ),
            "icmp" => (Protocol::Icmp, echo_ports(self.number("icmp.type"), 8, 0), 0),
            "icmpv6" => (Protocol::Icmp6, echo_ports(self.number("icmpv6.type"), 128, 129), 0),
            _ => (Protocol::Sctp, (self.number("sctp.srcport"), self.number("sctp.dstport")), 0),
        };
        let key = (protocol, source.to_owned(), ports.0, target.to_owned(), ports.1);
        Some((key, payload))
    }
}

fn echo_ports(kind: u64, request: u64, reply: u64) -> (u64, u64) {
    if kind == request { (request, reply) } else { (reply, request) }
}

/// Protocol, sender, its port, receiver, its port.
type Key = (Protocol, String, u64, String, u64);

/// Packets, wire bytes, payload bytes (0 where [`Row::flow`] does not tell), TCP flags.
type Counts = (u64, u64, u64, u64);

fn expected_directions(flows: &[FlowTruth]) -> BTreeMap<Key, Counts> {
    let mut all = BTreeMap::new();
    for f in flows {
        let (client, server) = (f.client.to_string(), f.server.to_string());
        let (from, to) = (u64::from(f.client_port), u64::from(f.server_port));
        let has_payload = matches!(f.protocol, Protocol::Tcp | Protocol::Udp);
        for (direction, key) in [
            (f.to_server, (f.protocol, client.clone(), from, server.clone(), to)),
            (f.to_client, (f.protocol, server.clone(), to, client.clone(), from)),
        ] {
            if direction.packets > 0 {
                let payload = if has_payload { direction.payload_bytes } else { 0 };
                let flags = u64::from(direction.tcp_flags);
                all.insert(key, (direction.packets, direction.wire_bytes, payload, flags));
            }
        }
    }
    all
}

/// Says it past the test harness, which keeps what a passing test prints to itself.
fn skip(consequence: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: tshark is not installed, {consequence}");
}

fn run(program: &str, arguments: &[&str], file: &Path) -> Option<Output> {
    Command::new(program).args(arguments).arg(file).env("TZ", "UTC").output().ok()
}

fn tshark(file: &Path) -> Option<(Output, String)> {
    let mut arguments = vec!["-n", "-T", "fields", "-E", "occurrence=l", "-o", "ipv6.tso_support:TRUE"];
    for field in FIELDS {
        arguments.extend(["-e", field]);
    }
    arguments.push("-r");
    let output = run("tshark", &arguments, file)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output, text))
}

/// All that tshark says against a variant.
fn complaints(variant: &Variant, directory: &Path) -> Vec<String> {
    let file = directory.join(variant.file_name());
    let Ok(expected) = variant.write(&file) else { return vec!["cannot be written".to_owned()] };
    let mut all = Vec::new();
    let tester = match file.extension().and_then(|e| e.to_str()) {
        Some("gz") => Some("gzip"),
        Some("zst") => Some("zstd"),
        Some("lz4") => Some("lz4"),
        Some("xz") => Some("xz"),
        _ => None,
    };
    if let Some(output) = tester.and_then(|program| run(program, &["-t", "-q"], &file))
        && output.status.success() != (expected.ending == Ending::Complete)
    {
        all.push(format!("{tester:?} -t: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let Some((output, text)) = tshark(&file) else { return vec!["tshark does not start".to_owned()] };
    let deviation = DEVIATIONS.iter().find(|(name, _)| *name == variant.name).map(|(_, d)| *d);
    let is_open = output.status.success() || expected.ending != Ending::Complete;
    if is_open == (deviation == Some(Deviation::CannotOpen)) {
        all.push(format!("status {:?}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    if deviation != Some(Deviation::CannotOpen) {
        compare(&expected, &text, deviation, &mut all);
    }
    all
}

fn compare(expected: &Expected, text: &str, deviation: Option<Deviation>, all: &mut Vec<String>) {
    let rows: Vec<_> = text.lines().map(|line| Row { columns: line.split('\t').collect() }).collect();
    let mut check = |what: &str, wanted: String, found: String| {
        if wanted != found {
            all.push(format!("{what}: wanted {wanted}, found {found}"));
        }
    };
    let sum = |field| rows.iter().map(|row| row.number(field)).sum::<u64>();
    check("packets", expected.packets.to_string(), rows.len().to_string());
    check("wire bytes", expected.wire_bytes.to_string(), sum("frame.len").to_string());
    check("captured bytes", expected.captured_bytes.to_string(), sum("frame.cap_len").to_string());
    if expected.first_ns.is_some() {
        let first = rows.iter().map(Row::time_ns).min();
        let last = rows.iter().map(Row::time_ns).max();
        check(
            "times",
            format!("{:?}", (expected.first_ns, expected.last_ns)),
            format!("{:?}", (first, last)),
        );
    }
    let mut found: BTreeMap<Key, Counts> = BTreeMap::new();
    let mut without_flow = 0;
    for row in &rows {
        let Some((key, payload)) = row.flow() else {
            without_flow += 1;
            continue;
        };
        let counts = found.entry(key).or_default();
        counts.0 += 1;
        counts.1 += row.number("frame.len");
        counts.2 += payload;
        counts.3 |= row.number("tcp.flags") & 0xff;
    }
    let mut wanted = expected_directions(&expected.flows);
    if deviation == Some(Deviation::Reassembles) {
        for counts in wanted.values_mut().chain(found.values_mut()) {
            (counts.0, counts.1) = (0, 0);
        }
    } else {
        check("without flow", expected.without_flow.to_string(), without_flow.to_string());
    }
    let only = |a: &BTreeMap<Key, Counts>, b: &BTreeMap<Key, Counts>| {
        let mut rest: Vec<_> = a.iter().filter(|(k, v)| b.get(*k) != Some(*v)).collect();
        rest.truncate(3);
        format!("{rest:?}")
    };
    if expected.detail == Detail::Headers {
        check("flows", only(&wanted, &found), only(&found, &wanted));
    }
    let streams =
        rows.iter().filter(|r| !r.text("tcp.stream").is_empty()).map(|r| r.number("tcp.stream") + 1).max();
    let tcp = expected.flows.iter().filter(|f| f.protocol == Protocol::Tcp).count() as u64;
    if !expected.splits_allowed && expected.detail == Detail::Headers {
        check("TCP streams", tcp.to_string(), streams.unwrap_or(0).to_string());
    }
}

#[test]
fn tshark_reads_every_variant_as_it_was_meant() {
    if Command::new("tshark").arg("--version").output().is_err() {
        skip("the variants have not been checked against it");
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut all = Vec::new();
        while let Some(variant) = variants().get(next.fetch_add(1, Ordering::Relaxed)) {
            for complaint in complaints(variant, directory.path()) {
                all.push(format!("{}: {complaint}", variant.name));
            }
        }
        all
    };
    let all: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|w| w.join().unwrap_or_default()).collect()
    });
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn tshark_finds_nothing_wrong_with_the_base_set() {
    let Some(variant) = variants().first() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join(variant.file_name());
    variant.write(&file).expect("a file");
    let arguments = [
        "-n",
        "-q",
        "--disable-protocol",
        "http",
        "-o",
        "ip.check_checksum:TRUE",
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
        "-z",
        "expert,warn,ip or tcp or udp or icmp or icmpv6 or dns",
        "-r",
    ];
    let Some(output) = run("tshark", &arguments, &file) else {
        skip("nobody has looked for errors in the base set");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    for word in ["Malformed", "hecksum", "ut-Of-Order", "not captured", "unseen", "Errors", "etransmission"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}
