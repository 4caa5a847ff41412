//! Machines that are network namespaces, captured through the service and from the command line.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::{Local, is_root};
use crate::run::{stderr, stdout};

#[allow(dead_code, reason = "shared with the tests of the engine, which use all of it")]
#[path = "../../crates/local/tests/support/mod.rs"]
mod network;

use network::{Background, Network, Tcpdump, can_capture, packets_of};

/// The one file of a machine in the storage account.
fn file_of(local: &Local, machine: &str) -> PathBuf {
    let of = |path: &PathBuf| path.to_string_lossy().contains(&format!("/virtualmachines/{machine}/"));
    let files: Vec<PathBuf> = local.files().into_iter().filter(of).collect();
    assert_eq!(files.len(), 1, "{machine}: {files:?}");
    files[0].clone()
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
fn two_machines_are_captured_at_once_as_tcpdump_sees_them() {
    if !is_root("two_machines_are_captured_at_once_as_tcpdump_sees_them") || !can_capture() {
        return;
    }
    let network = Network::new(3);
    let local = Local::start(&format!(
        "[machines.inside1]\nnamespace = \"{}\"\n[machines.inside2]\nnamespace = \"{}\"\n",
        network.names[0], network.names[1]
    ));
    let folder = local.folder.path();
    let mut servers = Vec::new();
    for port in ["8080", "8081"] {
        let mut server = network.command(0, "python3");
        server.args(["-m", "http.server", port, "--directory"]).arg(folder.join("data/tls"));
        servers.push(Background(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()));
    }
    let mut echo = network.command(1, "python3");
    let text = "import socket, threading\n\
        def echo(port):\n\
        \x20 s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
        \x20 s.bind(('10.77.0.2', port))\n\
        \x20 while True:\n\
        \x20  data, peer = s.recvfrom(2000)\n\
        \x20  s.sendto(data, peer)\n\
        for port in (5005, 6000): threading.Thread(target=echo, args=(port,)).start()";
    servers.push(Background(echo.args(["-c", text]).spawn().unwrap()));
    // To what the filters let through, and to what they do not.
    let talk = "import socket, subprocess, time\n\
        for port in (8080, 8081):\n\
        \x20 for n in range(10):\n\
        \x20  for attempt in range(200):\n\
        \x20   if subprocess.call(['curl', '-sf', '-o', '/dev/null', f'http://10.77.0.1:{port}/cert.pem']) == 0: break\n\
        \x20   time.sleep(0.05)\n\
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(0.5)\n\
        for n in range(60):\n\
        \x20 for port in (5005, 6000):\n\
        \x20  for attempt in range(20):\n\
        \x20   s.sendto(b'x' * (100 + n), ('10.77.0.2', port))\n\
        \x20   try: s.recvfrom(2000); break\n\
        \x20   except OSError: time.sleep(0.02)";
    // Everything is up before the captures begin, so that both see the same.
    network.python(2, talk);

    let beside = |index: usize, expression: &str| {
        let file = folder.join(format!("{index}.pcap"));
        (Tcpdump::start(&network, index, "eth0", &file, expression), file)
    };
    let web = beside(0, "tcp port 8080");
    let dns = beside(1, "udp portrange 5000-5010 and host 10.77.0.3");
    for line in [
        "capture create web --vm inside1 --storage logs --filter protocol=TCP,local-port=8080",
        "capture create dns --vm inside2 --storage logs --filter protocol=UDP,local-port=5000-5010,remote-ip=10.77.0.3",
    ] {
        let output = local.run(line);
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
    }
    let listed = stdout(&local.run("capture list"));
    assert_eq!(listed.matches("running").count(), 2, "{listed}");
    network.python(2, talk);
    // From a machine that the second filter does not let through.
    network.python(0, &talk.replace("(8080, 8081)", "()"));
    for (name, machine, (tcpdump, theirs), least) in
        [("web", "inside1", web, 80), ("dns", "inside2", dns, 120)]
    {
        let stopped = local.run(&format!("capture stop {name}"));
        assert_eq!(stopped.status.code(), Some(0), "{}", stderr(&stopped));
        assert!(stdout(&stopped).contains("stopped by hand"), "{}", stdout(&stopped));
        let ours = file_of(&local, machine);
        let packets = packets_of(&ours).len();
        assert!(packets >= least, "{name}: {packets}");
        tcpdump.finish(&theirs, packets);
        assert_same(&ours, &theirs);
    }
}
