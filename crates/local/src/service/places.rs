//! Where files are: what a client names is mapped below folders of our own, and stays there.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use capkeep_storage::{BlobName, Location};
use serde::{Deserialize, Serialize};

/// Longest name of a file or folder, in bytes: Linux' `NAME_MAX`.
const NAME_BYTES: usize = 255;
/// Longest name of a blob, in characters: Azure's.
const BLOB_CHARS: usize = 1_024;

/// Names Windows keeps for devices, with any ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// A path on a machine (Linux' or Windows' way of writing) as a relative path: `C:\tmp\a.cap` is `C/tmp/a.cap`.
///
/// # Errors
///
/// What is wrong with it, where it would leave its folder or is no file of any system.
pub(super) fn local(path: &str) -> Result<PathBuf, String> {
    let mut out = PathBuf::new();
    for (index, word) in path.split(['/', '\\']).enumerate() {
        let drive = word.strip_suffix(':').filter(|drive| {
            index == 0 && drive.len() == 1 && drive.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        match drive.unwrap_or(word) {
            "" | "." => {}
            word => out.push(checked(word).map_err(|what| format!("{path:?} {what}"))?),
        }
    }
    if out.as_os_str().is_empty() { Err(format!("{path:?} names no file")) } else { Ok(out) }
}

/// One name of a path, if it is one.
fn checked(word: &str) -> Result<&str, String> {
    let stem = word.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |kind: &str| {
        stem.strip_prefix(kind).is_some_and(|number| {
            let mut chars = number.chars();
            chars.next().is_some_and(|c| "123456789¹²³".contains(c)) && chars.next().is_none()
        })
    };
    if word == ".." {
        Err("has .. in it".into())
    } else if word.chars().any(|c| c.is_control() || "<>:\"|?*".contains(c)) {
        Err(format!("has a character in {word:?} that cannot stand in a path"))
    } else if word.len() > NAME_BYTES {
        Err(format!("has a name of {} bytes; {NAME_BYTES} are possible", word.len()))
    } else if word.ends_with(['.', ' ']) {
        Err(format!("has a name that ends in a dot or a space: {word:?}"))
    } else if DEVICES.contains(&stem.as_str()) || numbered("com") || numbered("lpt") {
        Err(format!("has the name of a device in it: {word:?}"))
    } else {
        Ok(word)
    }
}

/// Where a blob is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BlobPlace {
    /// Name of the account, in lower case.
    pub(super) account: String,
    /// Container and path in it, below the account's folder.
    pub(super) path: PathBuf,
}

impl BlobPlace {
    /// Container and name.
    pub(super) fn blob(&self) -> BlobName {
        // It was made of a URL's words.
        let text = self.path.to_string_lossy();
        let (container, name) = text.split_once('/').unwrap_or((&text, ""));
        BlobName::new(container, name)
    }
}

/// Where the URL of a blob points to: `https://ACCOUNT.blob…/CONTAINER/NAME`, with the account first in the path, or
/// below the endpoint of its account.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn blob(
    url: &str,
    account: Option<&str>,
    endpoint: Option<&Location>,
) -> Result<BlobPlace, String> {
    let wrong = |what: &str| format!("{url:?} {what}");
    let location = Location::parse_plain(url).map_err(|error| error.to_string())?;
    let location = endpoint.map_or_else(|| location.clone(), |endpoint| location.with_endpoint(endpoint));
    let account = account.map_or_else(|| location.account(), str::to_owned);
    if location.account_url().is_none() || !super::config::is_name(&account) {
        return Err(wrong("names no storage account"));
    }
    let (Some(container), Some(name)) = (location.container(), location.name()) else {
        return Err(wrong("names no blob"));
    };
    if name.chars().count() > BLOB_CHARS {
        return Err(wrong("names a blob with a name that is too long"));
    }
    let mut path = PathBuf::new();
    for word in std::iter::once(container).chain(name.split('/')) {
        if word.is_empty() || word == "." || word.contains(['/', '\\']) {
            return Err(wrong("has an empty name, a . or a \\ in it"));
        }
        path.push(checked(word).map_err(|what| wrong(&what))?);
    }
    Ok(BlobPlace { account: account.to_ascii_lowercase(), path })
}

/// Copies a file so that it is whole or not there: beside its place, to the disk, then renamed. What is there already
/// stays; that it is the same is no error.
///
/// # Errors
///
/// If it cannot be read or written, or another file is there.
pub(super) fn deliver(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        return if is_same(from, to)? { Ok(()) } else { Err(io::ErrorKind::AlreadyExists.into()) };
    }
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Named after its place, so that what a process left behind that was killed is overwritten and not added to.
    let partial = to.with_file_name(format!(".{}.part", super::random::short(&to.to_string_lossy())));
    let copied = (|| {
        let mut out = private().truncate(true).create(true).open(&partial)?;
        io::copy(&mut File::open(from)?, &mut out)?;
        out.sync_all()?;
        fs::rename(&partial, to)?;
        File::open(folder)?.sync_all()
    })();
    if copied.is_err() {
        let _ = fs::remove_file(&partial);
    }
    copied
}

/// For files that only their owner can read: packets hold what is nobody else's business.
fn private() -> fs::OpenOptions {
    let mut options = File::options();
    options.write(true).mode(0o600);
    options
}

fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one).bytes(), BufReader::new(other).bytes());
    loop {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => return Ok(true),
            (a, b) if a != b => return Ok(false),
            _ => {}
        }
    }
}

/// Writes a file so that it has its old or its new content, whatever happens.
///
/// # Errors
///
/// If it cannot be written.
pub(super) fn write(to: &Path, content: &[u8]) -> io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let partial = beside(to);
    let mut out = private().create_new(true).open(&partial)?;
    out.write_all(content)?;
    out.sync_all()?;
    fs::rename(&partial, to)?;
    File::open(folder)?.sync_all()
}

/// A name beside a file that no capture and no record has. Short, so that it fits where the name itself does.
fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.part", super::random::guid()))
}

/// Bytes of a pcap file up to its last whole record; all of it if it is something else.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn whole_records(path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::new(file);
    let mut head = [0u8; 24];
    if length < head.len() as u64 {
        return Ok(length);
    }
    file.read_exact(&mut head)?;
    // Magic of microseconds and of nanoseconds, in either byte order (draft-ietf-opsawg-pcap).
    let read: fn([u8; 4]) -> u32 = match head[..4] {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => u32::from_le_bytes,
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => u32::from_be_bytes,
        _ => return Ok(length),
    };
    let mut whole = head.len() as u64;
    let mut record = [0u8; 16];
    while length - whole >= record.len() as u64 {
        file.read_exact(&mut record)?;
        let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = record;
        let end = whole + record.len() as u64 + u64::from(read([a, b, c, d]));
        if end > length {
            break;
        }
        file.seek(SeekFrom::Start(end))?;
        whole = end;
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_both_systems_are_mapped_below_the_machine() {
        for (path, place) in [
            ("/var/captures/a.cap", "var/captures/a.cap"),
            ("C:\\tmp\\Capture.cap", "C/tmp/Capture.cap"),
            ("capture\\capture.cap", "capture/capture.cap"),
            ("//x/./y.cap", "x/y.cap"),
        ] {
            assert_eq!(local(path).unwrap(), Path::new(place));
        }
    }

    #[test]
    fn paths_that_would_leave_or_are_no_files_are_refused() {
        for path in [
            "",
            "/",
            "../a.cap",
            "/var/captures/../../a.cap",
            "C:\\..\\a.cap",
            "a\0.cap",
            "a/b:c.cap",
            "CON",
            "nul.cap",
            "x\\com1.cap",
            "lpt9.cap",
            "x /a.cap",
            ".. /a.cap",
            "...",
        ] {
            assert!(local(path).is_err(), "{path:?}");
        }
        assert!(local(&"x".repeat(300)).is_err());
    }

    #[test]
    fn blobs_are_mapped_below_their_account() {
        let endpoint = Location::parse("http://127.0.0.1:10000/sa1").unwrap();
        for (url, endpoint, path) in [
            ("https://sa1.blob.core.windows.net/c/a/b.cap", None, "c/a/b.cap"),
            ("http://127.0.0.1:10000/sa1/c/b.cap", None, "c/b.cap"),
            ("http://127.0.0.1:10000/sa1/c/b.cap", Some(&endpoint), "c/b.cap"),
            ("https://SA1.blob.core.windows.net/c/b%20b.cap", Some(&endpoint), "c/b b.cap"),
        ] {
            let place = blob(url, None, endpoint).unwrap();
            assert_eq!((place.account.as_str(), place.path.as_path()), ("sa1", Path::new(path)), "{url}");
        }
        for url in [
            "x",
            "file:///srv//c/b.cap",
            "https://sa1.blob.core.windows.net/c",
            "https://sa1.blob.core.windows.net/c/../../x.cap",
            "https://sa1.blob.core.windows.net/c/%2e%2e/%2e%2e/x.cap",
            "https://sa1.blob.core.windows.net/c/%2fetc%2fpasswd",
            "https://sa1.blob.core.windows.net/c/a%00.cap",
            "https://sa1.blob.core.windows.net//etc/x.cap",
            "https://..blob.core.windows.net/c/x.cap",
        ] {
            assert!(blob(url, None, None).is_err(), "{url}");
        }
    }

    #[test]
    fn a_file_that_is_there_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a.cap"), folder.path().join("b/b.cap"));
        fs::write(&from, "new").unwrap();
        deliver(&from, &to).unwrap();
        // As after a crash behind the copying.
        deliver(&from, &to).unwrap();
        fs::write(&from, "other").unwrap();
        assert_eq!(deliver(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert_eq!(fs::read_dir(to.parent().unwrap()).unwrap().count(), 1, "nothing half is left");
    }

    #[test]
    fn a_file_is_kept_up_to_its_last_whole_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.cap");
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1];
        bytes.resize(24, 0);
        for length in [3u32, 5] {
            bytes.extend([0; 8]);
            bytes.extend(length.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(vec![7; length as usize]);
        }
        let ends = [24, 24 + 16 + 3, 24 + 32 + 8];
        for cut in 24..=bytes.len() {
            fs::write(&path, &bytes[..cut]).unwrap();
            let whole = whole_records(&path).unwrap();
            let expected = ends.iter().copied().filter(|end| *end <= cut).max().unwrap();
            assert_eq!(whole, expected as u64, "cut at {cut}");
        }
    }
}
