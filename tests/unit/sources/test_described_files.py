"""What SQLite files, DuckDB files and folders of Parquet files say is in them."""

from __future__ import annotations

import datetime
import decimal
import sqlite3
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.errors import Integrity, Unavailable
from gateway.ports import Source
from gateway.sources import DuckdbSource, ParquetSource, SqliteSource
from gateway.terms.source_schema import ForeignKey
from gateway.terms.streams import Tally
from tests.unit.sources.sessions import sample_of, table
from tests.unit.sources.sessions import schema_of as described

UTC = pa.timestamp("us", "UTC")


def sampled(source: Source, *name: str, rows: int = 100) -> list[dict[str, object]]:
    return sample_of(source, table(described(source), *name), rows=rows)


def sqlite(folder: Path, script: str, rows: tuple[str, list[tuple[object, ...]]] | None = None) -> SqliteSource:
    connection = sqlite3.connect(folder / "bank.db")
    with connection:
        connection.executescript(script)
        if rows is not None:
            connection.executemany(*rows)
    connection.close()
    return SqliteSource("core", folder / "bank.db")


def test_sqlite_tells_keys_and_references_whatever_their_case(tmp_path: Path) -> None:
    source = sqlite(
        tmp_path,
        "CREATE TABLE Customers (region INT, id INT, mail TEXT NOT NULL UNIQUE, PRIMARY KEY (region, id));"
        "CREATE TABLE orders (no INTEGER PRIMARY KEY, a INT, b INT, FOREIGN KEY (a, b) REFERENCES CUSTOMERS);"
        "CREATE TABLE bills (no INT REFERENCES orders (no), of INT REFERENCES nowhere);"
        "CREATE UNIQUE INDEX part ON orders (a) WHERE b = 1; CREATE UNIQUE INDEX made ON orders (abs(a));",
    )
    schema = described(source)
    customers, orders, bills = (table(schema, name) for name in ("Customers", "orders", "bills"))
    assert (customers.primary_key, customers.unique) == (("region", "id"), (("mail",),))
    assert [c.is_nullable for c in customers.columns] == [True, True, False]
    assert orders.unique == ()
    assert orders.foreign_keys == (ForeignKey(columns=("a", "b"), table=("Customers",), references=("region", "id")),)
    assert bills.foreign_keys == (ForeignKey(columns=("no",), table=("orders",), references=("no",)),)


def test_sqlite_tells_a_type_by_the_word_that_declares_it(tmp_path: Path) -> None:
    want: dict[str, pa.DataType | None] = {
        "INTEGER": pa.int64(),
        "VARCHAR(20)": pa.string(),
        "DOUBLE PRECISION": pa.float64(),
        "BLOB": None,
        "": None,
        "DECIMAL(12, 2)": pa.decimal128(12, 2),
        "NUMERIC(10)": pa.decimal128(10, 0),
        "NUMERIC(60,2)": pa.float64(),
        "NUMERIC": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "DATETIME": UTC,
        "TIMESTAMP": UTC,
        "TIME": None,
        "UUID": None,
    }
    source = sqlite(tmp_path, "CREATE TABLE t (" + ", ".join(f"c{i} {kind}" for i, kind in enumerate(want)) + ")")
    assert [c.type for c in table(described(source), "t").columns] == list(want.values())
    assert sampled(source, "t") == []


def test_sqlite_tells_views_that_are_broken_or_refer_to_themselves(tmp_path: Path) -> None:
    source = sqlite(
        tmp_path,
        "CREATE TABLE t (id INT); CREATE VIEW w AS SELECT id AS number FROM t;"
        "CREATE TABLE passing (id INT); CREATE VIEW broken AS SELECT id FROM passing; DROP TABLE passing;"
        "CREATE VIEW pool AS SELECT * FROM loop; CREATE VIEW loop AS SELECT * FROM pool;"
        "CREATE VIRTUAL TABLE search USING fts5(body);",
    )
    schema = described(source)
    assert [(c.name, c.type) for c in table(schema, "w").columns] == [("number", pa.int64())]
    for name in ("broken", "pool", "loop"):
        assert table(schema, name).columns == ()
        assert table(schema, name).definition.startswith(f"CREATE VIEW {name} AS")
    assert "virtual" in table(schema, "search").refused
    assert "virtual" in table(schema, "search_content").refused
    assert table(schema, "t").refused == ""


def test_sqlite_estimates_by_its_statistics_only(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [(i,) for i in range(700)]
    source = sqlite(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY, v INT)", ("INSERT INTO t (id) VALUES (?)", rows))
    assert table(described(source), "t").row_estimate is None
    source = sqlite(tmp_path, "CREATE INDEX i ON t (v); ANALYZE; CREATE TABLE u (id INT)")
    schema = described(source)
    assert (table(schema, "t").row_estimate, table(schema, "u").row_estimate) == (700, None)
    assert schema.find(("sqlite_stat1",)) is None


def test_sqlite_values_of_another_class_are_null_in_a_sample(tmp_path: Path) -> None:
    columns = "i INTEGER, r REAL, d DECIMAL(6,2), w DECIMAL(30,2), b BOOLEAN, day DATE, at DATETIME, t TEXT"
    odd: tuple[object, ...] = ("text", "text", 1.005, "9" * 200, 7, "1990-13-01", 1_700_000_000, b"\xff\xfe")
    large = "x" * (2 << 20)
    long: tuple[object, ...] = (b"x", b"x", "text", large, "text", large, large, "x")
    fine: tuple[object, ...] = (1, 2, 3.25, "4.5", 1, "1990-12-01", "2020-01-01T00:00:00Z", "ok")
    source = sqlite(
        tmp_path, f"CREATE TABLE t ({columns})", ("INSERT INTO t VALUES (?,?,?,?,?,?,?,?)", [odd, long, fine])
    )
    first, second, third = sampled(source, "t")
    assert set(first.values()) == {None}
    assert {name: value for name, value in second.items() if value is not None} == {"t": "x"}
    assert third == {
        "i": 1,
        "r": 2.0,
        "d": decimal.Decimal("3.25"),
        "w": decimal.Decimal("4.50"),
        "b": True,
        "day": datetime.date(1990, 12, 1),
        "at": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        "t": "ok",
    }


def test_sqlite_texts_keep_what_follows_a_nul(tmp_path: Path) -> None:
    source = sqlite(tmp_path, "CREATE TABLE t (v TEXT)", ("INSERT INTO t VALUES (?)", [("a\0b",), ("x" * (2 << 20),)]))
    assert [str(row["v"])[:3] for row in sampled(source, "t")] == ["a\0b", "xxx"]


@pytest.mark.parametrize("declared", ["id INTEGER PRIMARY KEY", "id INT, PRIMARY KEY (id)) WITHOUT ROWID --"])
def test_sqlite_reads_by_rowid_or_key(tmp_path: Path, declared: str) -> None:
    rows: list[tuple[object, ...]] = [(i * 1_000,) for i in range(5_000)]
    source = sqlite(
        tmp_path, f"CREATE TABLE t ({declared}\n)" if "--" not in declared else "CREATE TABLE t (" + declared
    )
    source = sqlite(tmp_path, "", ("INSERT INTO t VALUES (?)", rows))
    ids = [int(str(row["id"])) for row in sampled(source, "t", rows=320)]
    assert len(set(ids)) == len(ids) == 320
    assert {i * 16 // 5_000_000 for i in ids} == set(range(16))


def test_sqlite_keys_that_lie_uneven_still_give_a_sample(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [(i,) for i in range(1_000)] + [(2**63 - 1,), (-(2**63),)]
    source = sqlite(tmp_path, "CREATE TABLE t (id INTEGER PRIMARY KEY)", ("INSERT INTO t VALUES (?)", rows))
    assert len(sampled(source, "t", rows=500)) == 500


def test_sqlite_tells_and_samples_two_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(2_000)]
    source = sqlite(tmp_path, "CREATE TABLE t (" + ", ".join(f"{n} TEXT" for n in names) + ")")
    source = sqlite(tmp_path, "INSERT INTO t (c0, c1999) VALUES ('first', 'last')")
    (row,) = sampled(source, "t")
    assert list(row) == names
    assert (row["c0"], row["c1"], row["c1999"]) == ("first", None, "last")


def made(folder: Path, *statements: str) -> DuckdbSource:
    with duckdb.connect(folder / "bank.duckdb") as connection:
        for statement in statements:
            connection.execute(statement)
    return DuckdbSource("core", folder / "bank.duckdb")


def test_duckdb_tells_keys_and_comments(tmp_path: Path) -> None:
    source = made(
        tmp_path,
        'CREATE SCHEMA "S.x"',
        "CREATE TABLE customers (region INT, id INT, mail VARCHAR NOT NULL UNIQUE, PRIMARY KEY (region, id))",
        "CREATE TABLE orders (no INT, a INT, b INT, FOREIGN KEY (a, b) REFERENCES customers (region, id))",
        'CREATE TABLE "S.x"."T""" (v INT)',
        "COMMENT ON TABLE customers IS 'who buys'",
        "COMMENT ON COLUMN customers.mail IS 'an e-mail address'",
        "INSERT INTO customers SELECT 1, i, i::VARCHAR FROM range(500) AS r(i)",
    )
    schema = described(source)
    customers, orders = table(schema, "customers"), table(schema, "orders")
    assert (schema.dialect, schema.default_schema, customers.name) == ("duckdb", "main", ("main", "customers"))
    assert (customers.primary_key, customers.unique, customers.comment) == (("region", "id"), (("mail",),), "who buys")
    assert [(c.comment, c.is_nullable) for c in customers.columns] == [
        ("", False),
        ("", False),
        ("an e-mail address", False),
    ]
    assert customers.row_estimate == 500
    key = ForeignKey(columns=("a", "b"), table=("main", "customers"), references=("region", "id"))
    assert orders.foreign_keys == (key,)
    assert table(schema, "S.x", 'T"').refused == ""


def test_duckdb_tells_a_type_as_a_catalog_would_declare_it(tmp_path: Path) -> None:
    want: dict[str, pa.DataType | None] = {
        "TINYINT": pa.int64(),
        "UBIGINT": None,
        "HUGEINT": None,
        "DECIMAL(9,3)": pa.decimal128(9, 3),
        "UUID": pa.string(),
        "ENUM('ZQX')": pa.string(),
        "TIMESTAMPTZ": UTC,
        "TIMESTAMP_NS": pa.timestamp("us"),
        "TIME": None,
        "INT[]": None,
        "STRUCT(ssn VARCHAR)": None,
        "BLOB": pa.binary(),
    }
    source = made(tmp_path, "CREATE TABLE t (" + ", ".join(f"c{i} {kind}" for i, kind in enumerate(want)) + ")")
    schema = described(source)
    assert [c.type for c in table(schema, "t").columns] == list(want.values())
    assert "zqx" not in repr(schema).lower()
    assert "ssn" not in repr(schema)
    assert sampled(source, "t") == []


def test_duckdb_tells_views_that_are_broken_or_refer_to_themselves(tmp_path: Path) -> None:
    source = made(
        tmp_path,
        "CREATE TABLE t (id INT)",
        "CREATE TABLE passing (id INT)",
        "CREATE VIEW broken AS SELECT id FROM passing",
        "DROP TABLE passing",
        "CREATE VIEW loop AS SELECT 1 AS x",
        "CREATE VIEW pool AS SELECT * FROM loop",
        "CREATE OR REPLACE VIEW loop AS SELECT * FROM pool",
    )
    schema = described(source)
    for name in ("broken", "pool", "loop"):
        assert table(schema, name).kind == "view"
        assert name in table(schema, name).definition
    assert table(schema, "t").refused == ""


def test_duckdb_moments_finer_than_microseconds_are_rounded_in_a_sample(tmp_path: Path) -> None:
    source = made(tmp_path, "CREATE TABLE t (v TIMESTAMP_NS)", "INSERT INTO t VALUES ('2020-01-01 00:00:00.123456789')")
    (row,) = sampled(source, "t")
    assert str(row["v"]) == "2020-01-01 00:00:00.123457"


def parquet(folder: Path, **tables: pa.Table) -> ParquetSource:
    """Names with `__` for folders."""
    for name, held in tables.items():
        file = folder.joinpath(*name.split("__")).with_suffix(".parquet")
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(held, file)
    return ParquetSource("core", folder)


def test_parquet_tables_are_files_and_folders_of_files(tmp_path: Path) -> None:
    held = pa.table({"v": pa.array([1, 2], pa.int32())})
    source = parquet(tmp_path, single=held, many__a=held, many__b=held, sales__orders__a=held, sales__bills=held)
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "notes.txt").write_text("no table")
    schema = described(source)
    assert [t.name for t in schema.tables] == [("many",), ("sales",), ("single",)]
    assert table(schema, "many").row_estimate == 4
    assert table(schema, "sales").row_estimate == 4
    assert [(c.name, c.type) for c in table(schema, "single").columns] == [("v", pa.int64())]


def test_parquet_folders_of_folders_are_named_by_both(tmp_path: Path) -> None:
    held = pa.table({"v": [1]})
    source = parquet(tmp_path, sales__orders__a=held, sales__bills__a=held)
    assert [t.name for t in described(source).tables] == [("sales", "bills"), ("sales", "orders")]
    assert sampled(source, "sales", "orders") == [{"v": 1}]


def test_parquet_columns_that_folders_tell_are_typed_by_their_values(tmp_path: Path) -> None:
    for place, (year, code, day, flag) in enumerate(
        [("2024", "01", "2024-01-31", "true"), ("2025", "12", "2025-02-01", "false")]
    ):
        file = tmp_path / "t" / f"year={year}" / f"code={code}" / f"day={day}" / f"flag={flag}" / "a.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table({"v": [place]}), file)
    source = ParquetSource("core", tmp_path)
    kinds = {c.name: c.type for c in table(described(source), "t").columns}
    assert kinds == {
        "v": pa.int64(),
        "year": pa.int64(),
        "code": pa.string(),
        "day": pa.date32(),
        "flag": pa.bool_(),
    }
    assert [row["code"] for row in sampled(source, "t")] == ["01", "12"]


def test_parquet_files_that_differ_are_told_by_what_holds_both(tmp_path: Path) -> None:
    first = pa.table(
        {"n": pa.array([1], pa.int16()), "d": pa.array([decimal.Decimal("1.5")], pa.decimal128(5, 1)), "x": [1]}
    )
    second = pa.table(
        {"n": pa.array([2], pa.int64()), "d": pa.array([decimal.Decimal("2.25")], pa.decimal128(9, 2)), "x": ["a"]}
    )
    source = parquet(tmp_path, t__a=first, t__b=second.append_column("late", pa.array([1])))
    kinds = {c.name: c.type for c in table(described(source), "t").columns}
    assert kinds == {"n": pa.int64(), "d": pa.decimal128(9, 2), "x": None, "late": None}
    assert sorted(str(row["d"]) for row in sampled(source, "t")) == ["1.50", "2.25"]


def test_parquet_tables_that_are_refused_say_why_and_cost_no_other(tmp_path: Path) -> None:
    held = pa.table({"v": [1]})
    source = parquet(tmp_path, fine=held, odd__a=held)
    (tmp_path / "odd" / "other.csv").write_text("v\n1")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no such thing PAR1")
    pq.write_table(held, tmp_path / "2024-sales.parquet")
    (tmp_path / "delta" / "_delta_log").mkdir(parents=True)
    (tmp_path / "link.parquet").symlink_to(tmp_path / "fine.parquet")
    schema = described(source)
    refused = {t.name[0]: t.refused for t in schema.tables}
    assert refused.pop("fine") == ""
    assert refused.keys() == {"odd", "broken", "2024-sales", "delta", "link"}
    assert all(refused.values())
    assert str(tmp_path) not in repr(schema)
    assert sampled(source, "fine") == [{"v": 1}]


def test_parquet_files_that_change_under_a_sample_end_it(tmp_path: Path) -> None:
    source = parquet(tmp_path, t=pa.table({"v": list(range(100_000))}))
    wanted = table(described(source), "t")
    session = source.session(receipt="r_test", deadline=time.monotonic() + 60, tally=Tally())
    try:
        session.describe()
        parquet(tmp_path, t=pa.table({"v": list(range(90_000))}))
        with pytest.raises((Integrity, Unavailable)) as caught, session.sample(wanted, rows=10) as stream:
            list(stream)
        assert caught.value.code == "integrity.source.changed"
    finally:
        session.close()


def test_duckdb_and_parquet_sample_two_thousand_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(2_000)]
    source = parquet(tmp_path, t=pa.table({n: [i] for i, n in enumerate(names)}))
    assert sampled(source, "t") == [{n: i for i, n in enumerate(names)}]
    listed = ", ".join(f"{i} AS {n}" for i, n in enumerate(names))
    assert list(sampled(made(tmp_path, f"CREATE TABLE t AS SELECT {listed}"), "t")[0]) == names
