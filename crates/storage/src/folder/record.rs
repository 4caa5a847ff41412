//! What a file cannot say of itself: metadata, tags, MD5. One small file each, in a folder that is not listed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::blob::{BlobName, Etag};

/// Folder of the records, below the root.
const FOLDER: &str = ".capkeep";

/// Largest record that is read, in bytes (chosen: metadata and tags have at most 12 KiB).
const MOST_BYTES: u64 = 64 << 10;

/// What is kept of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) md5: Option<[u8; 16]>,
}

/// The same with what it is about. It counts for the file as it was then only.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: BlobName,
    etag: Etag,
    metadata: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    md5: Option<[u8; 16]>,
}

impl Record {
    /// What is kept of a file as it is now; nothing if that cannot be read.
    pub(super) fn read(root: &Path, name: &BlobName, etag: &Etag) -> Self {
        let path = path_of(root, name);
        let is_small =
            path.symlink_metadata().is_ok_and(|known| known.is_file() && known.len() <= MOST_BYTES);
        let text = if is_small { fs::read(&path).ok() } else { None };
        match text.and_then(|text| serde_json::from_slice::<Kept>(&text).ok()) {
            Some(kept) if kept.name == *name && kept.etag == *etag => {
                Self { metadata: kept.metadata, tags: kept.tags, md5: kept.md5 }
            }
            _ => Self::default(),
        }
    }

    /// Keeps it, whole or not at all.
    pub(super) fn write(self, root: &Path, name: &BlobName, etag: &Etag) -> io::Result<()> {
        let path = path_of(root, name);
        let folder = path.parent().unwrap_or(root);
        fs::create_dir_all(folder)?;
        let Self { metadata, tags, md5 } = self;
        let kept = Kept { name: name.clone(), etag: etag.clone(), metadata, tags, md5 };
        let partial = path.with_extension(format!("{}.part", azure_core::Uuid::new_v4()));
        let mut file = fs::File::create_new(&partial)?;
        file.write_all(&serde_json::to_vec(&kept)?)?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    }

    /// Forgets it.
    pub(super) fn remove(root: &Path, name: &BlobName) {
        // What stays behind counts for no other file.
        let _ = fs::remove_file(path_of(root, name));
    }
}

fn path_of(root: &Path, name: &BlobName) -> PathBuf {
    let digest = Sha256::digest(name.to_string());
    let mut file = digest.iter().take(20).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    file.push_str(".json");
    root.join(FOLDER).join(file)
}
