//! Flows to files of a day each.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use capkeep_flow::FlowRecord;
use capkeep_pcap::Timestamp;
use polars_core::error::PolarsResult;
use polars_core::frame::DataFrame;
use polars_core::prelude::{Column, IntoColumn, NewChunkedArray, StringChunked};
use serde::{Deserialize, Serialize};

use super::Origin;
use crate::dataset::flow_layout;
use crate::flows::{Captures, ExportError, FileFormat, RowFile, frame};

/// A file with flows of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowFileRow {
    /// Day (UTC) of the first packet of its flows, `YYYY-MM-DD`.
    pub day: String,
    /// Its name in the folder `day=…`.
    pub name: String,
    /// Flows in it.
    pub flows: u64,
}

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;

/// Flows of a session on their way to files of a day each.
///
/// Flows are held until there are [`Days::ROWS`]; then those of the day with most of them are written. That and the
/// files that are open at a time bound memory, whatever times a capture shows; what is written depends on the order
/// of flows alone.
pub(super) struct Days {
    folder: PathBuf,
    session: String,
    vm: Option<String>,
    captures: Captures,
    held: BTreeMap<i64, Vec<FlowRecord>>,
    count: usize,
    /// Flows held before some are written; [`Days::ROWS`] outside of tests.
    rows: usize,
    /// Days, and how many files were made for each.
    files: BTreeMap<i64, u32>,
    /// Open files, the one that was written to longest ago first.
    open: VecDeque<Open>,
    done: Vec<FlowFileRow>,
}

struct Open {
    day: i64,
    file: RowFile,
    row: FlowFileRow,
}

impl Days {
    /// Flows held (chosen: several sessions are gathered side by side, and 32 Ki flows are about 20 MB).
    const ROWS: usize = 1 << 15;
    /// Files open at a time (chosen: captures go from one day to the next; the flows that began the day before end
    /// soon after).
    const OPEN: usize = 4;
    /// Most days that get files (chosen: a year and a month). Only broken clocks have more; the flows of further days
    /// stand with those that have no time, in the day of the epoch.
    const MOST: usize = 400;

    pub(super) fn new(folder: &Path, session: &str, origins: &[Origin]) -> Result<Self, ExportError> {
        let is_plain = |c: char| !c.is_control() && !matches!(c, '/' | '\\');
        if session.is_empty()
            || session.starts_with('.')
            || session.len() > 200
            || !session.chars().all(is_plain)
        {
            return Err(ExportError::Session { session: session.into() });
        }
        clear(folder).map_err(|source| ExportError::Io { path: folder.into(), source })?;
        let mut captures = Captures::default();
        for (index, origin) in (0u32..).zip(origins) {
            captures.insert(index, origin.name.clone(), None);
        }
        Ok(Self {
            folder: folder.into(),
            session: session.into(),
            vm: origins.iter().find_map(|origin| origin.vm.clone()),
            captures,
            held: BTreeMap::new(),
            count: 0,
            rows: Self::ROWS,
            files: BTreeMap::new(),
            open: VecDeque::new(),
            done: Vec::new(),
        })
    }

    pub(super) fn push(&mut self, flows: &[FlowRecord]) -> Result<(), ExportError> {
        for flow in flows {
            let mut day = flow.first.nanos().div_euclid(DAY);
            if self.files.len() >= Self::MOST && !self.files.contains_key(&day) {
                day = 0;
            }
            self.files.entry(day).or_default();
            self.held.entry(day).or_default().push(flow.clone());
            self.count += 1;
            if self.count >= self.rows {
                // Of equal numbers the earliest day.
                let most =
                    self.held.iter().max_by_key(|(day, flows)| (flows.len(), std::cmp::Reverse(**day)));
                if let Some((day, _)) = most {
                    let day = *day;
                    self.write(day)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is left; tells the files, in the order of days.
    pub(super) fn finish(mut self) -> Result<Vec<FlowFileRow>, ExportError> {
        // Days whose files are open first: the others would close them.
        let is_open = |days: &Self, day: i64| days.open.iter().any(|open| open.day == day);
        let (first, then): (Vec<i64>, Vec<i64>) =
            self.held.keys().copied().partition(|day| is_open(&self, *day));
        for day in first.into_iter().chain(then) {
            self.write(day)?;
        }
        while !self.open.is_empty() {
            self.close()?;
        }
        self.done.sort_by(|a, b| (&a.day, &a.name).cmp(&(&b.day, &b.name)));
        Ok(self.done)
    }

    fn write(&mut self, day: i64) -> Result<(), ExportError> {
        let Some(flows) = self.held.remove(&day) else { return Ok(()) };
        self.count -= flows.len();
        let table = self.table(&flows).map_err(|source| ExportError::Table { source })?;
        let mut open = match self.open.iter().position(|open| open.day == day) {
            Some(place) => self.open.remove(place),
            None => None,
        };
        let mut open = match open.take() {
            Some(open) => open,
            None => self.create(day)?,
        };
        open.file.write(&table)?;
        open.row.flows += flows.len() as u64;
        self.open.push_back(open);
        if self.open.len() > Self::OPEN { self.close() } else { Ok(()) }
    }

    fn create(&mut self, day: i64) -> Result<Open, ExportError> {
        let number = self.files.entry(day).or_default();
        *number += 1;
        let name = match *number {
            1 => format!("{}.parquet", self.session),
            further => format!("{}.{further}.parquet", self.session),
        };
        let day_name = day_name(day);
        let folder = self.folder.join(format!("day={day_name}"));
        fs::create_dir_all(&folder).map_err(|source| ExportError::Io { path: folder.clone(), source })?;
        let file = RowFile::create(&folder.join(&name), FileFormat::Parquet, &flow_layout(), false)?;
        Ok(Open { day, file, row: FlowFileRow { day: day_name, name, flows: 0 } })
    }

    /// Finishes the file that was written to longest ago.
    fn close(&mut self) -> Result<(), ExportError> {
        let Some(Open { file, row, .. }) = self.open.pop_front() else { return Ok(()) };
        file.finish()?.persist()?;
        self.done.push(row);
        Ok(())
    }

    fn table(&self, flows: &[FlowRecord]) -> PolarsResult<DataFrame> {
        let table = frame(flows, &self.captures, false)?;
        let same = |name: &str, text: Option<&str>| -> Column {
            StringChunked::from_iter_options(name.into(), std::iter::repeat_n(text, flows.len()))
                .into_column()
        };
        let first = [same("vm", self.vm.as_deref()), same("session", Some(&self.session))];
        let rest = table.columns().iter().filter(|column| column.name().as_str() != "session").cloned();
        DataFrame::new(flows.len(), first.into_iter().chain(rest).collect())
    }
}

/// Removes what was left of another run: folders of days, and nothing else.
fn clear(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("day=") && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// `YYYY-MM-DD` of a day since the epoch.
fn day_name(day: i64) -> String {
    let text = crate::time::utc(Timestamp::from_nanos(day.saturating_mul(DAY)));
    text.get(..10).unwrap_or("1970-01-01").to_owned()
}
