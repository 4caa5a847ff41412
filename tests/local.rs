//! Managing captures from the command line, against the Network Watcher on this machine.

mod leaving;
mod machines;
mod uploads;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::run::{capkeep, stderr, stdout};

/// `capkeep serve`, in a folder of its own.
pub(crate) struct Local {
    child: Child,
    pub(crate) address: String,
    pub(crate) folder: tempfile::TempDir,
    config: String,
}

const CONFIG: &str = r#"
regions = ["westeurope"]
operation_ms = 50
[machines.web1]
interface = "lo"
[machines.db1]
interface = "lo"
[scale_sets.front]
machines = ["web1", "db1"]
[storage.logs]
"#;

impl Local {
    pub(crate) fn start(more: &str) -> Self {
        Self::with(&format!("{CONFIG}{more}"), "")
    }

    fn with(config: &str, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (child, address) = serve(folder.path(), config, faults);
        Self { child, address, folder, config: config.to_owned() }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = capkeep();
        command
            .env("CAPKEEP_ENDPOINT", format!("http://{}", self.address))
            .env("CAPKEEP_LOGIN", "none")
            .env("CAPKEEP_LEDGER", self.folder.path().join("ledger.sqlite"));
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command().args(line.split_whitespace()).output().unwrap()
    }

    fn json(&self, line: &str) -> Value {
        let output = self.run(line);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{line}: {error}: {}", stderr(&output)))
    }

    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let pattern = self.folder.path().join("data/storage/**/*.cap");
        glob::glob(pattern.to_str().unwrap()).unwrap().map(Result::unwrap).collect()
    }

    /// Ends it with a signal and starts it again where it was.
    fn restart(&mut self, signal: &str, faults: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.child.wait().unwrap();
        let (child, address) = serve(self.folder.path(), &self.config, faults);
        (self.child, self.address) = (child, address);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if let Ok(Some(status)) = self.child.try_wait() {
            eprintln!("capkeep serve had ended already: {status}");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, config: &str, faults: &str) -> (Child, String) {
    let (config_path, faults_path) = (folder.join("config.toml"), folder.join("faults.toml"));
    fs::write(&config_path, config).unwrap();
    fs::write(&faults_path, if faults.is_empty() { "fault = []" } else { faults }).unwrap();
    let mut child = capkeep()
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(&config_path)
        .arg("--faults")
        .arg(&faults_path)
        .arg("--data")
        .arg(folder.join("data"))
        .env("CAPKEEP_TEST_KEY", crate::whole_life::KEY)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    (child, address)
}

/// Capturing needs root.
pub(crate) fn is_root(test: &str) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root =
        status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    if !is_root {
        eprintln!("SKIPPED: {test}: capturing packets needs root");
    }
    is_root
}

/// A request and its answer over loopback, to a port that a filter can name.
pub(crate) fn traffic(rounds: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for _ in 0..rounds {
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(&[1; 1000]).unwrap();
        server.read_exact(&mut [0; 1000]).unwrap();
    }
    port
}

#[test]
fn a_capture_is_created_seen_stopped_read_and_deleted() {
    if !is_root("a_capture_is_created_seen_stopped_read_and_deleted") {
        return;
    }
    let local = Local::start("");
    let created =
        local.run("capture create first --vm web1 --storage logs --time-limit 5m --filter protocol=TCP");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    assert!(stdout(&created).contains("running; its file appears"), "{}", stdout(&created));
    assert!(local.files().is_empty(), "a file before the session has ended");
    let port = traffic(3);
    let listed = stdout(&local.run("capture list"));
    assert!(listed.contains("first") && listed.contains("running") && listed.contains("web1"), "{listed}");
    let stopped = stdout(&local.run("capture stop first"));
    assert!(stopped.contains("stopped by hand"), "{stopped}");
    assert_eq!(local.json("capture status first --json")["stopReason"], "Manual");

    let files = local.files();
    assert_eq!(files.len(), 1);
    let summary = capkeep()
        .args(["analyze", "--json", "--filter", &format!("port {port}")])
        .arg(&files[0])
        .output()
        .unwrap();
    let summary: Value = serde_json::from_slice(&summary.stdout).unwrap();
    assert_eq!(summary["totals"]["flows"], 3, "{}", summary["totals"]);

    let shown = local.json("capture show first --json");
    let path = shown["properties"]["storageLocation"]["storagePath"].as_str().unwrap().to_owned();
    let deleted = stdout(&local.run("capture delete first"));
    assert!(deleted.contains(&format!("its file stays at {path}")), "{deleted}");
    assert_eq!(local.files(), files, "deleting keeps the file");
    assert_eq!(local.json("capture list --json"), Value::Array(Vec::new()));
    let ledger = rusqlite::Connection::open(local.folder.path().join("ledger.sqlite")).unwrap();
    let mut rows = ledger.prepare("SELECT deed, name, storage_path FROM captures ORDER BY rowid").unwrap();
    let rows: Vec<(String, String, String)> = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let expected =
        ["created", "stopped", "deleted"].map(|deed| (deed.to_owned(), "first".to_owned(), path.clone()));
    assert_eq!(rows, expected);
}

#[test]
fn a_limit_ends_a_session_and_wait_sees_why() {
    if !is_root("a_limit_ends_a_session_and_wait_sees_why") {
        return;
    }
    let local = Local::start("");
    let created = local.run("capture create short --vm web1 --storage logs --bytes 20kB --no-wait");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    let begun = Instant::now();
    while local.files().is_empty() && begun.elapsed() < Duration::from_secs(20) {
        traffic(5);
    }
    let over = stdout(&local.run("capture wait short --every 1s --deadline 20s"));
    assert!(over.contains("stopped at its byte limit of 20.0 kB"), "{over}");
    let files = local.files();
    assert!(fs::metadata(&files[0]).unwrap().len() <= 20_000);
}

#[test]
fn a_session_that_was_killed_is_told_truthfully_and_its_file_is_readable() {
    if !is_root("a_session_that_was_killed_is_told_truthfully_and_its_file_is_readable") {
        return;
    }
    let mut local = Local::start("");
    let created = local.run("capture create cut --vm web1 --storage logs");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    traffic(5);
    std::thread::sleep(Duration::from_millis(1_500));
    local.restart("-KILL", "");
    let status = local.json("capture status cut --json");
    assert_eq!(status["packetCaptureStatus"], "Stopped");
    assert!(status["packetCaptureError"][0].as_str().is_some_and(|text| !text.is_empty()), "{status}");
    // It is stored beside the answers.
    let begun = Instant::now();
    while local.files().is_empty() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let files = local.files();
    assert_eq!(files.len(), 1);
    let summary = capkeep().args(["analyze", "--json"]).arg(&files[0]).output().unwrap();
    assert_eq!(summary.status.code(), Some(0), "{}", stderr(&summary));
    let summary: Value = serde_json::from_slice(&summary.stdout).unwrap();
    assert!(summary["totals"]["packets"].as_u64().unwrap() >= 30, "{}", summary["totals"]);
}

#[test]
fn a_thousand_captures_are_listed_with_their_status_while_every_call_takes_50_ms() {
    if !is_root("a_thousand_captures_are_listed_with_their_status_while_every_call_takes_50_ms") {
        return;
    }
    let mut local = Local::start("");
    let created = local.run("capture create c0 --vm web1 --file /var/captures/c0.cap");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    assert_eq!(local.run("capture stop c0").status.code(), Some(0));
    // Captures that ended long ago are files of the service; a thousand of them are copies of one.
    let folder = local.folder.path().join("data/captures/networkwatcher_westeurope");
    let one = fs::read_to_string(folder.join("c0.json")).unwrap();
    for n in 1..1_000 {
        let copy = one
            .replace("\"c0\"", &format!("\"c{n}\""))
            .replace("packetCaptures/c0", &format!("packetCaptures/c{n}"));
        fs::write(folder.join(format!("c{n}.json")), copy).unwrap();
    }
    local.restart("-TERM", "[[fault]]\ntimes = 100000\naction = { delay = { ms = 50 } }\n");
    let begun = Instant::now();
    let listed = local.json("capture list --json");
    eprintln!("1,000 captures listed with their status in {:?}", begun.elapsed());
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 1_000);
    assert!(listed.iter().all(|capture| capture["status"]["packetCaptureStatus"] == "Stopped"));
}

/// Mistakes of new users, and what is said: the command line, a part of the first line, a part of the hint.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "capture create a --vm web2 --storage logs",
        "no virtual machine is named \"web2\"",
        "did you mean web1?",
    ),
    ("capture create a --vm mail --storage logs", "no virtual machine is named \"mail\"", "capkeep vm list"),
    (
        "capture create a --vm /subscriptions/x/web1 --storage logs",
        "not a resource id",
        "an id is /subscriptions/ID/",
    ),
    (
        "capture create a --vm /subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/logs --storage logs",
        "is not the id of a virtual machine",
        "Microsoft.Compute/virtualMachines/NAME",
    ),
    (
        "capture create a --vm web1 --storage log",
        "no storage account is named \"log\"",
        "in westeurope there are: logs",
    ),
    ("capture create a --vm web1", "--storage", ""),
    (
        "capture create a --vm web1 --storage logs --location northpole",
        "no network watcher \"northpole\"",
        "there are watchers in: westeurope",
    ),
    (
        "capture create a --vm web1 --storage logs --time-limit 6h",
        "breaks rules of the service",
        "nearest right value: 18000",
    ),
    ("capture create a --vm web1 --storage logs --time-limit 90", "not a span", ""),
    (
        "capture create a --vm web1 --storage logs --bytes 5GiB",
        "breaks rules of the service",
        "nearest right value: 4294967295",
    ),
    ("capture create a --vm web1 --storage logs --bytes lots", "not a number of bytes", ""),
    (
        "capture create a --vm web1 --file /tmp/a.cap",
        "breaks rules of the service",
        "nearest right value: /var/captures/a.cap",
    ),
    (
        "capture create a --vm web1 --file C:\\a.pcap",
        "breaks rules of the service",
        "nearest right value: C:\\a.cap",
    ),
    (
        "capture create a --vm web1 --storage logs --filter remote-ip=1.1.1.1-255.255.255",
        "it has 3 parts, not 4",
        "1.1.1.1-255.255.255.255",
    ),
    ("capture create a --vm web1 --storage logs --filter remote-port=80,443", "divided by semicolons", ""),
    ("capture create a --vm web1 --storage logs --filter tcp", "is not KEY=VALUE", ""),
    ("capture create a --vm web1 --storage logs --filter protocol=icmp", "TCP, UDP or Any", ""),
    ("capture create a --vmss frnt --storage logs", "no scale set is named \"frnt\"", "did you mean front?"),
    (
        "capture show nothing",
        "NetworkWatcher_westeurope has no capture named \"nothing\"",
        "capkeep capture list",
    ),
    ("capture stop /subscriptions/s", "not a resource id", ""),
    ("capture delete", "required", ""),
    (
        "capture create a/stop --vm web1 --storage logs",
        "breaks rules of the service",
        "nearest right value: a-stop",
    ),
    ("capture stop a/../b", "has characters that no name has", "capkeep capture list"),
    (
        "capture create a --vm web1 --storage logs --storage-path https://logs.blob.core.windows.net/c/a.cap?sig=SECRET",
        "breaks rules of the service",
        "nearest right value: https://logs.blob.core.windows.net/c/a.cap\n",
    ),
    ("capture create a --vm web1 --storage logs --bytes 1,5GB", "not a number of bytes", ""),
    ("capture list --cloud AzureGermany", "no cloud is named \"AzureGermany\"", "AzureChinaCloud"),
    ("capture list --watcher mine", "no network watcher \"mine\"", "westeurope"),
    ("capture list --endpoint http://example.com", "is not https", ""),
    ("vm", "Usage", ""),
];

#[test]
fn every_mistake_gets_a_sentence_that_helps() {
    let local = Local::start("");
    for (line, what, hint) in MISTAKES {
        let output = local.run(line);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}: {text}");
        assert!(text.contains(what), "{line}: {text}");
        assert!(text.contains(hint), "{line}: {text}");
        assert!(!text.contains("SECRET"), "{line}: {text}");
        assert!(output.stdout.is_empty(), "{line}: {}", stdout(&output));
    }
}

#[test]
fn nobody_logged_in_is_told_how() {
    let local = Local::start("");
    // Without anything to log in with; https, so that a token is wanted.
    let output = local
        .command()
        .args(["capture", "list", "--login", "cli"])
        .env("CAPKEEP_ENDPOINT", format!("https://{}", local.address))
        .env("CAPKEEP_CA", local.folder.path().join("data/tls/cert.pem"))
        .env("PATH", "/nonexistent")
        .output()
        .unwrap();
    let text = stderr(&output);
    assert!(text.contains("no credential gave a token") && text.contains("az login"), "{text}");
}

#[test]
fn a_name_that_is_taken_is_told() {
    if !is_root("a_name_that_is_taken_is_told") {
        return;
    }
    let local = Local::start("");
    assert_eq!(local.run("capture create one --vm web1 --storage logs").status.code(), Some(0));
    let again = local.run("capture create ONE --vm web1 --storage logs");
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("there is a capture named \"one\" already"), "{}", stderr(&again));
}

#[test]
fn faults_of_the_service_are_waited_out_or_told() {
    if !is_root("faults_of_the_service_are_waited_out_or_told") {
        return;
    }
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let there = format!("http://{}/", stranger.local_addr().unwrap());
    let create = "capture create f --vm web1 --storage logs --deadline 2s";
    for (action, code, words) in [
        ("{ throttle = { retry_after_s = 1 } }".to_owned(), 0, ""),
        ("\"internal_error\"".to_owned(), 0, ""),
        ("\"reset\"".to_owned(), 0, ""),
        ("{ delay = { ms = 200 } }".to_owned(), 0, ""),
        (
            "{ operation_fails = { code = \"AgentGone\", message = \"The agent does not answer.\" } }"
                .to_owned(),
            2,
            "the operation failed: The agent does not answer. (AgentGone)",
        ),
        ("\"operation_never_ends\"".to_owned(), 2, "not done after 2 s; the operation itself goes on"),
        (format!("{{ redirect = {{ url = \"{there}\" }} }}"), 2, "a redirect points to 127.0.0.1"),
    ] {
        let faults = format!("[[fault]]\nmethod = \"PUT\"\npath = \"packetCaptures/f\"\naction = {action}\n");
        let local = Local::with(CONFIG, &faults);
        let output = local.run(create);
        assert_eq!(output.status.code(), Some(code), "{action}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{action}: {}", stderr(&output));
    }
    assert!(stranger.accept().is_err(), "nobody called the stranger");
}

#[test]
fn the_doctor_looks_at_everything() {
    let local = Local::start("");
    let output = local.run("doctor --vm web1 --storage logs");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for what in ["login", "machine", "power", "watcher", "permissions", "agent", "storage", "network"] {
        assert!(text.lines().any(|line| line.trim_start().starts_with(what)), "{what}: {text}");
    }
    let wrong = local.run("doctor --vm web1 --storage nowhere");
    assert_eq!(wrong.status.code(), Some(1), "{}", stdout(&wrong));
}
