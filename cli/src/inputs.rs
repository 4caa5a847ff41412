//! What was named on the command line, as a list of things to read.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::Context;
use capkeep_flow::{Input, Stream};
use capkeep_pcap::{Error, Reader};

use crate::failure::hinted;
use crate::targets::is_target;

/// Endings of capture files, for the one case where the bytes cannot tell: there are none.
const CAPTURE_ENDINGS: &[&str] = &["cap", "dmp", "ntar", "pcap", "pcapng", "snoop"];

/// Things to read, in order.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// Files and standard input.
    pub(crate) list: Vec<Input>,
    /// Files in folders that are no captures.
    pub(crate) not_captures: u64,
    seen: HashSet<PathBuf>,
}

impl Inputs {
    /// Expands names: a folder stands for the captures in it and below, in the order of their names; a pattern
    /// for the files it matches, likewise; `-` for standard input. A file that is named twice is read once.
    ///
    /// A place in storage or a capture (`capture:NAME`) stands for the streams that `in_storage` finds for it.
    pub(crate) fn expand(
        names: &[PathBuf],
        in_storage: &mut dyn FnMut(&str) -> anyhow::Result<Vec<Stream>>,
    ) -> anyhow::Result<Self> {
        let mut inputs = Self::default();
        for name in names {
            if let Some(target) = name.to_str().filter(|name| is_target(name)) {
                for stream in in_storage(target)? {
                    if inputs.seen.insert(stream.name.clone()) {
                        inputs.list.push(Input::Stream(stream));
                    }
                }
            } else if name.as_os_str() == "-" {
                inputs.stdin()?;
            } else if name.is_dir() {
                inputs.folder(name)?;
            } else if fs::symlink_metadata(name).is_err() && is_pattern(name) {
                inputs.pattern(name)?;
            } else {
                inputs.file(name);
            }
        }
        if inputs.list.is_empty() {
            let names: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
            return Err(hinted(
                format!("no captures in {}", names.join(", ")),
                format!(
                    "files looked at: {}; pcap, pcapng, NetMon and snoop are read, also in gzip, zstd, lz4 and xz",
                    inputs.not_captures
                ),
            ));
        }
        Ok(inputs)
    }

    /// Bytes in all, if they are known.
    pub(crate) fn bytes(&self) -> Option<u64> {
        let size = |input: &Input| match input {
            Input::File(path) => fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|file| file.len()),
            Input::Stream(stream) => Some(stream.bytes),
            Input::Stdin | Input::Bytes(_) => None,
        };
        self.list.iter().map(size).sum()
    }

    /// True if the path is one of the files.
    pub(crate) fn contains(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|path| self.seen.contains(&path))
    }

    fn stdin(&mut self) -> anyhow::Result<()> {
        if self.list.contains(&Input::Stdin) {
            return Err(hinted("- is named twice", "standard input can be read once"));
        }
        if io::stdin().is_terminal() {
            return Err(hinted(
                "standard input is a terminal",
                "- reads a capture from a pipe: `tcpdump -w - | capkeep analyze -`",
            ));
        }
        self.list.push(Input::Stdin);
        Ok(())
    }

    fn file(&mut self, path: &Path) {
        // What cannot be resolved cannot be opened either: the analysis will say why.
        if fs::canonicalize(path).map_or(true, |path| self.seen.insert(path)) {
            self.list.push(Input::File(path.to_owned()));
        }
    }

    fn folder(&mut self, folder: &Path) -> anyhow::Result<()> {
        let mut entries = fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
            .with_context(|| format!("cannot read the folder {}", folder.display()))?;
        entries.sort_unstable();
        for path in entries {
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            let Ok(is) = fs::symlink_metadata(&path) else { continue };
            if is.is_dir() {
                // A link to a folder is not followed: it could lead back here.
                if !hidden {
                    self.folder(&path)?;
                }
            } else if !hidden && fs::metadata(&path).is_ok_and(|file| file.is_file()) && may_be_capture(&path)
            {
                self.file(&path);
            } else {
                self.not_captures += 1;
            }
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &Path) -> anyhow::Result<()> {
        let shown = pattern.display();
        let text = pattern.to_str().with_context(|| format!("the pattern {shown} is not UTF-8"))?;
        let paths = glob::glob(text).map_err(|error| {
            hinted(
                format!("{shown} is neither a file nor a pattern: {}", error.msg),
                "* ? and [a-z] match names",
            )
        })?;
        let mut found = false;
        for path in paths {
            let path = path.with_context(|| format!("cannot look for {shown}"))?;
            found = true;
            if path.is_dir() {
                self.folder(&path)?;
            } else {
                self.file(&path);
            }
        }
        if !found {
            return Err(hinted(format!("no file matches {shown}"), "** matches folders of any depth"));
        }
        Ok(())
    }
}

fn is_pattern(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// False for files that are certainly no captures. What cannot be opened may be one.
fn may_be_capture(path: &Path) -> bool {
    match Reader::open(path) {
        Err(Error::NotACapture { .. }) => false,
        Err(Error::EmptyFile) => path
            .extension()
            .is_some_and(|ending| CAPTURE_ENDINGS.iter().any(|capture| ending.eq_ignore_ascii_case(capture))),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(names: &[PathBuf]) -> anyhow::Result<Inputs> {
        Inputs::expand(names, &mut |name| anyhow::bail!("{name} is looked for in storage"))
    }

    fn pcap() -> Vec<u8> {
        let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([0xff, 0xff, 0, 0, 1, 0, 0, 0]);
        bytes
    }

    fn names(inputs: &Inputs) -> Vec<String> {
        let name = |input: &Input| match input {
            Input::File(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Input::Stdin | Input::Bytes(_) | Input::Stream(_) => "-".into(),
        };
        inputs.list.iter().map(name).collect()
    }

    #[test]
    fn a_folder_stands_for_its_captures_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deep")).unwrap();
        for name in ["b.pcap", "a.bin", "deep/c.cap", ".hidden.pcap"] {
            fs::write(folder.path().join(name), pcap()).unwrap();
        }
        fs::write(folder.path().join("README.md"), "# no capture").unwrap();
        fs::write(folder.path().join("empty.txt"), "").unwrap();
        fs::write(folder.path().join("empty.pcap"), "").unwrap();
        let inputs = expand(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(&inputs), ["a.bin", "b.pcap", "c.cap", "empty.pcap"]);
        assert_eq!(inputs.not_captures, 3);
        assert_eq!(inputs.bytes(), Some(3 * 24));
    }

    #[test]
    fn a_pattern_stands_for_what_it_matches_and_a_name_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b1.pcap", "b2.pcap", "b[1].pcap"] {
            fs::write(folder.path().join(name), pcap()).unwrap();
        }
        let at = |name: &str| folder.path().join(name);
        assert_eq!(names(&expand(&[at("b?.pcap")]).unwrap()), ["b1.pcap", "b2.pcap"]);
        assert_eq!(names(&expand(&[at("b[1].pcap")]).unwrap()), ["b[1].pcap"]);
        assert_eq!(names(&expand(&[at("b2.pcap"), at("*.pcap")]).unwrap()).len(), 3, "each once");
        assert!(expand(&[at("z*.pcap")]).unwrap_err().to_string().contains("no file matches"));
    }

    #[test]
    fn places_are_looked_for_in_storage_and_read_once() {
        let mut asked = Vec::new();
        let mut find = |name: &str| {
            asked.push(name.to_owned());
            let open = || Ok(Box::new(io::empty()) as Box<dyn io::Read + Send>);
            Ok(vec![Stream { name: "one".into(), bytes: 7, open: std::sync::Arc::new(open) }])
        };
        let names = ["https://a.blob.example/c/x.cap", "capture:slow"].map(PathBuf::from);
        let inputs = Inputs::expand(&names, &mut find).unwrap();
        assert_eq!((inputs.list.len(), inputs.bytes()), (1, Some(7)));
        assert_eq!(asked, ["https://a.blob.example/c/x.cap", "capture:slow"]);
    }

    #[test]
    fn a_folder_without_captures_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("README.md"), "# no capture").unwrap();
        assert!(expand(&[folder.path().to_owned()]).is_err());
    }
}
