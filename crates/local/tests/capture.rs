//! Sessions capture what tcpdump captures, in network namespaces that stand for machines.

#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::format_collect,
    reason = "a test that is skipped says so; tests wait"
)]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use capkeep_local::capture::{CaptureError, End, Existing, Layout, Machine, Session, Snapshot, Spec};
use capkeep_watcher::{Filter, Parameters, StopReason};
use support::{Background, Network, Tcpdump, can_capture, packets_of, run, until};

/// Names the namespace and the file of a child process that captures.
const CHILD: &str = "CAPKEEP_TEST_CAPTURES";

/// Bytes of a datagram of 100 bytes in a file: headers of the record, Ethernet, IPv4 and UDP.
const RECORD: u64 = 16 + 14 + 20 + 8 + 100;

/// Sends datagrams of 100 bytes to port 5005.
fn datagrams(to: &str, count: usize) -> String {
    format!(
        "import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         for n in range({count}): s.sendto(n.to_bytes(4, 'big') * 25, ('{to}', 5005))"
    )
}

fn machine(network: &Network, index: usize) -> Machine {
    Machine { namespace: Some(network.names[index].clone()), interface: None }
}

fn udp() -> Filter {
    Filter { protocol_text: Some("UDP".into()), ..Filter::default() }
}

fn spec(machine: Machine, filter: Filter, path: &Path) -> Spec {
    let parameters = Parameters { filters: Some(vec![filter]), ..Parameters::default() };
    Spec::new(&parameters, machine, path)
}

fn start(spec: &Spec) -> Session {
    Session::start(spec, |_: &Snapshot| {}).unwrap()
}

fn stopped(session: &Session) -> Snapshot {
    session.stop();
    session.wait()
}

fn has_reason(snapshot: &Snapshot, reason: StopReason) -> bool {
    snapshot.over == Some(End::Stopped(reason))
}

/// Same packets in the same order, at the same time but for what two sockets stamp a little apart.
fn assert_same(ours: &Path, theirs: &Path) {
    let (ours, theirs) = (packets_of(ours), packets_of(theirs));
    assert_eq!(ours.len(), theirs.len());
    for (number, (our, their)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!((our.1, &our.2), (their.1, &their.2), "packet {number}");
        assert!((our.0 - their.0).abs() < 100_000_000, "packet {number}: {} {}", our.0, their.0);
    }
}

#[test]
fn captures_with_different_filters_side_by_side_take_what_tcpdump_takes() {
    if !can_capture() {
        return;
    }
    let network = Network::new(3);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();

    let mut server = network.command(0, "python3");
    let server = server.args(["-m", "http.server", "8080", "--directory"]).arg(folder.path());
    let _server = Background(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let mut echo = network.command(0, "python3");
    let text = "import socket, threading\n\
        def echo(port):\n\
        \x20 s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n\
        \x20 s.bind(('::', port))\n\
        \x20 while True:\n\
        \x20  data, peer = s.recvfrom(2000)\n\
        \x20  s.sendto(data, peer)\n\
        for port in (5005, 6000): threading.Thread(target=echo, args=(port,)).start()";
    let _echo = Background(echo.args(["-c", text]).spawn().unwrap());
    let talk = "import socket, sys, time, urllib.request\n\
        for n in range(200):\n\
        \x20 try: urllib.request.urlopen('http://10.77.0.1:8080/').read(); break\n\
        \x20 except OSError: time.sleep(0.02)\n\
        for n in range(20): urllib.request.urlopen('http://10.77.0.1:8080/').read()\n\
        for family, to in ((socket.AF_INET, '10.77.0.1'), (socket.AF_INET6, 'fd77::1')):\n\
        \x20 s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(0.5)\n\
        \x20 for n in range(50):\n\
        \x20  for port in (5005, 6000):\n\
        \x20   for attempt in range(20):\n\
        \x20    s.sendto(b'x' * (100 + n), (to, port))\n\
        \x20    try: s.recvfrom(2000); break\n\
        \x20    except OSError: time.sleep(0.02)";
    // Everything is up before the captures begin, so that both see the same.
    network.python(1, talk);

    let web =
        Filter { protocol_text: Some("TCP".into()), local_port: Some("8080".into()), ..Filter::default() };
    let some = Filter {
        protocol_text: Some("Udp".into()),
        local_port: Some("5000-5010".into()),
        remote_ip_address: Some("10.77.0.3;fd77::2;".into()),
        ..Filter::default()
    };
    let expressions = [
        (web, "tcp port 8080"),
        (some, "udp portrange 5000-5010 and (ip host 10.77.0.3 or ip6 host fd77::2)"),
    ];
    let pairs: Vec<_> = expressions
        .into_iter()
        .enumerate()
        .map(|(number, (filter, expression))| {
            let (ours, theirs) = (file(&format!("{number}.cap")), file(&format!("{number}.pcap")));
            let tcpdump = Tcpdump::start(&network, 0, "eth0", &theirs, expression);
            let session = start(&spec(machine(&network, 0), filter, &ours));
            (session, tcpdump, ours, theirs)
        })
        .collect();
    network.python(1, talk);
    network.python(2, talk);
    for (session, tcpdump, ours, theirs) in pairs {
        let end = stopped(&session);
        assert!(has_reason(&end, StopReason::Manual), "{end:?}");
        assert_eq!(end.drops, 0);
        assert_eq!(end.packets as usize, packets_of(&ours).len());
        assert_eq!(end.bytes, std::fs::metadata(&ours).unwrap().len());
        assert!(end.packets >= 200, "{end:?}");
        tcpdump.finish(&theirs, end.packets as usize);
        assert_same(&ours, &theirs);
    }
    assert_eq!(std::fs::read_link("/proc/self/ns/net").unwrap(), own);
}

#[test]
fn all_interfaces_and_vlan_tags_look_as_tcpdump_shows_them() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    network.ip(0, &["link", "add", "more", "type", "veth", "peer", "name", "other"]);
    network.ip(0, &["link", "set", "more", "up"]);
    // Frames with one tag, with two, and with one of the outer kind; the kernel takes off the first that comes in.
    let tagged = "import socket, struct\n\
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))\n\
        ip = bytes.fromhex('450000200001000040110000') + socket.inet_aton('10.77.0.9') * 2\n\
        ip += struct.pack('!HHHH', 9, 9, 12, 0) + b'tags'\n\
        for tags in ('81000005', '88a80007' '8100a005', '88a80fff'):\n\
        \x20 for n in range(5): s.send(b'\\xff' * 6 + b'\\x02' * 6 + bytes.fromhex(tags + '0800') + ip)";
    for (interface, link, expression) in
        [(Some("eth0"), "EN10MB", "vlan"), (None, "LINUX_SLL", "udp and port 5005")]
    {
        let ours = folder.path().join(format!("{link}.cap"));
        let theirs = folder.path().join(format!("{link}.pcap"));
        let name = interface.unwrap_or("any");
        let tcpdump = Tcpdump::start_as(&network, 0, name, &theirs, expression, &["-y", link]);
        let machine = Machine { interface: interface.map(str::to_owned), ..machine(&network, 0) };
        let session = start(&spec(machine, udp(), &ours));
        // tcpdump can't ask for tags in a cooked capture.
        let (there, here) = match interface {
            Some(_) => (tagged.to_owned(), tagged.to_owned()),
            None => (datagrams("10.77.0.1", 15), datagrams("10.77.0.2", 15)),
        };
        network.python(1, &there);
        network.python(0, &here);
        let end = stopped(&session);
        assert_eq!(end.packets, 30, "{end:?}");
        tcpdump.finish(&theirs, end.packets as usize);
        assert_same(&ours, &theirs);
    }
}

#[test]
fn a_byte_limit_ends_the_session_with_the_last_packet_that_fits() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limit.cap");
    let (sender, ended) = mpsc::channel();
    let layout = Layout::Single { max_bytes: 24 + 11 * RECORD - 1 };
    let spec = Spec { layout, ..spec(machine(&network, 0), udp(), &path) };
    let session = Session::start(&spec, move |end: &Snapshot| sender.send(end.clone()).unwrap()).unwrap();
    network.python(1, &datagrams("10.77.0.1", 100));
    let end = ended.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(has_reason(&end, StopReason::SizeExceeded), "{end:?}");
    assert_eq!((end.packets, end.bytes), (10, 24 + 10 * RECORD));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 24 + 10 * RECORD);
    assert_eq!(session.wait(), end);
}

#[test]
fn a_time_limit_ends_a_session_without_traffic_in_time() {
    if !can_capture() {
        return;
    }
    let network = Network::new(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("time.cap");
    let spec = Spec { time_limit: Duration::from_millis(300), ..spec(machine(&network, 0), udp(), &path) };
    let begun = Instant::now();
    let end = start(&spec).wait();
    let passed = begun.elapsed();
    assert!(has_reason(&end, StopReason::TimeExceeded), "{end:?}");
    // 0.1 s late at most, and another 0.3 s for a machine that is busy with other tests.
    assert!((300..700).contains(&passed.as_millis()), "{passed:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 24);
}

#[test]
fn packets_are_cut_and_keep_their_length_on_the_wire_and_none_before_the_stop_is_missed() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snap.cap");
    let session = start(&Spec { bytes_per_packet: 60, ..spec(machine(&network, 0), udp(), &path) });
    network.python(1, &datagrams("10.77.0.1", 500));
    assert_eq!(stopped(&session).packets, 500);
    let packets = packets_of(&path);
    assert_eq!(packets.len(), 500);
    assert!(packets.iter().all(|(_, wire, bytes)| (*wire, bytes.len()) == (142, 60)));
}

#[test]
fn a_ring_deletes_its_oldest_file_or_ends_when_it_is_full() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let ring = |name: &str, wraps| Spec {
        layout: Layout::Ring { max_files: 3, max_file_bytes: 24 + 10 * RECORD + 5, wraps },
        ..spec(machine(&network, 0), udp(), &folder.path().join(name))
    };
    let (wrapping, filling) = (start(&ring("wrap.cap", true)), start(&ring("fill.cap", false)));
    network.python(1, &datagrams("10.77.0.1", 75));

    let end = filling.wait();
    assert!(has_reason(&end, StopReason::SizeExceeded), "{end:?}");
    assert_eq!((end.packets, end.bytes), (30, 3 * (24 + 10 * RECORD)));
    let end = stopped(&wrapping);
    assert!(has_reason(&end, StopReason::Manual), "{end:?}");
    assert_eq!((end.packets, end.bytes), (75, 3 * 24 + 25 * RECORD));

    let path = |name: &str| folder.path().join(name);
    assert_eq!(filling.files(), [path("fill_00001.cap"), path("fill_00002.cap"), path("fill_00003.cap")]);
    assert_eq!(wrapping.files(), [path("wrap_00006.cap"), path("wrap_00007.cap"), path("wrap_00008.cap")]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
    let numbers: Vec<u8> =
        wrapping.files().iter().flat_map(|path| packets_of(path)).map(|packet| packet.2[45]).collect();
    assert_eq!(numbers, (50..75).collect::<Vec<u8>>());
}

#[test]
fn packets_the_kernel_had_no_room_for_are_counted_as_drops() {
    if !can_capture() {
        return;
    }
    let network = Network::new(1);
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine { interface: Some("lo".into()), ..machine(&network, 0) };
    let spec = spec(machine, udp(), &folder.path().join("flood.cap"));
    let session = start(&Spec { receive_buffer_bytes: 4096, ..spec });
    network.python(0, &datagrams("127.0.0.1", 20_000));
    let end = stopped(&session);
    assert!(end.drops > 0, "{end:?}");
    // The loopback's second copy is not counted, and nothing vanishes.
    assert_eq!(end.packets + end.drops, 20_000, "{end:?}");
}

#[test]
fn a_session_ends_when_its_interface_goes() {
    if !can_capture() {
        return;
    }
    let network = Network::new(1);
    let folder = tempfile::tempdir().unwrap();
    let session = start(&spec(machine(&network, 0), udp(), &folder.path().join("gone.cap")));
    network.ip(0, &["link", "set", "eth0", "down"]);
    network.ip(0, &["link", "set", "eth0", "up"]);
    assert_eq!(session.state().over, None);
    network.ip(0, &["link", "del", "eth0"]);
    let end = session.wait();
    assert!(matches!(&end.over, Some(End::Failed(text)) if text.contains("gone")), "{end:?}");
}

#[test]
fn a_full_disk_ends_the_session_with_whole_records() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path());
    let path = folder.path().join("full.cap");
    let session = start(&spec(machine(&network, 0), udp(), &path));
    network.python(1, &datagrams("10.77.0.1", 2000));
    let end = session.wait();
    assert!(matches!(&end.over, Some(End::Failed(text)) if text.contains("space")), "{end:?}");
    let length = std::fs::metadata(&path).unwrap().len();
    assert_eq!(length, 24 + end.packets * RECORD);
    assert_eq!((end.bytes, packets_of(&path).len() as u64), (length, end.packets));
    assert!(end.packets > 100, "{end:?}");
    drop(disk);
}

/// A file system of 64 KiB in memory.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn new(at: &'a Path) -> Self {
        run("mount", &["-t", "tmpfs", "-o", "size=64k", "none", at.to_str().unwrap()]);
        Self(at)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).output();
    }
}

#[test]
fn what_can_not_start_says_why_and_leaves_no_file() {
    if !can_capture() {
        return;
    }
    let network = Network::new(1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.cap");
    let refused = |spec: &Spec| Session::start(spec, |_: &Snapshot| {}).unwrap_err();

    let nowhere = Machine { interface: Some("eth9".into()), ..machine(&network, 0) };
    let error = refused(&spec(nowhere, udp(), &path));
    assert!(
        matches!(&error, CaptureError::NoInterface { available, .. } if available == &["eth0", "lo"]),
        "{error}"
    );
    let nobody = Machine { namespace: Some("capkeep-nobody".into()), interface: None };
    assert!(matches!(refused(&spec(nobody, udp(), &path)), CaptureError::NoNamespace { .. }));
    let layout = Layout::Ring { max_files: 2, max_file_bytes: 40, wraps: true };
    let small = Spec { layout, ..spec(machine(&network, 0), udp(), &path) };
    assert!(matches!(refused(&small), CaptureError::FileTooSmall { .. }));
    let above = folder.path().join("b/../a.cap");
    assert!(matches!(refused(&spec(machine(&network, 0), udp(), &above)), CaptureError::Path { .. }));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    std::fs::write(&path, "mine").unwrap();
    let there = spec(machine(&network, 0), udp(), &path);
    assert!(matches!(refused(&there), CaptureError::Create { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    drop(start(&Spec { existing: Existing::Replace, ..there.clone() }));
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 24);

    let target = folder.path().join("target");
    std::os::unix::fs::symlink(&target, folder.path().join("link.cap")).unwrap();
    let link = Spec { path: folder.path().join("link.cap"), existing: Existing::Replace, ..there };
    assert!(matches!(refused(&link), CaptureError::Create { .. }));
    assert!(!target.exists());
}

#[test]
fn the_kernel_takes_long_filters() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let ports: String = (4200..5006).map(|port| format!("{port};")).collect();
    let filter = Filter { local_port: Some(ports), ..udp() };
    let session = start(&spec(machine(&network, 0), filter, &folder.path().join("long.cap")));
    network.python(1, &datagrams("10.77.0.1", 5));
    assert_eq!(stopped(&session).packets, 5);
}

#[test]
fn a_killed_process_leaves_a_file_that_can_be_read() {
    if !can_capture() {
        return;
    }
    let network = Network::new(2);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("killed.cap");
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "captures_until_it_is_killed", "--nocapture"]);
    child.env(CHILD, format!("{} {}", network.names[0], path.display())).stdout(Stdio::null());
    let mut child = Background(child.spawn().unwrap());
    until("the child captures", || path.exists());
    network.python(1, &datagrams("10.77.0.1", 3000));
    until("the packets were flushed", || packets_of(&path).len() == 3000);
    // SIGKILL, with more on its way.
    network.python(1, &datagrams("10.77.0.1", 100));
    child.0.kill().unwrap();
    child.0.wait().unwrap();

    let length = std::fs::metadata(&path).unwrap().len();
    assert_eq!((length - 24) % RECORD, 0, "half a record at the end");
    assert_eq!(packets_of(&path).len() as u64, (length - 24) / RECORD);
    if let Ok(output) = Command::new("capinfos").arg("-c").arg(&path).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
#[ignore = "is what the test of a killed process starts"]
fn captures_until_it_is_killed() {
    let told = std::env::var(CHILD).unwrap();
    let (namespace, path) = told.split_once(' ').unwrap();
    let machine = Machine { namespace: Some(namespace.to_owned()), interface: None };
    let spec = spec(machine, udp(), Path::new(path));
    // A bound in case nobody kills it.
    let end = start(&Spec { time_limit: Duration::from_mins(1), ..spec }).wait();
    panic!("nobody killed it: {end:?}");
}
