//! Machines for tests: network namespaces joined by a bridge, cleaned up when they are dropped.

#![allow(
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::doc_markdown,
    unreachable_pub,
    reason = "a test that is skipped says so; tests wait"
)]

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use capkeep_pcap::Reader;

/// A name nobody else on this machine has.
fn unique() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("ck{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// True where namespaces can be made and tcpdump is there. Tells loudly where not.
pub fn can_capture() -> bool {
    let works = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    let probe = unique();
    let can = works("ip", &["netns", "add", &probe]) && works("ip", &["netns", "del", &probe]);
    let can = can && works("tcpdump", &["--version"]) && works("python3", &["--version"]);
    if !can {
        eprintln!("SKIPPED: this test needs root, ip, tcpdump and python3");
    }
    can
}

/// Runs a command to its end and insists that it goes well.
pub fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
}

/// Namespaces `names[0]`, `names[1]`, …, which have `eth0` with 10.77.0.1, 10.77.0.2, … and fd77::1, fd77::2, …
pub struct Network {
    pub names: Vec<String>,
    bridge: String,
}

impl Network {
    pub fn new(count: usize) -> Self {
        let unique = unique();
        let names = (1..=count).map(|number| format!("{unique}-{number}")).collect();
        let this = Self { names, bridge: format!("{unique}-b") };
        run("ip", &["netns", "add", &this.bridge]);
        this.at_bridge(&["link", "add", "br0", "type", "bridge"]);
        this.at_bridge(&["link", "set", "br0", "up"]);
        for (index, name) in this.names.iter().enumerate() {
            let (number, port) = (index + 1, format!("p{index}"));
            run("ip", &["netns", "add", name]);
            this.at_bridge(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", name]);
            this.at_bridge(&["link", "set", &port, "master", "br0", "up"]);
            this.ip(index, &["link", "set", "lo", "up"]);
            this.ip(index, &["addr", "add", &format!("10.77.0.{number}/24"), "dev", "eth0"]);
            this.ip(index, &["addr", "add", &format!("fd77::{number}/64"), "dev", "eth0", "nodad"]);
            this.ip(index, &["link", "set", "eth0", "up"]);
        }
        this
    }

    fn at_bridge(&self, arguments: &[&str]) {
        run("ip", &[&["-n", &self.bridge], arguments].concat());
    }

    /// `ip` in a namespace.
    pub fn ip(&self, index: usize, arguments: &[&str]) {
        run("ip", &[&["-n", &self.names[index]], arguments].concat());
    }

    /// A command in a namespace.
    pub fn command(&self, index: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[index], program]);
        command
    }

    /// Runs a Python program in a namespace to its end.
    pub fn python(&self, index: usize, text: &str) {
        let output = self.command(index, "python3").args(["-c", text]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.names.iter().chain([&self.bridge]) {
            let _ = Command::new("ip").args(["netns", "del", name]).output();
        }
    }
}

/// A program in the background, killed when it is dropped.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A tcpdump that writes to a file.
pub struct Tcpdump(Background);

impl Tcpdump {
    /// Starts it and waits until it listens.
    pub fn start(network: &Network, index: usize, interface: &str, file: &Path, expression: &str) -> Self {
        Self::start_as(network, index, interface, file, expression, &[])
    }

    /// Starts it with more options.
    pub fn start_as(
        network: &Network,
        index: usize,
        interface: &str,
        file: &Path,
        expression: &str,
        options: &[&str],
    ) -> Self {
        let mut command = network.command(index, "tcpdump");
        command
            .args(["-p", "-n", "-U", "-Z", "root"])
            .args(options)
            .args(["-i", interface, "-w"])
            .arg(file)
            .arg(expression);
        let mut child = Background(command.stderr(Stdio::piped()).spawn().unwrap());
        let mut said = Vec::new();
        let stderr = child.0.stderr.as_mut().unwrap();
        while !String::from_utf8_lossy(&said).contains("listening on") {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&said));
            said.push(byte[0]);
        }
        Self(child)
    }

    /// Ends it when its file has `packets` packets and is complete.
    pub fn finish(mut self, file: &Path, packets: usize) {
        until("tcpdump has written", || packets_of(file).len() >= packets);
        let id = self.0.0.id().to_string();
        run("kill", &["-INT", &id]);
        self.0.0.wait().unwrap();
    }
}

/// Waits until something is so, ten seconds at most.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited too long until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Time, length on the wire and bytes of each whole packet of a capture file, as far as it can be read.
pub fn packets_of(path: &Path) -> Vec<(i64, u32, Vec<u8>)> {
    let mut packets = Vec::new();
    let Ok(mut reader) = Reader::open(path) else { return packets };
    while let Ok(Some(packet)) = reader.next_packet() {
        packets.push((packet.frame.timestamp.nanos(), packet.frame.wire_len, packet.data.to_vec()));
    }
    packets
}
