//! Where capture files are.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use azure_core::credentials::Secret;
use url::{Host, Url};

use crate::blob::BlobName;
use crate::encoding::{decoded, encoded};
use crate::error::{Error, Result};

/// Longest name of a blob, in characters: Azure's.
const NAME_CHARS: usize = 1_024;

/// Parameters of a listing or a call, which some tools leave in a signed URL.
const OF_CALLS: &[&str] =
    &["restype", "comp", "prefix", "delimiter", "marker", "maxresults", "include", "timeout"];

/// Where capture files are: an account, or a local folder laid out as `FOLDER/CONTAINER/NAME`; perhaps a container in
/// it, perhaps a name in there (or the beginning of names). A signature (SAS) that a URL had stands apart, and is in
/// no text that this type makes.
#[derive(Clone, PartialEq, Eq)]
pub struct Location {
    base: Base,
    container: Option<String>,
    name: Option<String>,
    sas: Option<Secret>,
}

/// What holds the containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// An account: its URL, without a signature. Emulators have the name of the account as path.
    Account(Url),
    /// A folder of this machine.
    Folder(PathBuf),
}

impl Location {
    /// Reads a location: `https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME` and everything like it (a `storagePath`
    /// of a capture, other clouds, zones, custom domains), `http://127.0.0.1:10000/ACCOUNT/CONTAINER/NAME`, or
    /// `file:///FOLDER`. In a folder the container begins after a double slash: `file:///FOLDER//CONTAINER/NAME`.
    ///
    /// Hosts that are an address or have no dot in their name have the account in the path, as emulators do.
    ///
    /// # Errors
    ///
    /// [`Error::Location`], also for plain http to another machine.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text, false).map_err(|what| wrong(text, what))
    }

    /// As [`parse`](Self::parse), and plain http goes to any machine: whoever listens on the way reads along.
    ///
    /// # Errors
    ///
    /// [`Error::Location`].
    pub fn parse_plain(text: &str) -> Result<Self> {
        Self::read(text, true).map_err(|what| wrong(text, what))
    }

    /// A local folder.
    pub fn folder_at(folder: impl Into<PathBuf>) -> Self {
        Self { base: Base::Folder(folder.into()), container: None, name: None, sas: None }
    }

    fn read(text: &str, is_plain_fine: bool) -> std::result::Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("is not a URL".into());
        };
        let scheme = scheme.to_ascii_lowercase();
        if rest.contains('#') {
            return Err("has a # in it; one in a name is written %23".into());
        }
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let (authority, path) = match rest.find('/') {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, ""),
        };
        if scheme == "file" {
            return Self::folder_of(authority, path, query);
        }
        if !matches!(scheme.as_str(), "http" | "https") {
            return Err("is neither https nor file".into());
        }
        if authority.contains('@') {
            return Err("has a user or a password in it, which is not taken".into());
        }
        // The path is read by hand: a URL parser takes `..` for a step and drops what it does not like.
        let origin = Url::parse(&format!("{scheme}://{authority}/"))
            .map_err(|error| format!("has no host: {error}"))?;
        if origin.path() != "/" || origin.host_str().is_none() {
            return Err("has no host".into());
        }
        if scheme == "http" && !is_plain_fine && !is_loopback(&origin) {
            return Err("is plain http, which everybody on the way can read: only for this machine".into());
        }
        let mut words = path.strip_prefix('/').unwrap_or(path);
        let mut base = origin;
        if has_account_in_path(&base) && !words.is_empty() {
            let (account, rest) = words.split_once('/').unwrap_or((words, ""));
            let account = word("account", account)?;
            base.set_path(&encoded(&account));
            words = rest;
        }
        let (container, name) = split(words)?;
        let sas = query.map(signature).transpose()?.flatten();
        Ok(Self { base: Base::Account(base), container, name, sas })
    }

    fn folder_of(host: &str, path: &str, query: Option<&str>) -> std::result::Result<Self, String> {
        if !matches!(host, "" | "localhost") || !path.starts_with('/') || query.is_some() {
            return Err("is not file:///FOLDER".into());
        }
        let (folder, rest) = path[1..].split_once("//").unwrap_or((&path[1..], ""));
        let folder = decoded(folder).ok_or("is not UTF-8")?;
        if folder.contains('\0') {
            return Err("has a NUL in it".into());
        }
        let (container, name) = split(rest)?;
        let folder = Path::new("/").join(folder.trim_start_matches('/'));
        Ok(Self { base: Base::Folder(folder), container, name, sas: None })
    }

    /// What holds the containers.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// URL of the account without a signature; `None` for a folder.
    pub fn account_url(&self) -> Option<&Url> {
        match &self.base {
            Base::Account(url) => Some(url),
            Base::Folder(_) => None,
        }
    }

    /// The folder; `None` for an account.
    pub fn folder(&self) -> Option<&Path> {
        match &self.base {
            Base::Account(_) => None,
            Base::Folder(folder) => Some(folder),
        }
    }

    /// Name of the account. Under a custom domain that is the domain; of a folder its last name.
    pub fn account(&self) -> String {
        match &self.base {
            Base::Account(url) => account_of(url),
            Base::Folder(folder) => {
                folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
            }
        }
    }

    /// The container, if one is named.
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// A name in the container or the beginning of names, not encoded.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The blob, if container and name are there.
    pub fn blob(&self) -> Option<BlobName> {
        Some(BlobName::new(self.container.as_deref()?, self.name.as_deref()?))
    }

    /// The signature that the URL had (`sv=…&sig=…`).
    pub fn sas(&self) -> Option<&Secret> {
        self.sas.as_ref()
    }

    /// Another container and name at the same place.
    #[must_use]
    pub fn with_blob(&self, name: &BlobName) -> Self {
        let BlobName { container, name } = name.clone();
        Self { container: Some(container), name: Some(name), ..self.clone() }
    }

    /// The same container and name at the place another location is at, with the signature of that one, if it has one.
    /// What lies below that place as both are written keeps its path: `http://127.0.0.1/a/b` below `http://127.0.0.1` is
    /// container `a`, name `b`; the same goes for files below a folder.
    #[must_use]
    pub fn with_endpoint(&self, at: &Self) -> Self {
        let sas = at.sas.clone().or_else(|| self.sas.clone());
        let (container, name) =
            self.below(&at.base).unwrap_or_else(|| (self.container.clone(), self.name.clone()));
        Self { base: at.base.clone(), container, name, sas }
    }

    /// Container and name below another base; `None` if this is not below it.
    fn below(&self, at: &Base) -> Option<(Option<String>, Option<String>)> {
        let words = |path: &str| decoded(path.trim_matches('/'));
        let (mine, theirs) = match (&self.base, at) {
            (Base::Account(mine), Base::Account(at)) if mine.origin() == at.origin() => {
                (words(mine.path())?, words(at.path())?)
            }
            (Base::Folder(mine), Base::Folder(at)) => {
                let rest = mine.strip_prefix(at).ok()?;
                let is_plain = rest.components().all(|part| matches!(part, Component::Normal(_)));
                (rest.to_str().filter(|_| is_plain)?.to_owned(), String::new())
            }
            _ => return None,
        };
        if mine == theirs {
            return Some((self.container.clone(), self.name.clone()));
        }
        let more = if theirs.is_empty() {
            Some(mine.as_str())
        } else {
            mine.strip_prefix(&theirs)?.strip_prefix('/')
        };
        let mut path = more?.to_owned();
        for more in [&self.container, &self.name].into_iter().flatten() {
            path.push('/');
            path.push_str(more);
        }
        let (container, name) = path.split_once('/').unwrap_or((&path, ""));
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Some((some(container), some(name)))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = match &self.base {
            Base::Account(url) => url.as_str().trim_end_matches('/').to_owned(),
            Base::Folder(folder) => file_url(folder),
        };
        if let Some(container) = &self.container {
            text.push_str(if self.folder().is_some() { "//" } else { "/" });
            text.push_str(&encoded(container));
        }
        if let Some(name) = &self.name {
            text.push('/');
            text.push_str(&encoded(name));
        }
        f.write_str(&text)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self}{})", if self.sas.is_some() { ", signed" } else { "" })
    }
}

impl std::str::FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

/// URL of a folder, without a slash at its end.
pub(crate) fn file_url(folder: &Path) -> String {
    let path = folder.to_string_lossy();
    let words: Vec<_> = path.split('/').filter(|word| !word.is_empty()).map(encoded).collect();
    format!("file:///{}", words.join("/"))
}

/// True for an address of this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // RFC 6761, section 6.3.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Host and port, which may be told; the rest of an address may be a secret.
pub(crate) fn host_of(url: &Url) -> String {
    let name = url.host_str().unwrap_or("nowhere");
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

/// Emulators are reached by an address or a bare name (Microsoft's clients go by the same).
fn has_account_in_path(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => !name.contains('.') || name == "host.docker.internal",
        _ => true,
    }
}

fn account_of(url: &Url) -> String {
    let in_path = url.path().trim_matches('/');
    if has_account_in_path(url) && !in_path.is_empty() {
        return decoded(in_path).unwrap_or_default();
    }
    let host = url.host_str().unwrap_or_default();
    match host.split_once('.') {
        // `acc.blob.core.windows.net`, `acc.z12.blob.storage.azure.net`, `acc.privatelink.blob…`
        Some((account, rest)) if rest.split('.').any(|label| label == "blob") => {
            account.strip_suffix("-secondary").unwrap_or(account).to_owned()
        }
        _ => host_of(url),
    }
}

/// Container and name out of what follows the account.
fn split(words: &str) -> std::result::Result<(Option<String>, Option<String>), String> {
    if words.is_empty() {
        return Ok((None, None));
    }
    let (container, name) = words.split_once('/').unwrap_or((words, ""));
    let container = word("container", container)?;
    let name = decoded(name).ok_or("has a name that is not UTF-8")?;
    let chars = name.chars().count();
    if chars > NAME_CHARS {
        return Err(format!("has a name of {chars} characters; {NAME_CHARS} are possible"));
    }
    Ok((Some(container), Some(name).filter(|name| !name.is_empty())))
}

/// Name of an account or container.
fn word(what: &str, text: &str) -> std::result::Result<String, String> {
    let word = decoded(text).ok_or_else(|| format!("has a name of the {what} that is not UTF-8"))?;
    let is_wrong = |c: char| c.is_control() || matches!(c, '/' | '\\');
    if word.is_empty() || word == "." || word == ".." || word.contains(is_wrong) {
        return Err(format!("has no name of the {what}"));
    }
    Ok(word)
}

/// The signature out of a query.
fn signature(query: &str) -> std::result::Result<Option<Secret>, String> {
    let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    if let Some(pair) = pairs.iter().find(|pair| matches!(key(pair).as_str(), "snapshot" | "versionid")) {
        return Err(format!("names a {}: only the blob itself can be asked for", key(pair)));
    }
    let pairs: Vec<&str> = pairs.into_iter().filter(|pair| !OF_CALLS.contains(&key(pair).as_str())).collect();
    if pairs.is_empty() {
        return Ok(None);
    }
    if !pairs.iter().any(|pair| key(pair) == "sig") {
        return Err("has a ? in it and no signature (sig=) after it; a ? in a name is written %3F".into());
    }
    Ok(Some(Secret::new(pairs.join("&"))))
}

/// An error that shows the text without what may be secret in it.
fn wrong(text: &str, what: String) -> Error {
    let mut text = text.split(['?', '#']).next().unwrap_or_default().to_owned();
    // Before the path, and so before any @ in a name.
    let begin = text.find("://").map_or(0, |at| at + 3);
    let end = text[begin..].find('/').map_or(text.len(), |at| begin + at);
    if let Some(at) = text[begin..end].rfind('@') {
        text.replace_range(begin..begin + at, "…");
    }
    if let Some(at) = text.to_ascii_lowercase().find("sig=") {
        text.truncate(at);
        text.push('…');
    }
    Error::Location { text, what }
}

#[cfg(test)]
mod tests;
