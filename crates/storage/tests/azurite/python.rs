//! Beside Microsoft's SDK for Python.

use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use capkeep_storage::{BlobName, Upload};
use futures_util::TryStreamExt;

use crate::service::{ACCOUNT, Azurite, KEY, azurite};

const SCRIPT: &str = r#"
import sys
from azure.storage.blob import BlobServiceClient, ContentSettings
import hashlib
service = BlobServiceClient.from_connection_string(sys.argv[1], max_single_put_size=1 << 20, max_block_size=1 << 20)
blob = service.get_blob_client("python", "from python/ü 100%.cap")
content = open(sys.argv[2], "rb").read()
blob.upload_blob(content, metadata={"who": "python"}, tags={"k-1": "v"},
    content_settings=ContentSettings(content_md5=bytearray(hashlib.md5(content).digest())))
other = service.get_blob_client("python", "from capkeep.cap")
stream = other.download_blob(validate_content=True)
assert stream.readall() == content
assert stream.properties.content_settings.content_md5 == hashlib.md5(content).digest()
assert stream.properties.metadata == {"capkeep_capture": "c1"}
assert other.get_blob_tags() == {"capkeep-capture": "c1"}
"#;

/// The interpreter of the virtual environment that has it.
fn python(test: &str) -> Option<PathBuf> {
    let python = std::env::var_os("CAPKEEP_TEST_CLIENTS").map(|folder| PathBuf::from(folder).join("python"));
    let has_sdk = |python: &PathBuf| {
        let mut command = Command::new(python);
        command.args(["-c", "import azure.storage.blob"]).status().is_ok_and(|status| status.success())
    };
    let python = python.filter(has_sdk);
    if python.is_none() {
        eprintln!(
            "SKIPPED: {test}: CAPKEEP_TEST_CLIENTS has no azure-storage-blob (cargo xtask test installs it)"
        );
    }
    python
}

fn connection_string(azurite: &Azurite) -> String {
    format!(
        "DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={};",
        azurite.url
    )
}

#[tokio::test]
async fn what_the_sdk_stored_is_read_here_and_what_is_stored_here_is_read_by_the_sdk() {
    let test = "what_the_sdk_stored";
    let (Some(python), Some(azurite)) = (python(test), azurite(test)) else { return };
    azurite.container("python").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.cap");
    let content: Vec<u8> = (0..9_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&file, &content).unwrap();
    let store = azurite.store();
    let upload = Upload {
        metadata: [("capkeep_capture".to_owned(), "c1".to_owned())].into(),
        tags: [("capkeep-capture".to_owned(), "c1".to_owned())].into(),
        ..Upload::default()
    };
    store.upload(&BlobName::new("python", "from capkeep.cap"), &file, &upload).await.unwrap();
    // The SDK is newer than the emulator.
    let mut command = Command::new(python);
    command.args(["-c", &SCRIPT.replace("max_block_size", "api_version=\"2025-11-05\", max_block_size")]);
    let status = command.arg(connection_string(&azurite)).arg(&file).status().unwrap();
    assert!(status.success());
    let blob = store.head(&BlobName::new("python", "from python/ü 100%.cap")).await.unwrap();
    assert_eq!(blob.metadata.get("who").map(String::as_str), Some("python"));
    assert!(blob.md5.is_some());
    let mut read = Vec::new();
    for begin in (0..blob.size).step_by(4 << 20) {
        let range = begin..blob.size.min(begin + (4 << 20));
        let pieces: Vec<Bytes> =
            store.read(&blob.name, range, &blob.etag).await.unwrap().try_collect().await.unwrap();
        read.extend(pieces.concat());
    }
    assert!(read == content);
}
