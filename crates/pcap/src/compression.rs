//! Decompressors, recognised by magic bytes.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::{Error as Lz4Error, FrameDecoder};
use lzma_rust2::XzReader;

use crate::Compression;

/// Largest zstd window accepted, as a power of two in bytes: 128 MiB, what `zstd --long` writes by default
/// and what its own decoder accepts unasked.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Memory the xz decoder may take, in KiB: 128 MiB (chosen: twice what `xz -9` needs).
const XZ_MEMORY_LIMIT_KIB: u32 = 128 * 1024;

/// gzip magic (RFC 1952 section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Zstandard frame magic (RFC 8878 section 3.1.1), little-endian.
const ZSTD: u32 = 0xfd2f_b528;
/// LZ4 frame magic (LZ4 frame format), little-endian.
const LZ4: u32 = 0x184d_2204;
/// LZ4 legacy frame magic, little-endian.
const LZ4_LEGACY: u32 = 0x184c_2102;
/// xz stream magic (.xz file format section 2.1.1.1).
const XZ: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// First of the sixteen magics of skippable frames, which zstd and LZ4 share (RFC 8878 section 3.1.2).
const SKIPPABLE: u32 = 0x184d_2a50;

/// True if the first four bytes of a file may be those of a compression this crate takes off.
pub fn is_compressed(start: &[u8]) -> bool {
    let Some(magic) = start.first_chunk().map(|first| u32::from_le_bytes(*first)) else { return false };
    start.starts_with(&GZIP)
        || XZ.starts_with(start.get(..4).unwrap_or_default())
        || matches!(magic, ZSTD | LZ4 | LZ4_LEGACY)
        || magic & !0xf == SKIPPABLE
}

/// The compression whose stream starts with these bytes.
///
/// A skippable frame may open a zstd or an LZ4 stream; what comes behind it decides, zstd if that is out of
/// sight.
pub(crate) fn recognise(start: &[u8]) -> Option<Compression> {
    if start.starts_with(&GZIP) {
        return Some(Compression::Gzip);
    }
    if start.starts_with(&XZ) {
        return Some(Compression::Xz);
    }
    match u32::from_le_bytes(*start.first_chunk()?) {
        ZSTD => Some(Compression::Zstd),
        LZ4 | LZ4_LEGACY => Some(Compression::Lz4),
        magic if magic & !0xf == SKIPPABLE => {
            let length = u32::from_le_bytes(*start.get(4..)?.first_chunk()?);
            let behind = start.get(8..)?.get(length as usize..).unwrap_or_default();
            recognise(behind).or(Some(Compression::Zstd))
        }
        _ => None,
    }
}

/// What comes out of a compressed stream.
///
/// # Errors
///
/// The decompressor could not be set up.
pub(crate) fn decoder<R: BufRead + Send + 'static>(
    compression: Compression,
    mut input: R,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::Gzip => Box::new(Gzip { member: Some(flate2::bufread::GzDecoder::new(input)) }),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
        Compression::Lz4 => {
            let start = input.fill_buf()?;
            let legacy = start.starts_with(&LZ4_LEGACY.to_le_bytes());
            let frame = FrameDecoder::new(Feed { inner: input, last: &[] });
            Box::new(Lz4 { frame: Some(frame), legacy })
        }
        Compression::Xz => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_LIMIT_KIB)),
    })
}

/// gzip members one after the other.
///
/// Like gzip(1), and unlike flate2's `MultiGzDecoder`, it accepts zero bytes behind the last member: tapes and
/// block devices pad with them.
struct Gzip<R> {
    member: Option<flate2::bufread::GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let n = member.read(buf)?;
            if n > 0 || buf.is_empty() {
                return Ok(n);
            }
            let Some(ended) = self.member.take() else { break };
            let mut input = ended.into_inner();
            if skip_zeros(&mut input)? {
                self.member = Some(flate2::bufread::GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}

/// Passes over zero bytes; whether anything is left.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffered = input.fill_buf()?;
        if buffered.is_empty() {
            return Ok(false);
        }
        let (zeros, all) = match buffered.iter().position(|&byte| byte != 0) {
            Some(zeros) => (zeros, false),
            None => (buffered.len(), true),
        };
        input.consume(zeros);
        if !all {
            return Ok(true);
        }
    }
}

/// An LZ4 frame without content: magic, descriptor (version 1, independent blocks of 64 KiB) and its checksum,
/// end mark.
const EMPTY_FRAME: [u8; 11] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82, 0, 0, 0, 0];

/// LZ4 frames one after the other, skippable ones passed over.
///
/// Each gets a decoder of its own: `FrameDecoder` could go on to the next, but its buffers then keep the size of
/// the first frame's blocks, which it does not expect of itself.
///
/// `FrameDecoder` takes an end of input between two blocks for the end of the frame. To tell a cut stream from
/// a whole one, an empty frame is fed to it after the input: where the end mark was missing, that frame's magic
/// is read as a block of 400 MB and refused. Legacy frames have no end mark, so there it is not done.
struct Lz4<R: BufRead> {
    frame: Option<FrameDecoder<Feed<R>>>,
    legacy: bool,
}

/// A reader with a few bytes to follow its end.
struct Feed<R> {
    inner: R,
    last: &'static [u8],
}

impl<R: BufRead> Read for Feed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buf)? {
            0 => self.last.read(buf),
            n => Ok(n),
        }
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(mut frame) = self.frame.take() {
            match frame.read(buf) {
                Ok(0) if !buf.is_empty() => {
                    if frame.get_mut().inner.fill_buf()?.is_empty() {
                        if !self.legacy {
                            frame.get_mut().last = &EMPTY_FRAME;
                            let missing = |_| io::Error::new(io::ErrorKind::UnexpectedEof, "no end mark");
                            frame.read(buf).map_err(missing)?;
                        }
                        return Ok(0);
                    }
                }
                Ok(n) => {
                    self.frame = Some(frame);
                    return Ok(n);
                }
                Err(error) => {
                    let Some(length) = skippable_length(&error) else { return Err(error) };
                    if !skip(&mut frame.get_mut().inner, length)? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
            self.frame = Some(FrameDecoder::new(frame.into_inner()));
        }
        Ok(0)
    }
}

/// Bytes behind the header of the skippable frame this error tells of.
fn skippable_length(error: &io::Error) -> Option<u64> {
    match error.get_ref()?.downcast_ref()? {
        Lz4Error::SkippableFrame(length) => Some(u64::from(*length)),
        _ => None,
    }
}

/// Passes over so many bytes; false if there are fewer.
fn skip(input: &mut impl Read, len: u64) -> io::Result<bool> {
    Ok(io::copy(&mut input.take(len), &mut io::sink())? == len)
}
