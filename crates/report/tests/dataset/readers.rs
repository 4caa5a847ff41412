//! pandas, polars, `DuckDB` and pyarrow read a dataset as it is and get the sums of the analyses.
//! `cargo xtask test` installs them and says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use capkeep_report::flows::FileFormat;
use serde_json::{Value, json};

use crate::make::{captures, dataset, files, named, unit};
use crate::say;

/// Python with the readers.
fn python(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CAPKEEP_TEST_CLIENTS").map(PathBuf::from);
    let has_readers = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.args(["-c", "import duckdb, pandas, polars, pyarrow"]).stderr(std::process::Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let program = folder.map(|folder| folder.join("python")).filter(has_readers);
    if program.is_none() {
        say(&format!(
            "SKIPPED: {test}: CAPKEEP_TEST_CLIENTS names no folder with a python that has them (cargo xtask test makes one)"
        ));
    }
    program
}

#[test]
fn pandas_polars_duckdb_and_pyarrow_get_the_sums_of_the_analyses() {
    let Some(python) = python("readers of datasets") else { return };
    let captures = match std::env::var_os("CAPKEEP_TEST_CAPTURES") {
        Some(folder) => {
            let folder = Path::new(&folder);
            named(files(folder).into_iter().map(|path| folder.join(path)).collect())
        }
        None => captures(),
    };
    let folder = tempfile::tempdir().unwrap();
    let (units, out) = (folder.path().join("units"), folder.path().join("data"));
    let mut expected = std::collections::BTreeMap::from(
        ["captures", "packets", "wire_bytes", "flows", "packets_in_flows", "skipped"].map(|name| (name, 0)),
    );
    for capture in &captures {
        let totals = unit(capture, &units, usize::MAX);
        let of = [
            ("captures", 1),
            ("packets", totals.packets),
            ("wire_bytes", totals.wire_bytes),
            ("flows", totals.flows),
            ("packets_in_flows", totals.packets_in_flows),
            ("skipped", totals.skipped),
        ];
        for (name, value) in of {
            *expected.entry(name).or_default() += value;
        }
    }
    dataset(&units, &out, &[FileFormat::Parquet, FileFormat::Arrow, FileFormat::Csv, FileFormat::Ndjson]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/readers/totals.py");
    let told = Command::new(python).arg(script).arg(&out).output().unwrap();
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{error}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let readers = told["readers"].as_object().unwrap();
    assert_eq!(readers.keys().collect::<Vec<_>>(), ["duckdb", "pandas", "polars", "pyarrow"]);
    for (reader, sums) in readers {
        assert_eq!(*sums, json!(expected), "{reader}");
    }
}
