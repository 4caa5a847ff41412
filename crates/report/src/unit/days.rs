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
    /// Its name in the folder `day=…`: `<session>.parquet`, and `<session>~2.parquet`, … where a session came back to a
    /// day after others.
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
    /// Most days; [`Days::MOST`] outside of tests.
    most: usize,
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
        let is_further = session.rsplit_once('~').is_some_and(|(_, end)| end.parse::<u32>().is_ok());
        if is_further
            || session.is_empty()
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
            most: Self::MOST,
            open: VecDeque::new(),
            done: Vec::new(),
        })
    }

    pub(super) fn push(&mut self, flows: &[FlowRecord]) -> Result<(), ExportError> {
        for flow in flows {
            let mut day = flow.first.nanos().div_euclid(DAY);
            if self.files.len() >= self.most && !self.files.contains_key(&day) {
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
            further => format!("{}~{further}.parquet", self.session),
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

#[cfg(test)]
mod tests {
    use polars_io::SerReader as _;
    use polars_io::parquet::read::ParquetReader;

    use super::*;
    use crate::fixture;

    fn at(day: i64, n: u64) -> FlowRecord {
        FlowRecord { first: Timestamp::from_nanos(day * DAY), first_packet: n, ..fixture::tcp_flow() }
    }

    fn write(folder: &Path, rows: usize, flows: &[FlowRecord], batch: usize) -> Vec<FlowFileRow> {
        let mut days = Days { rows, ..Days::new(folder, "s", &[]).unwrap() };
        flows.chunks(batch).for_each(|part| days.push(part).unwrap());
        days.finish().unwrap()
    }

    #[test]
    fn every_flow_is_in_one_file_however_days_are_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let flows: Vec<FlowRecord> = (0..300).map(|n| at((n * n % 13) as i64, n)).collect();
        let files = write(folder.path(), 40, &flows, 7);
        assert!(files.iter().any(|file| file.name == "s~2.parquet"), "a day was opened again");
        let bytes =
            |file: &FlowFileRow| fs::read(folder.path().join(format!("day={}", file.day)).join(&file.name));
        let before: Vec<Vec<u8>> = files.iter().map(|file| bytes(file).unwrap()).collect();
        let mut seen = Vec::new();
        for (file, bytes) in files.iter().zip(&before) {
            let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().unwrap();
            assert_eq!(frame.height() as u64, file.flows);
            let numbers = frame.column("first_packet").unwrap().i64().unwrap().clone();
            seen.extend(numbers.iter().flatten());
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..300).collect::<Vec<i64>>());
        // Whatever batches the flows come in.
        assert_eq!(write(folder.path(), 40, &flows, 1_000), files);
        let after: Vec<Vec<u8>> = files.iter().map(|file| bytes(file).unwrap()).collect();
        assert!(before == after);
    }

    #[test]
    fn a_broken_clock_makes_no_more_files_than_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let flows: Vec<FlowRecord> = (0..50).map(|n| at(n as i64 * 1_000 - 20_000, n)).collect();
        let mut days = Days { most: 10, ..Days::new(folder.path(), "s", &[]).unwrap() };
        days.push(&flows).unwrap();
        let files = days.finish().unwrap();
        // The first ten, and what stands in the day of the epoch.
        assert_eq!(files.len(), 11);
        assert_eq!(files.last().map(|file| (file.day.as_str(), file.flows)), Some(("1970-01-01", 40)));
    }
}
