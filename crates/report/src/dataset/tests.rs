//! Tables: what is written is what units hold.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use capkeep_detect::{Detection, Settings};
use capkeep_flow::FlowRecord;
use polars_core::frame::DataFrame;
use polars_io::SerReader as _;
use polars_io::ipc::IpcReader;
use polars_io::parquet::read::ParquetReader;
use serde_json::Value;

use super::write::write_by;
use super::*;
use crate::fixture;
use crate::flows::{ExportError, FileFormat};
use crate::unit::{Gather, Origin, Unit};

const FORMATS: [FileFormat; 5] =
    [FileFormat::Parquet, FileFormat::Arrow, FileFormat::Csv, FileFormat::Json, FileFormat::Ndjson];

/// Units in order, with some of everything, hostile names among them.
fn units(folder: &Path) -> Vec<Unit> {
    let unit = |n: usize| {
        let flows: Vec<FlowRecord> =
            vec![fixture::tcp_flow(), fixture::icmp_flow(), fixture::arp_flow(), fixture::tcp_flow()];
        let mut analysis = fixture::analysis();
        analysis.series.insert(capkeep_flow::Traffic::Web, analysis.timeline.clone());
        let mut detection = Detection::new(Settings::default());
        detection.observe(&flows);
        let findings = detection.finish(&analysis);
        let origin = Origin {
            name: format!("=cmd|' /C calc'!{n}\u{1b}\n.cap"),
            vm: (n > 1).then(|| format!("vm{}", n / 3)),
            storage_path: Some("https://a/b".into()),
            capture_exists: n.is_multiple_of(2).then_some(false),
            ..Origin::default()
        };
        let session = format!("s{n}");
        let mut gather = Gather::new(session.clone(), vec![origin], &folder.join(&session)).unwrap();
        gather.observe(&flows).unwrap();
        gather.finish(&analysis, &findings).unwrap()
    };
    (0..7).map(unit).collect()
}

fn dataset(folder: &Path, units: &[Unit], group: usize) -> Written {
    write_by(folder, &mut units.iter().cloned().map(Ok), &FORMATS, group).unwrap()
}

fn parquet(path: &Path) -> DataFrame {
    ParquetReader::new(fs::File::open(path).unwrap()).finish().unwrap()
}

#[test]
fn tables_have_unique_names_and_columns_are_documented() {
    let mut tables = HashSet::new();
    for table in TABLES {
        assert!(tables.insert(table.name()), "{} twice", table.name());
        assert!(table.about().ends_with('.'), "{}", table.name());
        let columns = table.columns();
        assert_eq!((columns[0].name, columns[1].name), ("vm", "session"));
        for name in table.order() {
            assert!(columns.iter().any(|column| column.name == *name), "{}: {name}", table.name());
        }
        let mut seen = HashSet::new();
        for column in columns {
            let at = format!("{}.{}", table.name(), column.name);
            assert!(seen.insert(column.name), "{at} twice");
            assert!(column.meaning.ends_with('.'), "{at}");
            assert!(
                column.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
                "{at}"
            );
            assert_eq!(column.name.ends_with("_ns"), column.unit == "ns", "{at}");
            assert_eq!(column.name.ends_with("_bytes"), column.unit == "bytes", "{at}");
        }
    }
}

#[test]
fn every_format_holds_what_the_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let out = folder.path().join("data");
    fs::create_dir(&out).unwrap();
    fs::write(out.join(".hosts.csv.abc.part"), "of a run that was cut short").unwrap();
    let written = dataset(&out, &units, 5);
    assert_eq!(written.units, 7);
    assert!(!out.join(".hosts.csv.abc.part").exists());
    assert_eq!(written.files.len(), TABLES.len() * FORMATS.len() + 2);
    let schema: Value = serde_json::from_slice(&fs::read(out.join("schema.json")).unwrap()).unwrap();
    let rows: Value = serde_json::from_slice(&fs::read(out.join("rows.schema.json")).unwrap()).unwrap();
    for (table, (name, count)) in TABLES.iter().zip(&written.rows) {
        let told = schema["tables"].as_array().unwrap().iter().find(|told| told["name"] == *name).unwrap();
        let frame = parquet(&out.join(told["files"].as_str().unwrap()));
        assert_eq!((frame.height() as u64, *count > 0), (*count, true), "{name}");
        let arrow =
            IpcReader::new(fs::File::open(out.join(format!("{name}.arrow"))).unwrap()).finish().unwrap();
        assert!(frame.equals_missing(&arrow), "{name}");
        assert_eq!(frame.width(), told["columns"].as_array().unwrap().len());
        for (column, told) in table.columns().iter().zip(told["columns"].as_array().unwrap()) {
            assert_eq!(told["name"], column.name);
            assert_eq!(told["type"], column.kind.name());
            let series = frame.column(column.name).unwrap();
            assert_eq!(series.dtype(), &column.kind.dtype(), "{name}.{}", column.name);
            assert!(column.nullable || series.null_count() == 0, "{name}.{}", column.name);
        }
        let json: Vec<Value> =
            serde_json::from_slice(&fs::read(out.join(format!("{name}.json"))).unwrap()).unwrap();
        let lines = fs::read_to_string(out.join(format!("{name}.ndjson"))).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json, lines, "{name}");
        assert_eq!(json.len() as u64, *count, "{name}");
        for row in &json {
            check(row, &rows["$defs"][name], name);
        }
        let csv = fs::read_to_string(out.join(format!("{name}.csv"))).unwrap();
        assert!(csv.chars().all(|c| c == '\n' || !c.is_control()), "{name}");
        assert!(!csv.contains(",=") && !csv.contains("\n="), "{name}: {csv}");
    }
}

/// Checks a row against the part of JSON Schema that rows are described with.
fn check(row: &Value, schema: &Value, name: &str) {
    let (row, properties) = (row.as_object().unwrap(), schema["properties"].as_object().unwrap());
    assert_eq!(schema["additionalProperties"], false);
    for required in schema["required"].as_array().unwrap() {
        assert!(row.contains_key(required.as_str().unwrap()), "{name}: {required} is absent");
    }
    let is = |value: &Value, kind: &str| match kind {
        "null" => value.is_null(),
        "integer" => value.is_i64(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => false,
    };
    for (key, value) in row {
        let of = properties.get(key).unwrap_or_else(|| panic!("{name}: {key} is not described"));
        assert!(!of["description"].as_str().unwrap().is_empty());
        let fits = match &of["type"] {
            Value::String(kind) => is(value, kind),
            Value::Array(kinds) => kinds.iter().any(|kind| is(value, kind.as_str().unwrap())),
            _ => false,
        };
        assert!(fits, "{name}.{key}: {value} is no {}", of["type"]);
        for item in value.as_array().into_iter().flatten() {
            assert!(is(item, of["items"]["type"].as_str().unwrap()), "{name}.{key}: {item}");
        }
    }
}

#[test]
fn rows_are_in_order_and_sums_are_those_of_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let out = folder.path().join("data");
    dataset(&out, &units, 1_000);
    for table in TABLES {
        let frame = parquet(&out.join(format!("{}.parquet", table.name())));
        let text = |name: &str| -> Vec<Option<String>> {
            frame.column(name).unwrap().str().unwrap().iter().map(|text| text.map(Into::into)).collect()
        };
        let keys: Vec<_> = text("vm").into_iter().zip(text("session")).collect();
        assert!(keys.is_sorted(), "{}", table.name());
    }
    let sum = |table: &str, column: &str| {
        parquet(&out.join(format!("{table}.parquet")))
            .column(column)
            .unwrap()
            .i64()
            .unwrap()
            .iter()
            .flatten()
            .sum::<i64>()
    };
    let of = |get: fn(&Unit) -> u64| units.iter().map(get).sum::<u64>() as i64;
    assert_eq!(sum("captures", "packets"), of(|unit| unit.totals.packets));
    assert_eq!(sum("captures", "skipped_packets"), of(|unit| unit.totals.skipped));
    assert_eq!(sum("protocols", "flows"), of(|unit| unit.totals.flows));
    assert_eq!(
        sum("hosts", "sent_wire_bytes"),
        of(|unit| unit.hosts.all().map(|row| row.sent_wire_bytes).sum())
    );
    assert_eq!(sum("series", "packets"), 7 * (0..307i64).map(|i| i % 40 + 1).sum::<i64>());
}

#[test]
fn rows_that_were_not_kept_apart_have_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = units(folder.path());
    units.truncate(1);
    units[0].hosts.others = units[0].hosts.rows.pop();
    dataset(folder.path(), &units, 1_000);
    let frame = parquet(&folder.path().join("hosts.parquet"));
    assert_eq!((frame.height(), frame.column("ip").unwrap().null_count()), (3, 1));
}

#[test]
fn no_units_give_tables_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let written = write(folder.path(), &mut std::iter::empty(), &FORMATS).unwrap();
    assert!(written.rows.iter().all(|(_, rows)| *rows == 0));
    for table in TABLES {
        let frame = parquet(&folder.path().join(format!("{}.parquet", table.name())));
        assert_eq!((frame.height(), frame.width()), (0, table.columns().len()));
    }
}

#[test]
fn units_out_of_order_leave_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = units(folder.path());
    let out = folder.path().join("data");
    dataset(&out, &units[..2], 10);
    let before = fs::read(out.join("hosts.parquet")).unwrap();
    units.swap(0, 3);
    let error = write(&out, &mut units.into_iter().map(Ok), &FORMATS).unwrap_err();
    assert!(matches!(error, ExportError::Order { .. }), "{error}");
    assert_eq!(fs::read(out.join("hosts.parquet")).unwrap(), before);
    assert_eq!(
        fs::read_dir(&out).unwrap().count(),
        TABLES.len() * FORMATS.len() + 2,
        "nothing is left behind"
    );
}

#[test]
fn flows_are_linked_once_and_those_of_no_unit_go() {
    let folder = tempfile::tempdir().unwrap();
    let units = units(folder.path());
    let out = folder.path().join("data/flows");
    let all = |units: &[Unit]| {
        let mut links = FlowLinks::new(&out);
        for unit in units {
            links.add(&folder.path().join(&unit.session), &unit.flow_files).unwrap();
        }
        links.finish().unwrap()
    };
    assert_eq!(all(&units), 7);
    assert_eq!(all(&units), 7);
    let day = out.join("day=2023-11-14");
    assert_eq!(fs::read_dir(&day).unwrap().count(), 7);
    let frame = parquet(&day.join("s0.parquet"));
    let names: Vec<&str> = flows::columns().iter().map(|column| column.name).collect();
    assert_eq!(frame.get_column_names(), names);
    fs::write(day.join("note.txt"), "somebody's").unwrap();
    assert_eq!(all(&units[..2]), 2);
    assert_eq!(fs::read_dir(&day).unwrap().count(), 3);
    fs::remove_file(day.join("note.txt")).unwrap();
    assert_eq!(all(&[]), 0);
    assert!(!day.exists());
}
