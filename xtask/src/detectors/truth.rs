//! The labels: `truth.json` beside the captures.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

/// A capture of which it is known what has to be found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labelled {
    pub(crate) file: String,
    pub(crate) case: String,
    pub(crate) seed: u64,
    pub(crate) is_hard: bool,
    pub(crate) expect: Vec<Expected>,
    /// Detectors that may say something because it is true as well.
    pub(crate) may: Vec<String>,
}

/// A finding that has to be there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) detector: String,
    pub(crate) severity: String,
    /// Addresses of which it names at least one; any will do if there are none.
    pub(crate) addresses: Vec<String>,
}

/// The labels of a folder.
pub(crate) fn read(folder: &Path) -> Result<Vec<Labelled>> {
    let path = folder.join("truth.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    Ok(list(&value, "captures").iter().map(labelled).collect())
}

fn labelled(value: &Value) -> Labelled {
    Labelled {
        file: text(value, "file"),
        case: text(value, "case"),
        seed: value.get("seed").and_then(Value::as_u64).unwrap_or_default(),
        is_hard: value.get("is_hard").and_then(Value::as_bool).unwrap_or_default(),
        expect: list(value, "expect")
            .iter()
            .map(|one| Expected {
                detector: text(one, "detector"),
                severity: text(one, "severity"),
                addresses: texts(one, "addresses"),
            })
            .collect(),
        may: texts(value, "may"),
    }
}

pub(super) fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    list(value, name).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
