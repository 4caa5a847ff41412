//! What is kept of a file before it goes: a copy, a summary.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use capkeep_cleanup::{Archived, Row};
use capkeep_flow::{Event, Input, Options};
use capkeep_report::flows::FlowExport;
use capkeep_report::{View, json as report, summary};
use capkeep_storage::download::{self, Job, Limits, Outcome, Provenance, Stop};
use capkeep_storage::{Blob, Store, safe_path};
use serde_json::json;

use crate::export::Exporter;

/// Keeps copies and summaries below folders.
#[derive(Debug)]
pub(super) struct Keep {
    archive: Option<PathBuf>,
    summaries: Option<PathBuf>,
    stop: Stop,
    /// Places that were given out, and to which version of which blob.
    taken: Mutex<HashMap<PathBuf, String>>,
}

impl Keep {
    pub(super) fn new(archive: Option<PathBuf>, summaries: Option<PathBuf>, stop: Stop) -> Self {
        Self { archive, summaries, stop, taken: Mutex::default() }
    }

    /// Fetches a blob into the archive, whole, verified, and on the disk.
    pub(super) async fn archive(
        &self,
        store: &Arc<dyn Store>,
        row: &Row,
        blob: &Blob,
    ) -> Result<Archived, String> {
        let folder = self.archive.as_ref().ok_or("no archive was named")?;
        self.fetch(folder, store, row, blob).await
    }

    /// Analyses a blob and keeps the summary and the flows. Without an archive the blob is fetched for that, and not kept.
    pub(super) async fn summarise(
        &self,
        store: &Arc<dyn Store>,
        row: &Row,
        blob: &Blob,
    ) -> Result<PathBuf, String> {
        let folder = self.summaries.as_ref().ok_or("no folder for summaries was named")?;
        let copy = self.fetch(self.archive.as_ref().unwrap_or(folder), store, row, blob).await?;
        let stem = self.place(folder, row)?.with_extension("");
        let (file, to) = (copy.path.clone(), stem.clone());
        let written = tokio::task::spawn_blocking(move || write_summary(&file, &to)).await;
        let written = written.map_err(|error| error.to_string())?;
        if self.archive.is_none() {
            let _ = std::fs::remove_file(&copy.path);
            let mut note = copy.path.into_os_string();
            note.push(".provenance.json");
            let _ = std::fs::remove_file(note);
        }
        written.map(|()| stem)
    }

    async fn fetch(
        &self,
        folder: &Path,
        store: &Arc<dyn Store>,
        row: &Row,
        blob: &Blob,
    ) -> Result<Archived, String> {
        let path = self.place(folder, row)?;
        let path = std::path::absolute(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let note = json!({
            OWNER: version(row),
            "verdict": row.verdict,
            "evidence": row.evidence,
            "facts": row.facts,
        });
        let job = Job { store: Arc::clone(store), blob: blob.clone(), to: path.clone(), note };
        let limits = Limits { durable: true, ..Limits::default() };
        let outcome = download::fetch(vec![job], &limits, &|_| {}, &self.stop).await.pop();
        let (size, sha256) = match outcome {
            Some(Outcome::Fetched(fetched)) => (fetched.bytes, fetched.sha256),
            Some(Outcome::Unchanged(known)) => (known.size, known.sha256),
            Some(Outcome::Failed { error, .. }) => return Err(error.to_string()),
            Some(Outcome::Stopped { .. }) | None => return Err("it was told to stop".into()),
        };
        Ok(Archived { path, size, sha256 })
    }

    /// Where the copy of a file lies. A place that has something else, from this run or an earlier one, is left alone.
    fn place(&self, folder: &Path, row: &Row) -> Result<PathBuf, String> {
        let is_ours = version(row);
        let first = folder
            .join(safe_path(&row.account_name()))
            .join(safe_path(&row.container))
            .join(safe_path(&row.name));
        let ending = first.extension().map(|ending| ending.to_string_lossy().into_owned());
        let stem = first.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        for number in 1..1_000 {
            let path = match (number, &ending) {
                (1, _) => first.clone(),
                (_, Some(ending)) => first.with_file_name(format!("{stem} ({number}).{ending}")),
                (_, None) => first.with_file_name(format!("{stem} ({number})")),
            };
            let owner = taken.get(&path).cloned().or_else(|| owner(&path));
            if owner.as_ref().is_none_or(|owner| *owner == is_ours) {
                taken.insert(path.clone(), is_ours);
                return Ok(path);
            }
        }
        Err(format!("{}: there are a thousand others of that name", first.display()))
    }
}

/// Key of what is noted with a copy: which version of which blob it is.
const OWNER: &str = "copy_of";

/// Which version of which blob the file at a place is a copy of; nothing if there is no file.
fn owner(path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    let note = Provenance::of(path).ok().flatten().map(|known| known.note);
    let owner = note.and_then(|note| note.get(OWNER)?.as_str().map(str::to_owned));
    Some(owner.unwrap_or_else(|| "somebody else".to_owned()))
}

/// Which version of which blob a row is about.
fn version(row: &Row) -> String {
    format!("{} {}/{} {}", row.account, row.container, row.name, row.etag)
}

/// Writes `STEM.summary.json` and `STEM.flows.parquet`.
fn write_summary(file: &Path, stem: &Path) -> Result<(), String> {
    let with = |ending: &str| {
        let mut name = stem.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let told = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if let Some(folder) = stem.parent() {
        std::fs::create_dir_all(folder).map_err(|error| told(folder, &error))?;
    }
    let flows = with(".flows.parquet");
    let mut export =
        FlowExport::create(std::slice::from_ref(&flows), false).map_err(|error| told(&flows, &error))?;
    export.capture(0, file, None);
    let exporter = Exporter::start(export);
    let observer = |event: Event<'_>| match event {
        Event::Capture { index, path, session } => exporter.capture(index, path.to_owned(), Some(session)),
        Event::Flows(flows) => exporter.flows(flows),
        _ => {}
    };
    let analysis = capkeep_flow::analyze(&[Input::File(file.to_owned())], &Options::default(), &observer);
    exporter.finish().map_err(|error| told(&flows, &error))?;
    if analysis.totals.packets == 0
        && let Some(problem) = analysis.captures.iter().find_map(summary::problem)
    {
        let _ = std::fs::remove_file(&flows);
        return Err(problem);
    }
    let mut text = Vec::new();
    report::write(&analysis, &View::default(), &mut text).map_err(|error| error.to_string())?;
    let path = with(".summary.json");
    let draft = with(".summary.json.part");
    let written = std::fs::write(&draft, &text).and_then(|()| {
        std::fs::File::open(&draft)?.sync_all()?;
        std::fs::rename(&draft, &path)
    });
    written.map_err(|error| told(&path, &error))?;
    std::fs::File::open(&flows).and_then(|file| file.sync_all()).map_err(|error| told(&flows, &error))
}

#[cfg(test)]
mod tests {
    use capkeep_cleanup::{Finding, Verdict};
    use capkeep_storage::{BlobName, Etag};
    use jiff::Timestamp;

    use super::*;

    fn row(name: &str, etag: &str) -> Row {
        let blob = Blob::new(BlobName::new("c", name), 1, Etag::from(etag), Timestamp::UNIX_EPOCH);
        let finding =
            Finding { verdict: Verdict::Orphan, evidence: String::new(), machine: None, began: None };
        Row::new("https://sa1.blob.core.windows.net", &blob, finding, None)
    }

    #[test]
    fn each_version_of_each_blob_has_a_place_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Keep::new(None, None, Stop::new());
        let place = |row: &Row| keep.place(folder.path(), row).unwrap();
        let first = place(&row("a/b.cap", "1"));
        assert_eq!(first, folder.path().join("sa1/c/a/b.cap"));
        assert_eq!(place(&row("a/b.cap", "1")), first);
        assert_eq!(place(&row("a/b.cap", "2")), folder.path().join("sa1/c/a/b (2).cap"));
        // What somebody else put there stays.
        std::fs::write(folder.path().join("sa1/c/x.cap"), "x").unwrap_err();
        std::fs::create_dir_all(folder.path().join("sa1/c")).unwrap();
        std::fs::write(folder.path().join("sa1/c/x.cap"), "x").unwrap();
        assert_eq!(place(&row("x.cap", "1")), folder.path().join("sa1/c/x (2).cap"));
        // Names never lead out of the folder.
        assert!(place(&row("../../x", "1")).starts_with(folder.path().join("sa1/c")));
    }
}
