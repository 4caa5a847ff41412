//! Thresholds of detectors, from a file.

use std::fs;
use std::path::Path;

use anyhow::Context;
use capkeep_detect::Settings;

use crate::failure::hinted;

/// The defaults, with what a file changes.
pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Settings> {
    let Some(path) = path else { return Ok(Settings::default()) };
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the thresholds {shown}"))?;
    Settings::from_toml(&text).map_err(|error| {
        let error = anyhow::Error::new(error);
        hinted(
            format!("{shown}: {}", error.root_cause().to_string().trim_end()),
            "`capkeep explain --thresholds` prints every threshold there is, as such a file",
        )
    })
}
