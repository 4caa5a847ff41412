//! What the tables hold, for people and for programs.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::columns::{ColumnAbout, Kind};
use super::{SCHEMA_NAME, TABLES, flows};

#[derive(Serialize)]
struct Schema {
    #[serde(rename = "schema")]
    name: &'static str,
    about: &'static str,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    name: &'static str,
    about: &'static str,
    files: String,
    partitioned_by: &'static [&'static str],
    ordered_by: Vec<&'static str>,
    columns: Vec<Column>,
}

#[derive(Serialize)]
struct Column {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    unit: &'static str,
    nullable: bool,
    meaning: &'static str,
}

const ABOUT: &str = "Instants are nanoseconds since 1970-01-01T00:00:00Z and spans nanoseconds, in columns that end in \
    _ns; bytes are 8 bits. Integers are signed and 64 bits wide. New columns may come at the end of a table, and new \
    tables, without a new version.";

/// What a row of the flows is.
const FLOWS: &str = "Flows: both directions of a conversation, in the order in which they ended. The folder names the day \
    (UTC) of the first packet.";

/// Everything a table is told of: name, what a row is, what it is ordered by, columns.
fn tables() -> Vec<Table> {
    let column = |about: ColumnAbout| Column {
        name: about.name,
        kind: about.kind.name(),
        unit: about.unit,
        nullable: about.nullable,
        meaning: about.meaning,
    };
    let mut all: Vec<Table> = TABLES
        .iter()
        .map(|table| Table {
            name: table.name(),
            about: table.about(),
            files: format!("{}.parquet", table.name()),
            partitioned_by: &[],
            ordered_by: ["vm", "session"].iter().chain(table.order()).copied().collect(),
            columns: table.columns().into_iter().map(column).collect(),
        })
        .collect();
    all.push(Table {
        name: "flows",
        about: FLOWS,
        files: "flows/day=*/*.parquet".into(),
        partitioned_by: &["day"],
        ordered_by: vec!["vm", "session"],
        columns: flows::columns().into_iter().map(column).collect(),
    });
    all
}

/// The tables and their columns as JSON: what stands in `schema.json`.
pub fn schema() -> String {
    let schema = Schema { name: SCHEMA_NAME, about: ABOUT, tables: tables() };
    // Nothing in it can fail to be written.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// JSON Schema (2020-12) of the rows in JSON and NDJSON files: what stands in `rows.schema.json`, a definition for
/// each table.
pub fn json_schema() -> String {
    let mut definitions = Map::new();
    for table in TABLES {
        definitions.insert(table.name().into(), row(table.about(), &table.columns()));
    }
    definitions.insert("flows".into(), row(FLOWS, &flows::columns()));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_NAME,
        "description": "A row of each table: items of the array in a .json file, lines of an .ndjson file.",
        "$defs": definitions,
    });
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn row(about: &str, columns: &[ColumnAbout]) -> Value {
    let mut properties = Map::new();
    for column in columns {
        let mut of = match column.kind {
            Kind::Int => json!({ "type": "integer" }),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Text => json!({ "type": "string" }),
            Kind::Ints => json!({ "type": "array", "items": { "type": "integer" } }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        };
        if let Some(of) = of.as_object_mut() {
            if let Some(kind) = of.get_mut("type").filter(|_| column.nullable) {
                *kind = json!([kind.take(), "null"]);
            }
            let unit =
                if column.unit.is_empty() { String::new() } else { format!(" Unit: {}.", column.unit) };
            of.insert("description".into(), format!("{}{unit}", column.meaning).into());
        }
        properties.insert(column.name.into(), of);
    }
    json!({
        "type": "object",
        "description": about,
        "properties": properties,
        "required": columns.iter().map(|column| column.name).collect::<Vec<_>>(),
        "additionalProperties": false,
    })
}
