//! What packets are cut out of.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use capkeep_flow::Input;
use capkeep_pcap::Reader;
use capkeep_report::beside;
use tempfile::NamedTempFile;

/// A capture.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As it was named.
    pub(super) name: PathBuf,
    /// What is read: what was named, or a copy of it.
    pub(super) input: Input,
}

impl Source {
    pub(super) fn new(input: Input) -> Self {
        let name = match &input {
            Input::File(path) => path.clone(),
            Input::Stream(stream) => stream.name.clone(),
            Input::Stdin | Input::Bytes(_) => "-".into(),
        };
        Self { name, input }
    }

    /// Opens it; why it cannot be, causes included.
    pub(super) fn open(&self) -> Result<Reader, String> {
        if let Input::File(path) = &self.input {
            return Reader::open(path).map_err(chain);
        }
        Reader::new(self.bytes().map_err(chain)?).map_err(chain)
    }

    /// True if it can be read as often as one likes, here.
    fn stays(&self) -> bool {
        matches!(&self.input, Input::File(path) if fs::metadata(path).is_ok_and(|file| file.is_file()))
    }

    fn bytes(&self) -> io::Result<Box<dyn io::Read + Send>> {
        Ok(match &self.input {
            Input::File(path) => Box::new(fs::File::open(path)?),
            Input::Stdin => Box::new(io::stdin()),
            Input::Bytes(bytes) => Box::new(io::Cursor::new(std::sync::Arc::clone(bytes))),
            Input::Stream(stream) => (stream.open)()?,
        })
    }
}

/// An error in words, its causes included.
pub(super) fn chain(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

/// Files that are gone when the program ends, whichever way: what is being written, and copies of what can be read only
/// once and has to be read twice.
#[derive(Debug)]
pub(super) struct Unfinished {
    /// What is being written; nothing for standard output.
    pub(super) output: Option<NamedTempFile>,
    copies: Vec<NamedTempFile>,
}

impl Unfinished {
    /// Empty files for an output (nothing is standard output), and for copies of these sources where they are read twice.
    pub(super) fn create(output: Option<&Path>, sources: &[Source], twice: bool) -> anyhow::Result<Self> {
        let cannot = |folder: &Path| format!("cannot write to {}", folder.display());
        let folder = match output.map(|path| path.parent().unwrap_or(Path::new(""))) {
            None => std::env::temp_dir(),
            Some(folder) if folder.as_os_str().is_empty() => ".".into(),
            Some(folder) => folder.to_owned(),
        };
        // Nobody else may read them: more is in them than in what is cut out.
        let copy = || tempfile::Builder::new().prefix(".capkeep-").suffix(".part").tempfile_in(&folder);
        let missing = sources.iter().filter(|source| twice && !source.stays());
        let copies: io::Result<Vec<_>> = missing.map(|_| copy()).collect();
        Ok(Self {
            output: output.map(beside).transpose().with_context(|| cannot(&folder))?,
            copies: copies.with_context(|| cannot(&folder))?,
        })
    }

    /// Where they lie.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.output.iter().chain(&self.copies).map(|file| file.path().to_owned()).collect()
    }

    /// Copies the sources that files were made for.
    pub(super) fn fill(&self, sources: Vec<Source>) -> anyhow::Result<Vec<Source>> {
        let mut copies = self.copies.iter();
        let mut out = Vec::with_capacity(sources.len());
        for source in sources {
            let copy = if source.stays() { None } else { copies.next() };
            let Some(copy) = copy else {
                out.push(source);
                continue;
            };
            source
                .bytes()
                .and_then(|mut from| io::copy(&mut from, &mut copy.as_file()))
                .with_context(|| format!("cannot copy {}", source.name.display()))?;
            out.push(Source { name: source.name, input: Input::File(copy.path().to_owned()) });
        }
        Ok(out)
    }
}
