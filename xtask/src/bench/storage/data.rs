//! What is fetched.

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Packets of the large capture: a little more than 1 GiB.
const PACKETS: &str = "2200000";
/// Number of the small files.
pub(super) const SMALL_FILES: usize = 2_000;
/// Bytes of each.
const SMALL_BYTES: usize = 100_000;

/// Bytes of the large capture.
#[derive(Debug)]
pub(super) struct Large {
    pub(super) bytes: u64,
    /// Its MD5, in base64.
    pub(super) md5: String,
}

/// Writes a capture of a little more than 1 GiB and the small files, unless they are there.
pub(super) fn make(folder: &Path) -> Result<Large> {
    let (logs, small) = (folder.join("data/standin/logs"), folder.join("data/standin/small"));
    fs::create_dir_all(&logs)?;
    fs::create_dir_all(&small)?;
    let large = logs.join("large.cap");
    if !large.is_file() {
        eprintln!("making {}", large.display());
        let made = folder.join("large.pcap");
        // Another process generates it: a child's peak memory counts from its parent's, so this one has to stay small.
        let status = Command::new(env::current_exe().context("who am I")?)
            .args(["gen", "mix", "--flows", "50000", "--packets", PACKETS, "-o"])
            .arg(&made)
            .status()?;
        if !status.success() {
            bail!("cannot make {}: {status}", made.display());
        }
        fs::rename(&made, &large)?;
    }
    let digest = Command::new("openssl").args(["md5", "-binary"]).arg(&large).output()?;
    let bytes = fs::metadata(&large)?.len();
    small_files(folder, &small)?;
    warm(&large)?;
    Ok(Large { bytes, md5: base64(&digest.stdout) })
}

/// The small files, and the listing of their container.
fn small_files(folder: &Path, small: &Path) -> Result<()> {
    let mut listing = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"small\"><Blobs>",
    );
    let mut state = 1u64;
    for number in 0..SMALL_FILES {
        let path = small.join(format!("{number:04}.cap"));
        if !path.is_file() {
            let mut file = BufWriter::new(File::create(&path)?);
            for _ in 0..SMALL_BYTES / 8 {
                // Knuth's MMIX generator: nothing compresses it.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                file.write_all(&state.to_le_bytes())?;
            }
            file.flush()?;
        }
        let about = fs::metadata(&path)?;
        // The entity tag that nginx makes.
        let etag = format!("{:x}-{:x}", about.mtime(), about.len());
        // Writing into a string does not fail.
        let _ = write!(
            listing,
            "<Blob><Name>{number:04}.cap</Name><Properties><Last-Modified>Mon, 23 Nov 2026 12:00:00 GMT</Last-Modified>\
             <Etag>{etag}</Etag><Content-Length>{}</Content-Length><BlobType>BlockBlob</BlobType></Properties></Blob>",
            about.len()
        );
    }
    listing.push_str("</Blobs><NextMarker /></EnumerationResults>");
    fs::write(folder.join("small.xml"), listing)?;
    Ok(())
}

/// Reads a file, so that the page cache holds it.
fn warm(path: &Path) -> Result<()> {
    let status = Command::new("cat").arg(path).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("cannot read {}: {status}", path.display()) }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let number =
            three.iter().chain([0, 0].iter()).take(3).fold(0, |all, byte| all << 8 | usize::from(*byte));
        let letter = |at: usize| {
            if at <= three.len() { LETTERS[number >> (18 - 6 * at) & 63] as char } else { '=' }
        };
        (0..4).map(letter).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10.
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
