//! The bytes of a capture, out of whatever they are wrapped in.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::compression;
use crate::stretch::Stretch;
use crate::{Compression, Error, Result};

/// Bytes looked at to recognise a compression or a format (chosen: the longest magic has 8, a short skippable
/// frame in front of a zstd stream still fits).
const MAGIC_LEN: usize = 64;

/// Compressions inside each other that are undone (chosen: a `.gz` made of a `.zst` by an archive job happens,
/// deeper nesting is a bomb).
const MAX_LAYERS: usize = 2;

/// Buffer between a file and a decompressor, in bytes (chosen: a pipe's usual capacity).
const COMPRESSED_BUFFER: usize = 64 * 1024;

/// Where bytes come from.
enum Input {
    /// A file or device, read(2) straight into the caller's buffer.
    File(Arc<File>),
    /// Anything else.
    Stream(Box<dyn Read + Send>),
}

/// The uncompressed bytes of a capture, front to back.
pub(crate) struct Source {
    input: Input,
    /// Read but not handed on.
    ahead: Vec<u8>,
    /// Where `ahead` starts in the capture.
    offset: u64,
    /// Nothing comes any more: end or failure.
    ended: bool,
    failure: Option<io::Error>,
    /// Set by the innermost reader when the operating system failed, not a decompressor.
    system_failed: Arc<AtomicBool>,
    compression: Option<Compression>,
    /// From the outermost to the innermost.
    layers: Vec<Compression>,
    progress: Arc<AtomicU64>,
    /// Length of the file if it is a regular one.
    file_len: Option<u64>,
    /// Where the next stretch starts that can be given away; `None` before the first one.
    next_stretch: Option<u64>,
}

/// A capture that can be read at any place.
#[derive(Debug)]
pub(crate) struct Seekable {
    file: File,
    len: u64,
    progress: Arc<AtomicU64>,
}

impl Seekable {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends at most `len` bytes from `offset` on to `data`; fewer only at the end.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub(crate) fn read_at(&mut self, offset: u64, len: usize, data: &mut Vec<u8>) -> Result<()> {
        let io = |source| Error::Io { offset, source };
        self.file.seek(SeekFrom::Start(offset)).map_err(io)?;
        let read = self.file.by_ref().take(len as u64).read_to_end(data).map_err(io)?;
        self.progress.fetch_add(read as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// A reader that counts what passes.
struct Counted<R> {
    inner: R,
    progress: Arc<AtomicU64>,
    system_failed: Arc<AtomicBool>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buf);
        match &result {
            Ok(n) => {
                self.progress.fetch_add(*n as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.system_failed.store(true, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        result
    }
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] if it can't be opened, [`Error::Compression`] if it is wrapped in a compression that
    /// breaks before its first bytes.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let refused = |source| Error::Open { source };
        let file = File::open(path).map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        Self::unwrapped(Input::File(Arc::new(file)), metadata.is_file().then_some(metadata.len()))
    }

    /// Around a stream.
    ///
    /// # Errors
    ///
    /// As [`Source::open`].
    pub(crate) fn new(stream: Box<dyn Read + Send>) -> Result<Self> {
        Self::unwrapped(Input::Stream(stream), None)
    }

    fn unwrapped(input: Input, file_len: Option<u64>) -> Result<Self> {
        let mut source = Self {
            input,
            ahead: Vec::new(),
            offset: 0,
            ended: false,
            failure: None,
            system_failed: Arc::default(),
            compression: None,
            layers: Vec::new(),
            progress: Arc::default(),
            file_len,
            next_stretch: None,
        };
        loop {
            let found = compression::recognise(source.peek(MAGIC_LEN));
            match found {
                Some(compression) if source.layers.len() < MAX_LAYERS && source.failure.is_none() => {
                    source.unwrap_layer(compression)?;
                }
                _ => return source.checked(),
            }
        }
    }

    fn unwrap_layer(&mut self, compression: Compression) -> Result<()> {
        let start = Cursor::new(std::mem::take(&mut self.ahead));
        let input = std::mem::replace(&mut self.input, Input::Stream(Box::new(io::empty())));
        let inner: Box<dyn Read + Send> = match input {
            Input::Stream(stream) => stream,
            Input::File(file) => Box::new(file),
        };
        let rest: Box<dyn Read + Send> = if self.layers.is_empty() {
            // The bytes in `start` are counted already.
            let (progress, system_failed) = (Arc::clone(&self.progress), Arc::clone(&self.system_failed));
            Box::new(Counted { inner, progress, system_failed })
        } else {
            inner
        };
        let buffered = BufReader::with_capacity(COMPRESSED_BUFFER, start.chain(rest));
        self.compression.get_or_insert(compression);
        self.layers.push(compression);
        self.ended = false;
        match compression::decoder(compression, buffered) {
            Ok(decoder) => {
                self.input = Input::Stream(decoder);
                Ok(())
            }
            Err(source) => Err(Error::Compression { compression: compression.name(), offset: 0, source }),
        }
    }

    /// An error if there is nothing to recognise a format by.
    fn checked(mut self) -> Result<Self> {
        if self.ahead.is_empty() {
            return Err(self.failure(0).unwrap_or(Error::EmptyFile));
        }
        Ok(self)
    }

    /// The next bytes without taking them: `len` of them, fewer if the source ends before.
    pub(crate) fn peek(&mut self, len: usize) -> &[u8] {
        let mut ahead = std::mem::take(&mut self.ahead);
        self.read_to(&mut ahead, len);
        self.ahead = ahead;
        self.ahead.get(..len).unwrap_or(&self.ahead)
    }

    /// Passes over bytes that were peeked at.
    pub(crate) fn skip_peeked(&mut self, len: usize) {
        let len = len.min(self.ahead.len());
        self.ahead.drain(..len);
        self.offset += len as u64;
    }

    /// Moves the bytes read ahead into `data`, an empty buffer.
    pub(crate) fn take_ahead(&mut self, data: &mut Vec<u8>) {
        if data.is_empty() && self.ahead.len() > data.capacity() {
            std::mem::swap(data, &mut self.ahead);
        } else {
            data.append(&mut self.ahead);
        }
    }

    /// Hands on the first `used` bytes of `data` and takes the others back.
    pub(crate) fn keep_tail(&mut self, data: &mut Vec<u8>, used: usize) {
        self.ahead.extend_from_slice(data.get(used..).unwrap_or_default());
        data.truncate(used);
        self.offset += used as u64;
    }

    /// Reads until `data` has `len` bytes or nothing more comes.
    ///
    /// The buffer grows with what comes, not with what `len` claims.
    pub(crate) fn read_to(&mut self, data: &mut Vec<u8>, len: usize) {
        let Some(wanted) = len.checked_sub(data.len()).filter(|&n| n > 0 && !self.ended) else { return };
        let before = data.len();
        let wanted = wanted as u64;
        // Concrete readers, so that read(2) fills the vector's spare room without zeroing it first.
        let result = match &mut self.input {
            Input::File(file) => file.as_ref().take(wanted).read_to_end(data),
            Input::Stream(stream) => stream.by_ref().take(wanted).read_to_end(data),
        };
        let read = (data.len() - before) as u64;
        if self.layers.is_empty() {
            self.progress.fetch_add(read, Ordering::Relaxed);
        }
        if let Err(error) = result {
            if self.layers.is_empty() {
                self.system_failed.store(true, Ordering::Relaxed);
            }
            self.failure = Some(error);
            self.ended = true;
        } else if read < wanted {
            self.ended = true;
        }
    }

    /// The next stretch of a plain file, `len` bytes; `None` where there is none, or not so much is left.
    pub(crate) fn stretch(&mut self, len: usize) -> Option<Stretch> {
        let Input::File(file) = &self.input else { return None };
        let file_len = self.file_len.filter(|_| self.layers.is_empty() && !self.ended)?;
        let offset = self.next_stretch.unwrap_or(self.offset + self.ahead.len() as u64);
        if offset.checked_add(len as u64)? > file_len {
            return None;
        }
        self.next_stretch = Some(offset + len as u64);
        Some(Stretch { file: Arc::clone(file), offset, len, progress: Arc::clone(&self.progress) })
    }

    /// Goes on with plain reading at a place in the file, no stretches any more.
    pub(crate) fn resume(&mut self, offset: u64) {
        self.file_len = None;
        if let Input::File(file) = &self.input
            && let Err(error) = file.as_ref().seek(SeekFrom::Start(offset))
        {
            self.failure = Some(error);
            self.ended = true;
        }
    }

    /// Where plain reading goes on after the last stretch; `None` if none was given away.
    pub(crate) fn after_stretches(&mut self) -> Option<u64> {
        self.next_stretch.take()
    }

    /// Bytes read but not handed on.
    pub(crate) fn ahead(&mut self) -> &mut Vec<u8> {
        &mut self.ahead
    }

    /// Takes back what lies behind the whole records: `rest`, after `used` bytes of them.
    pub(crate) fn put_back(&mut self, rest: &[u8], used: usize) {
        self.ahead.clear();
        self.ahead.extend_from_slice(rest);
        self.offset += used as u64;
    }

    /// Whether nothing comes any more.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Why nothing comes any more, once, if it is not the end; `offset` = bytes of capture read before.
    pub(crate) fn failure(&mut self, offset: u64) -> Option<Error> {
        let source = self.failure.take()?;
        Some(match self.layers.last() {
            Some(compression) if !self.system_failed.load(Ordering::Relaxed) => {
                Error::Compression { compression: compression.name(), offset, source }
            }
            _ => Error::Io { offset, source },
        })
    }

    /// Where the next bytes lie in the capture.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The outermost compression.
    pub(crate) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Counts bytes as they lie in the file.
    pub(crate) fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Length of the file if it is a regular one.
    pub(crate) fn file_len(&self) -> Option<u64> {
        self.file_len
    }

    /// The whole capture in a file that can be read at any place.
    ///
    /// That is the file itself if it is a regular one without compression, otherwise a temporary one without a
    /// name into which at most `limit` bytes are copied.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] from the file system, [`Error::Compression`] if the source breaks before its end.
    pub(crate) fn into_seekable(mut self, limit: u64) -> Result<Seekable> {
        let io = |source| Error::Io { offset: 0, source };
        if let (Input::File(file), Some(len)) = (&self.input, self.file_len) {
            let file = file.try_clone().map_err(io)?;
            return Ok(Seekable { file, len, progress: self.progress });
        }
        let mut spool = tempfile::tempfile().map_err(io)?;
        let mut len = 0;
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            self.take_ahead(&mut chunk);
            self.read_to(&mut chunk, COMPRESSED_BUFFER);
            io::Write::write_all(&mut spool, &chunk).map_err(io)?;
            len += chunk.len() as u64;
            if self.ended || len >= limit {
                break;
            }
        }
        match self.failure(len) {
            Some(error) => Err(error),
            // All that there is to read of the source was read.
            None => Ok(Seekable { file: spool, len, progress: Arc::default() }),
        }
    }
}
