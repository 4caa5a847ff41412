"""Reads a dataset with pandas, polars, DuckDB and pyarrow as it is, and prints what each sums up, as JSON.

    python totals.py FOLDER

Every column must have the type that schema.json says, whoever reads it; the other formats, where they are there, must
hold the same rows as the Parquet files.
"""

import glob
import json
import os
import sys

import duckdb
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet

# Names of a type in pyarrow, polars, DuckDB.
TYPES = {
    "int64": ({"int64"}, "Int64", "BIGINT"),
    "bool": ({"bool"}, "Boolean", "BOOLEAN"),
    "string": ({"string", "large_string"}, "String", "VARCHAR"),
    "list<int64>": ({"list<element: int64>", "large_list<element: int64>", "list<item: int64>", "large_list<item: int64>"}, "List(Int64)", "BIGINT[]"),
    "list<string>": ({f"{list}<{item}: {text}>" for list in ("list", "large_list") for item in ("element", "item") for text in ("string", "large_string")}, "List(String)", "VARCHAR[]"),
}


def check_types(folder, table):
    """Types and order of rows of a table, as each reader sees them."""
    path = os.path.join(folder, table["files"])
    named = [(column["name"], column["type"]) for column in table["columns"]]
    day = ["day"] if table["partitioned_by"] else []
    arrow = pyarrow.dataset.dataset(
        sorted(glob.glob(path)), partitioning=None, partition_base_dir=folder
    ).schema
    assert arrow.names == [name for name, _ in named], (table["name"], arrow.names)
    for field, (name, kind) in zip(arrow, named):
        assert str(field.type) in TYPES[kind][0], (table["name"], name, str(field.type))
    of = polars.scan_parquet(path, hive_partitioning=bool(day)).collect_schema()
    assert of.names() == [name for name, _ in named] + day, (table["name"], of.names())
    for name, kind in named:
        assert str(of[name]) == TYPES[kind][1], (table["name"], name, of[name])
    rows = duckdb.sql(f"describe select * from read_parquet('{path}', hive_partitioning={bool(day)})").fetchall()
    assert [(name, kind) for name, kind, *_ in rows][: len(named)] == [
        (name, TYPES[kind][2]) for name, kind in named
    ], table["name"]
    if day:
        assert rows[-1][:2] == ("day", "DATE"), rows[-1]


def check_order(folder, table):
    """Rows stand in the order of machine and session."""
    keys = polars.read_parquet(os.path.join(folder, table["files"]), columns=["vm", "session"])
    assert keys.equals(keys.sort("vm", "session", nulls_last=False, maintain_order=True)), table["name"]


def check_formats(folder, name):
    """The other formats hold the same rows."""
    whole = polars.read_parquet(os.path.join(folder, f"{name}.parquet"))
    other = os.path.join(folder, name)
    if os.path.exists(f"{other}.arrow"):
        assert polars.read_ipc(f"{other}.arrow").equals(whole), f"{name}.arrow"
        assert pyarrow.feather.read_table(f"{other}.arrow").num_rows == whole.height, f"{name}.arrow"
    if os.path.exists(f"{other}.ndjson") and whole.height:
        lines = polars.read_ndjson(f"{other}.ndjson", schema=whole.schema)
        assert lines.equals(whole), f"{name}.ndjson"
    if os.path.exists(f"{other}.csv"):
        rows = pandas.read_csv(f"{other}.csv")
        assert len(rows) == whole.height and list(rows.columns) == whole.columns, f"{name}.csv"


NAMES = ["captures", "packets", "wire_bytes", "skipped", "flows", "packets_in_flows"]


def by_polars(captures, flows):
    of = polars.read_parquet(captures)
    each = polars.scan_parquet(flows, hive_partitioning=True)
    packets = polars.col("client_packets").sum() + polars.col("server_packets").sum()
    count, inside = each.select(polars.len(), packets).collect().row(0)
    return of.height, of["packets"].sum(), of["wire_bytes"].sum(), of["skipped_packets"].sum(), count, inside


def by_pandas(captures, flows):
    of = pandas.read_parquet(captures)
    each = pandas.read_parquet(flows.split("/day=")[0])
    assert "day" in each.columns
    inside = each["client_packets"].sum() + each["server_packets"].sum()
    return len(of), of["packets"].sum(), of["wire_bytes"].sum(), of["skipped_packets"].sum(), len(each), inside


def by_duckdb(captures, flows):
    of = duckdb.sql(
        f"select count(*), sum(packets), sum(wire_bytes), sum(skipped_packets) from '{captures}'"
    ).fetchall()[0]
    each = duckdb.sql(
        f"select count(*), sum(client_packets) + sum(server_packets) from read_parquet('{flows}', hive_partitioning=true)"
    ).fetchall()[0]
    return of + each


def by_pyarrow(captures, flows):
    of = pyarrow.parquet.read_table(captures)
    each = pyarrow.dataset.dataset(flows.split("/day=")[0], partitioning="hive").to_table()
    total = lambda table, name: pyarrow.compute.sum(table[name]).as_py()
    inside = total(each, "client_packets") + total(each, "server_packets")
    sums = [total(of, name) for name in ("packets", "wire_bytes", "skipped_packets")]
    return of.num_rows, *sums, each.num_rows, inside


def main():
    folder = os.path.abspath(sys.argv[1])
    schema = json.load(open(os.path.join(folder, "schema.json")))
    for table in schema["tables"]:
        check_types(folder, table)
        if not table["partitioned_by"]:
            check_order(folder, table)
            check_formats(folder, table["name"])
    places = os.path.join(folder, "captures.parquet"), os.path.join(folder, "flows/day=*/*.parquet")
    readers = {"pandas": by_pandas, "polars": by_polars, "duckdb": by_duckdb, "pyarrow": by_pyarrow}
    sums = {name: dict(zip(NAMES, map(int, reader(*places)))) for name, reader in readers.items()}
    json.dump({"schema": schema["schema"], "readers": sums}, sys.stdout)


main()
