//! Files of captures that go to blob storage which is not there yet.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Local, is_root, traffic};
use crate::run::{capkeep, stderr, stdout};
use crate::whole_life::{ACCOUNT, Azurite, KEY, free_port};

/// Capture files that wait below the data folder.
fn waiting(folder: &Path) -> Vec<PathBuf> {
    let pattern = folder.join("data/machines/**/*.cap");
    glob::glob(pattern.to_str().unwrap()).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_file_waits_for_its_account_through_a_crash_and_the_end_of_its_capture() {
    let test = "a_file_waits_for_its_account_through_a_crash_and_the_end_of_its_capture";
    if !is_root(test) {
        return;
    }
    let port = free_port();
    let endpoint = format!("http://127.0.0.1:{port}/{ACCOUNT}");
    let mut local = Local::start(&format!(
        "[storage.later]\nendpoint = \"{endpoint}\"\nkey_env = \"CAPKEEP_TEST_KEY\"\n"
    ));
    let created = local.run("capture create waits --vm web1 --storage later --filter protocol=TCP --json");
    assert_eq!(created.status.code(), Some(0), "{}", stderr(&created));
    traffic(3);
    let stopped = local.run("capture stop waits");
    let said = stdout(&stopped);
    assert_eq!(stopped.status.code(), Some(1), "{said}{}", stderr(&stopped));
    assert!(said.contains("stopped by hand") && said.contains("StorageFailed"), "{said}");
    assert!(said.contains("it is kept and tried again soon"), "{said}");
    let kept = waiting(local.folder.path());
    assert_eq!(kept.len(), 1);
    let content = fs::read(&kept[0]).unwrap();
    let path =
        local.json("capture show waits --json")["properties"]["storageLocation"]["storagePath"].clone();
    let path = path.as_str().unwrap();
    assert!(path.starts_with(&format!("{endpoint}/network-watcher-logs/")), "{path}");
    let deleted = local.run("capture delete waits");
    assert_eq!(deleted.status.code(), Some(0), "{}", stderr(&deleted));

    let Some(_azurite) = Azurite::start_at(test, port) else { return };
    local.restart("-KILL", "");
    let begun = Instant::now();
    while !waiting(local.folder.path()).is_empty() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not uploaded");
        std::thread::sleep(Duration::from_millis(50));
    }
    let fetched = capkeep()
        .args(["fetch", path, "--json", "--into"])
        .arg(local.folder.path().join("fetched"))
        .env("AZURE_STORAGE_ACCOUNT", ACCOUNT)
        .env("AZURE_STORAGE_KEY", KEY)
        .env("CAPKEEP_LEDGER", local.folder.path().join("ledger.sqlite"))
        .output()
        .unwrap();
    assert_eq!(fetched.status.code(), Some(0), "{}", stderr(&fetched));
    let pattern = local.folder.path().join("fetched/**/*.cap");
    let files: Vec<PathBuf> = glob::glob(pattern.to_str().unwrap()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1, "{}", stdout(&fetched));
    assert_eq!(fs::read(&files[0]).unwrap(), content);
    assert!(serde_json::from_slice::<Value>(&fetched.stdout).is_ok(), "{}", stdout(&fetched));
    let data = local.folder.path().join("data");
    let secret = std::process::Command::new("grep").args(["-r", "-l", KEY]).arg(&data).output().unwrap();
    assert!(secret.stdout.is_empty(), "the key stands in {}", stdout(&secret));
}
