//! Microsoft's own clients against the Network Watcher on this machine: the Azure CLI and the SDK for Python, as they are.
//! `cargo xtask test` installs them and says where they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::local::{Local, is_root};

const TENANT: &str = "22222222-2222-2222-2222-222222222222";
const MACHINE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web1";
const ACCOUNT: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/logs";

/// Folder of the programs of the virtual environment that has them.
fn clients(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CAPKEEP_TEST_CLIENTS").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("az").exists());
    if folder.is_none() {
        eprintln!(
            "SKIPPED: {test}: CAPKEEP_TEST_CLIENTS names no folder with az (cargo xtask test makes one)"
        );
    }
    folder.filter(|_| is_root(test))
}

struct Az<'a> {
    program: PathBuf,
    local: &'a Local,
}

impl Az<'_> {
    fn run(&self, line: &str) -> Output {
        let folder = self.local.folder.path();
        Command::new(&self.program)
            .args(line.split_whitespace())
            .env("AZURE_CONFIG_DIR", folder.join("az"))
            .env("REQUESTS_CA_BUNDLE", folder.join("data/tls/cert.pem"))
            .env("AZURE_CORE_INSTANCE_DISCOVERY", "false")
            .env("AZURE_CORE_COLLECT_TELEMETRY", "no")
            .env("AZURE_CORE_ONLY_SHOW_ERRORS", "yes")
            .output()
            .unwrap()
    }

    /// What it prints; `null` where that is nothing.
    fn ok(&self, line: &str) -> Value {
        let output = self.run(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "az {line}: {error}");
        if output.stdout.is_empty() { Value::Null } else { serde_json::from_slice(&output.stdout).unwrap() }
    }
}

fn port(local: &Local) -> String {
    local.address.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn the_azure_cli_runs_the_whole_life_of_captures() {
    let Some(folder) = clients("the_azure_cli_runs_the_whole_life_of_captures") else { return };
    let local = Local::start("");
    let az = Az { program: folder.join("az"), local: &local };
    az.ok(&format!("cloud register -n Local --endpoint-resource-manager https://localhost:{}", port(&local)));
    az.ok("cloud set -n Local");
    az.ok(&format!("login --service-principal -u app -p secret --tenant {TENANT}"));

    let group = "network watcher packet-capture";
    let made =
        az.ok(&format!("{group} create -g rg --vm web1 -n one --storage-account logs --time-limit 300"));
    assert_eq!(made["provisioningState"], "Succeeded");
    let status = az.ok(&format!("{group} show-status -l westeurope -n one"));
    assert_eq!(status["packetCaptureStatus"], "Running");
    az.ok(&format!("{group} stop -l westeurope -n one"));
    let status = az.ok(&format!("{group} show-status -l westeurope -n one"));
    assert_eq!(
        (&status["packetCaptureStatus"], &status["stopReason"]),
        (&"Stopped".into(), &"Manual".into())
    );
    let all = az.ok(&format!("{group} list -l westeurope"));
    assert_eq!((all.as_array().map(Vec::len), &all[0]["name"]), (Some(1), &"one".into()));
    assert_eq!(az.ok(&format!("{group} show -l westeurope -n one"))["etag"], made["etag"]);
    az.ok(&format!("{group} delete -l westeurope -n one"));
    assert_eq!(az.ok(&format!("{group} list -l westeurope")), Value::Array(Vec::new()));

    az.ok(&format!("{group} create -g rg --vm web1 -n two --file-path /var/captures/two.cap --no-wait"));
    az.ok(&format!("{group} wait --watcher-name NetworkWatcher_westeurope --watcher-rg NetworkWatcherRG -n two --created --interval 1 --timeout 60"));
    az.ok(&format!("{group} stop -l westeurope -n two --no-wait"));
    az.ok(&format!("{group} delete -l westeurope -n two --no-wait"));
    az.ok(&format!("{group} wait --watcher-name NetworkWatcher_westeurope --watcher-rg NetworkWatcherRG -n two --deleted --interval 1 --timeout 60"));
    let gone = az.run(&format!("{group} show -l westeurope -n two"));
    assert!(!gone.status.success() && String::from_utf8_lossy(&gone.stderr).contains("not found"));
}

#[test]
fn the_newer_group_of_the_azure_cli_makes_rings_too() {
    let Some(folder) = clients("the_newer_group_of_the_azure_cli_makes_rings_too") else { return };
    let local = Local::start("");
    let az = Az { program: folder.join("az"), local: &local };
    az.ok(&format!("cloud register -n Local --endpoint-resource-manager https://localhost:{}", port(&local)));
    az.ok("cloud set -n Local");
    az.ok(&format!("login --service-principal -u app -p secret --tenant {TENANT}"));

    let group = "network network-watcher packet-capture";
    let at = "--network-watcher-name NetworkWatcher_westeurope -g NetworkWatcherRG";
    let ring = "--continuous-capture true --capture-settings file-count=2 file-size-in-bytes=102400 session-time-limit-in-seconds=60";
    let made = az.ok(&format!(
        "{group} create {at} -n ring --target {MACHINE} --storage-location local-path=/var/captures/ring.cap {ring}"
    ));
    assert_eq!(made["continuousCapture"], true);
    let made = az.ok(&format!(
        "{group} create {at} -n one --target {MACHINE} --storage-location storage-id={ACCOUNT}"
    ));
    assert_eq!(made["provisioningState"], "Succeeded");
    let status = az.ok(&format!("{group} query-status {at} --packet-capture-name ring"));
    assert_eq!(status["packetCaptureStatus"], "Running");
    az.ok(&format!("{group} stop {at} --packet-capture-name ring"));
    az.ok(&format!("{group} stop {at} --packet-capture-name one --no-wait"));
    assert_eq!(az.ok(&format!("{group} show {at} -n ring"))["name"], "ring");
    let listed = az.ok(&format!("{group} list {at}"));
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    az.ok(&format!("{group} delete {at} -n ring --yes"));
    az.ok(&format!("{group} delete {at} -n one --yes --no-wait"));
}

#[test]
fn the_sdk_for_python_runs_the_whole_life_of_captures() {
    let Some(folder) = clients("the_sdk_for_python_runs_the_whole_life_of_captures") else { return };
    let local = Local::start("");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/microsoft/life.py");
    let output = Command::new(folder.join("python"))
        .arg(script)
        .arg(format!("https://localhost:{}", port(&local)))
        .arg(local.folder.path().join("data/tls/cert.pem"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout.ends_with(b"done\n"), "{}", String::from_utf8_lossy(&output.stdout));
}
