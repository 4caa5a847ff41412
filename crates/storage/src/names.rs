//! Names of strangers as paths of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Longest name of a file or folder that is made, in bytes (chosen: Linux and Windows take 255, encrypted home
/// directories 143).
const WORD_BYTES: usize = 140;

/// Longest path that is made, in bytes (chosen: Linux takes 4,096, the folder it goes to included).
const PATH_BYTES: usize = 2_048;

/// Longest ending (`.cap`) that a shortened name keeps, in bytes (chosen).
const ENDING_BYTES: usize = 16;

/// Digits of the hash that stands for what was left out: 160 bits.
const HASH_DIGITS: usize = 40;

/// Names Windows keeps for devices, with any ending.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"];

/// A relative path for the name of a blob, which a stranger chose. It stays below the folder it is put in, is no device,
/// is not hidden, is no option of a program, and looks like what it is. Whatever cannot stand in a path is written as the
/// bytes of its UTF-8, `%2E`; `%` itself is `%25`, an empty name `%_`. Names that are too long keep their begin and end
/// around a hash (`%~…`).
///
/// Different names give different paths. They may still clash in a folder: see [`clashes`].
pub fn safe_path(name: &str) -> PathBuf {
    let words: Vec<String> = name.split('/').map(safe_word).collect();
    let bytes: usize = words.iter().map(|word| word.len() + 1).sum();
    if bytes <= PATH_BYTES {
        return words.iter().collect();
    }
    let (mut path, mut used) = (PathBuf::new(), 0);
    for word in &words {
        used += word.len() + 1;
        if used > PATH_BYTES / 2 {
            break;
        }
        path.push(word);
    }
    path.push(format!("%~{}", hash(name)));
    path.extend(words.last());
    path
}

/// One name of a path.
fn safe_word(word: &str) -> String {
    if word.is_empty() {
        return "%_".into();
    }
    let mut out = String::with_capacity(word.len());
    let last = word.char_indices().next_back().map_or(0, |(at, _)| at);
    let escape_first = is_device(word) || word.starts_with(['.', '-', '~', ' ']);
    for (at, c) in word.char_indices() {
        let is_edge = (at == 0 && escape_first) || (at == last && matches!(c, '.' | ' '));
        if is_edge || !is_harmless(c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    if out.len() <= WORD_BYTES { out } else { shortened(&out, word) }
}

/// Begin of a name, hash of all of it, and its ending.
fn shortened(safe: &str, word: &str) -> String {
    let ending = safe.rfind('.').map_or("", |at| &safe[at..]);
    let is_ending = ending.len() <= ENDING_BYTES
        && ending[1.min(ending.len())..].bytes().all(|b| b.is_ascii_alphanumeric());
    let ending = if is_ending { ending } else { "" };
    let mut end = WORD_BYTES - 2 - HASH_DIGITS - ending.len();
    // Neither through a character nor through an escape.
    let is_escape = |at: usize| safe.as_bytes().get(at) == Some(&b'%');
    while !safe.is_char_boundary(end) || is_escape(end - 1) || is_escape(end - 2) {
        end -= 1;
    }
    format!("{}%~{}{ending}", &safe[..end], hash(word))
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(HASH_DIGITS / 2).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// True for the name of a device of Windows.
fn is_device(word: &str) -> bool {
    let stem = word.split(['.', ':']).next().unwrap_or_default().trim_end().to_lowercase();
    let is_numbered = |kind: &str| {
        stem.strip_prefix(kind).is_some_and(|number| {
            let mut chars = number.chars();
            chars.next().is_some_and(|c| "0123456789¹²³".contains(c)) && chars.next().is_none()
        })
    };
    DEVICES.contains(&stem.as_str()) || is_numbered("com") || is_numbered("lpt")
}

/// Characters that are not what they look like, besides controls and spaces of other kinds.
const DECEIVING: &[RangeInclusive<char>] = &[
    // Not seen, or turning what follows around: soft hyphen, joiners, marks of direction, selectors, fillers, tags.
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{61C}'..='\u{61C}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{202A}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{2800}'..='\u{2800}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF0}'..='\u{FFFF}',
    '\u{1BCA0}'..='\u{1BCA3}',
    '\u{1D173}'..='\u{1D17A}',
    '\u{E0000}'..='\u{E0FFF}',
    // Marks and letters that some file systems join with the letter before them.
    '\u{300}'..='\u{36F}',
    '\u{1100}'..='\u{11FF}',
    // Like a slash, a backslash, a dot, a colon, a percent sign; some systems make it one.
    '\u{2024}'..='\u{2025}',
    '\u{2044}'..='\u{2044}',
    '\u{2215}'..='\u{2216}',
    '\u{2236}'..='\u{2236}',
    '\u{29F5}'..='\u{29F5}',
    '\u{29F8}'..='\u{29F9}',
    '\u{A789}'..='\u{A789}',
    '\u{FE52}'..='\u{FE52}',
    '\u{FE55}'..='\u{FE55}',
    '\u{FE68}'..='\u{FE68}',
    '\u{FE6A}'..='\u{FE6A}',
    '\u{FF01}'..='\u{FF5E}',
    // Private to whoever made it.
    '\u{E000}'..='\u{F8FF}',
    '\u{F0000}'..='\u{10FFFF}',
];

/// True for a character that can stand in any file name and is what it looks like.
fn is_harmless(c: char) -> bool {
    match c {
        '%' | '\\' | '/' | '<' | '>' | ':' | '"' | '|' | '?' | '*' => false,
        ' '..='~' => true,
        c => !c.is_control() && !c.is_whitespace() && !DECEIVING.iter().any(|range| range.contains(&c)),
    }
}

/// Pairs of different paths that cannot stand beside each other in a folder: they differ in case only (which is the same
/// file on Windows and macOS), or one is a folder on the way to the other. The first stands before the second in `paths`.
pub fn clashes<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<(&'a Path, &'a Path)> {
    let mut found = Vec::new();
    let mut files: BTreeMap<Vec<String>, &'a Path> = BTreeMap::new();
    let mut folders: BTreeMap<Vec<String>, &'a Path> = BTreeMap::new();
    let mut seen: BTreeSet<&'a Path> = BTreeSet::new();
    for path in paths {
        if !seen.insert(path) {
            continue;
        }
        let mut key = Vec::new();
        let mut words = path.iter().peekable();
        while let Some(word) = words.next() {
            key.push(folded(&word.to_string_lossy()));
            let is_last = words.peek().is_none();
            found.extend(files.get(&key).map(|other| (*other, path)));
            if is_last {
                found.extend(folders.get(&key).map(|other| (*other, path)));
                files.entry(key.clone()).or_insert(path);
            } else {
                folders.entry(key.clone()).or_insert(path);
            }
        }
    }
    found
}

/// As file systems compare that do not care for case.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    fn safe(name: &str) -> String {
        safe_path(name).into_os_string().into_string().unwrap()
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        for name in [
            "a.cap",
            "subscriptions/s/resourcegroups/rg/x_1.cap",
            "packet capture (2).cap",
            "Müller/日本語.cap",
            "a..b",
            "a-b~c",
            "console.cap",
            "com10",
        ] {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn what_leaves_hides_or_means_something_is_escaped() {
        for (name, path) in [
            ("", "%_"),
            ("/etc/passwd", "%_/etc/passwd"),
            ("a//b", "a/%_/b"),
            ("a/", "a/%_"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("../../x", "%2E%2E/%2E%2E/x"),
            ("...", "%2E.%2E"),
            ("a/./b", "a/%2E/b"),
            (".bashrc", "%2Ebashrc"),
            ("-rf", "%2Drf"),
            ("~root", "%7Eroot"),
            (" x", "%20x"),
            ("x.", "x%2E"),
            ("x . ", "x .%20"),
            ("a\\..\\b", "a%5C..%5Cb"),
            ("C:\\x", "C%3A%5Cx"),
            ("x:stream", "x%3Astream"),
            ("a\0b", "a%00b"),
            ("a\nb\x1b[31m", "a%0Ab%1B[31m"),
            ("50%20x", "50%2520x"),
            ("%_", "%25_"),
            ("CON", "%43ON"),
            ("nul.cap", "%6Eul.cap"),
            ("a/Com1.x.y/b", "a/%43om1.x.y/b"),
            ("lpt¹", "%6Cpt¹"),
            ("aux .txt", "%61ux .txt"),
            ("cap\u{202E}gpj.exe", "cap%E2%80%AEgpj.exe"),
            ("a\u{2215}b", "a%E2%88%95b"),
            ("a\u{FF0F}..", "a%EF%BC%8F.%2E"),
            ("\u{FEFF}x", "%EF%BB%BFx"),
            ("e\u{301}", "e%CC%81"),
            ("a\u{A0}b", "a%C2%A0b"),
            ("\u{85}", "%C2%85"),
            ("*?<>|\"", "%2A%3F%3C%3E%7C%22"),
        ] {
            assert_eq!(safe(name), path, "{name:?}");
        }
    }

    #[test]
    fn long_names_are_shortened_and_stay_different() {
        let long = format!("{}.cap", "x".repeat(300));
        let path = safe(&long);
        assert_eq!(path.len(), WORD_BYTES);
        let (begin, ending) = path.rsplit_once('.').unwrap();
        assert_eq!((&begin[..3], ending), ("xxx", "cap"), "{path}");
        assert_ne!(path, safe(&format!("{}.cap", "x".repeat(301))));
        // Escapes and characters are not cut through.
        for before in 0..4 {
            let path = safe(&format!("{}{}", "y".repeat(before), "é\u{202E}\u{10000}".repeat(100)));
            assert!(path.len() <= WORD_BYTES && path.contains("%~"), "{path}");
        }
        let deep = "\u{202E}a/".repeat(512);
        let path = safe(&deep);
        assert!(path.len() <= PATH_BYTES, "{}", path.len());
        assert_ne!(path, safe(&format!("b{deep}")));
        assert_ne!(path, safe(&deep.replacen("a/\u{202E}", "a/b", 400)));
    }

    #[test]
    fn names_that_cannot_stand_beside_each_other_are_found() {
        let paths = ["a/B.cap", "a/b.cap", "x", "X/y", "d/e/f", "d/e", "ok", "a/B.cap", "straße", "STRASSE"];
        let found = clashes(paths.iter().map(Path::new));
        let found: Vec<_> = found.iter().map(|(a, b)| (a.to_str().unwrap(), b.to_str().unwrap())).collect();
        assert_eq!(found, [("a/B.cap", "a/b.cap"), ("x", "X/y"), ("d/e/f", "d/e"), ("straße", "STRASSE")]);
    }

    /// The name that a path was made of, where nothing was left out.
    fn undone(path: &Path) -> Option<String> {
        let words: Option<Vec<String>> = path
            .iter()
            .map(|word| match word.to_str()? {
                "%_" => Some(String::new()),
                word if word.contains("%~") => None,
                word => crate::encoding::decoded(word),
            })
            .collect();
        words.map(|words| words.join("/"))
    }

    proptest! {
        #[test]
        fn every_path_stays_in_its_folder_and_names_one_blob(
            name in "([./\\\\ %~_a-zA-Z:\0\n\u{202E}\u{FF0F}éCON1-]|.){0,200}",
        ) {
            let path = safe_path(&name);
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert!(path.as_os_str().len() <= PATH_BYTES);
            prop_assert!(path.iter().count() >= 1);
            for word in &path {
                let word = word.to_str().unwrap();
                prop_assert!(word.len() <= WORD_BYTES);
                prop_assert!(!word.starts_with(['.', '-', '~', ' ']) && !word.ends_with(['.', ' ']), "{word:?}");
                prop_assert!(!is_device(word), "{word:?}");
                prop_assert!(!word.contains(|c: char| c.is_control() || "\\<>:\"|?*".contains(c)), "{word:?}");
            }
            if let Some(name_again) = undone(&path) {
                prop_assert_eq!(name_again, name);
            }
        }
    }
}
