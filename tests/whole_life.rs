//! The whole life of a capture and its file: real packets between network namespaces, blob storage, and one command line.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::local::{Local, is_root};
use crate::run::{stderr, stdout};

/// Name of the account, and its key (32 bytes, made up).
pub(crate) const ACCOUNT: &str = "logs";
pub(crate) const KEY: &str = "a2V5IG9mIGFuIGFjY291bnQgZm9yIHRlc3RzIG9ubHk=";

/// The emulator of Azure's blob storage, in memory.
pub(crate) struct Azurite {
    child: Child,
    port: u16,
}

impl Azurite {
    fn start(test: &str) -> Option<Self> {
        Self::start_at(test, free_port())
    }

    pub(crate) fn start_at(test: &str, port: u16) -> Option<Self> {
        let Some(program) = std::env::var_os("CAPKEEP_TEST_AZURITE").map(PathBuf::from) else {
            eprintln!(
                "SKIPPED: {test}: CAPKEEP_TEST_AZURITE names no azurite-blob (cargo xtask test installs it)"
            );
            return None;
        };
        let child = Command::new(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--silent", "--disableTelemetry", "--inMemoryPersistence"])
            .env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{KEY}"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let azurite = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the emulator does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(azurite)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/{ACCOUNT}", self.port)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody listens at.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Two network namespaces with a cable between them.
struct Hosts {
    names: [String; 2],
}

impl Hosts {
    fn new() -> Self {
        let id = std::process::id();
        // Short: a narrow table shows them whole, however many digits the number has.
        let names = [format!("ckw-{id}"), format!("ckd-{id}")];
        for name in &names {
            ip(&["netns", "add", name]);
        }
        let hosts = Self { names };
        let [web, db] = &hosts.names;
        ip(&["link", "add", "eth0", "netns", web, "type", "veth", "peer", "name", "eth0", "netns", db]);
        for (name, address) in [(web, "10.77.0.1/24"), (db, "10.77.0.2/24")] {
            ip(&["-n", name, "addr", "add", address, "dev", "eth0"]);
            ip(&["-n", name, "link", "set", "lo", "up"]);
            ip(&["-n", name, "link", "set", "eth0", "up"]);
        }
        hosts
    }

    /// A web server on the first.
    fn serve(&self, folder: &Path) -> Server {
        let [web, _] = &self.names;
        fs::write(folder.join("page.html"), [b'x'; 5_000]).unwrap();
        let server = Command::new("ip")
            .args(["netns", "exec", web, "python3", "-m", "http.server", "8000", "--bind", "10.77.0.1"])
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Server(server);
        let begun = Instant::now();
        while !fetches(web) {
            assert!(begun.elapsed() < Duration::from_secs(30), "the web server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Fetches the page from within a namespace.
fn fetches(namespace: &str) -> bool {
    Command::new("ip")
        .args(["netns", "exec", namespace, "curl", "--silent", "--fail", "--output", "/dev/null"])
        .args(["--max-time", "10", "http://10.77.0.1:8000/page.html"])
        .status()
        .unwrap()
        .success()
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?}: {}", stderr(&output));
}

#[test]
fn a_capture_lives_and_its_file_is_stored_fetched_read_cleaned_up_and_brought_back() {
    let test = "a_capture_lives_and_its_file_is_stored_fetched_read_cleaned_up_and_brought_back";
    if !is_root(test) {
        return;
    }
    let Some(azurite) = Azurite::start(test) else { return };
    let hosts = Hosts::new();
    let [web, db] = &hosts.names;
    let local = Local::start(&format!(
        "[machines.{web}]\nnamespace = \"{web}\"\n[machines.{db}]\nnamespace = \"{db}\"\n\
         [storage.archive]\nendpoint = \"{}\"\nkey = \"{KEY}\"\n",
        azurite.endpoint()
    ));
    let into = local.folder.path().join("fetched");
    let run = |line: &str| {
        let output = local
            .command()
            .args(line.split_whitespace())
            .env("AZURE_STORAGE_ACCOUNT", ACCOUNT)
            .env("AZURE_STORAGE_KEY", KEY)
            .current_dir(&local.folder)
            .output()
            .unwrap();
        let told = stderr(&output);
        assert!(!told.contains(KEY) && !stdout(&output).contains(KEY), "{line}: {told}");
        assert_eq!(output.status.code(), Some(0), "{line}: {told}{}", stdout(&output));
        assert!(!told.contains("warning"), "{line}: {told}");
        stdout(&output)
    };
    let _server = hosts.serve(local.folder.path());
    run(&format!("capture create page --vm {web} --storage archive --filter protocol=TCP,local-port=8000"));
    assert!(fetches(db));
    run("capture stop page");
    run("fetch page --wait --into fetched");
    let summary = |line: &str| serde_json::from_str::<Value>(&run(line)).unwrap();
    let of_file = summary("analyze fetched/page.cap --json");
    assert_eq!(of_file["totals"]["flows"], 1, "{}", of_file["totals"]);
    let streamed = summary("analyze capture:page --json");
    assert_eq!(streamed["totals"], of_file["totals"]);
    run("capture delete page");
    let again = |line: &str| {
        let _ = fs::remove_dir_all(&into);
        run(line);
        assert_eq!(summary("analyze fetched/page.cap --json")["totals"], of_file["totals"], "{line}");
    };
    again("fetch page --into fetched");

    let listed = run("orphans list --min-age 0s");
    assert!(listed.contains("orphan ") && listed.contains(web), "{listed}");
    assert!(run("orphans list").contains("unsure"), "what is young is left alone");
    run("orphans plan --out plan.json --min-age 0s");
    run("orphans apply plan.json --min-age 0s");
    again("fetch page --into fetched");
    let undo = local
        .command()
        .args([
            "orphans",
            "apply",
            "plan.json",
            "--min-age",
            "0s",
            "--execute",
            "--yes",
            "--audit",
            "audit.jsonl",
        ])
        .env("AZURE_STORAGE_ACCOUNT", ACCOUNT)
        .env("AZURE_STORAGE_KEY", KEY)
        .current_dir(&local.folder)
        .output()
        .unwrap();
    assert_eq!(undo.status.code(), Some(2), "{}", stdout(&undo));
    assert!(stderr(&undo).contains("--no-undo"), "{}", stderr(&undo));
    run("orphans apply plan.json --min-age 0s --execute --yes --archive old --no-undo --audit audit.jsonl");
    let gone = local
        .command()
        .args(["fetch", "page"])
        .env("AZURE_STORAGE_ACCOUNT", ACCOUNT)
        .env("AZURE_STORAGE_KEY", KEY)
        .output()
        .unwrap();
    assert_eq!(gone.status.code(), Some(2), "{}", stdout(&gone));
    run("orphans restore --audit audit.jsonl");
    run("orphans restore --execute --audit audit.jsonl");
    again("fetch page --into fetched");
}
