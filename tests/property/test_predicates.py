"""SQLite's evaluation of a predicate and the gateway's own agree: on any values, what passes one passes the other.

Where they could not, the rows that are delivered are those that pass both; that, too, is checked against an oracle.
"""

from __future__ import annotations

import datetime
import decimal
import sqlite3
import time
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sources.convert import declared
from gateway.sources.evaluate import passes
from gateway.terms.dataset import Column
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or, Predicate
from gateway.terms.streams import Tally
from tests.conformance.file_adapters import SqliteAdapter
from tests.conformance.plans import as_set, scan_of, scanned, truth
from tests.conformance.tables import Rows, column

# SQLite keeps a NaN as null and has no text with a NUL in a literal; both are refused or tested elsewhere.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
VALUES: dict[str, st.SearchStrategy[object]] = {
    "int64": st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1),
    "string": st.sampled_from(["a", "A", "a ", "ä", "", "1", "01"]) | TEXT,
    "float64": st.sampled_from([0.0, -0.0, 0.1, 0.3]) | st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**10) + 1, 10**10 - 1, places=2, allow_nan=False, allow_infinity=False),
    "date": st.dates(),
    "timestamp": st.datetimes(timezones=st.just(datetime.UTC)),
    "bool": st.booleans(),
}
NAMES = list(VALUES)


def leaf(name: str) -> st.SearchStrategy[Predicate]:
    value = VALUES[name]
    return st.one_of(
        st.builds(Compare, st.just(name), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), value),
        st.builds(OneOf, st.just(name), st.lists(value, min_size=1, max_size=4).map(tuple)),
        st.builds(IsNull, st.just(name)),
    )


def nested(parts: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    several = st.lists(parts, min_size=1, max_size=3).map(tuple)
    return st.one_of(st.builds(Not, parts), st.builds(And, several), st.builds(Or, several))


PREDICATES = st.recursive(st.sampled_from(NAMES).flatmap(leaf), nested, max_leaves=6)
ROWS = st.lists(st.tuples(*(st.none() | VALUES[name] for name in NAMES)), max_size=12)
COLUMNS = tuple(column(name, name) for name in NAMES)
SCHEMA = pa.schema([pa.field(c.name, c.type) for c in COLUMNS])


@given(rows=ROWS, predicate=PREDICATES)
@settings(max_examples=100, deadline=None)
def test_the_second_evaluation_is_that_of_sql(rows: list[tuple[object, ...]], predicate: Predicate) -> None:
    dicts = Rows(COLUMNS, rows).dicts()
    batch = pa.RecordBatch.from_pylist(dicts, schema=SCHEMA)
    assert passes(predicate, batch).to_pylist() == [truth(predicate, row) is True for row in dicts]


@given(rows=ROWS, predicate=PREDICATES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sqlite_and_the_second_evaluation_agree(
    tmp_path: Path, rows: list[tuple[object, ...]], predicate: Predicate
) -> None:
    adapter = SqliteAdapter(tmp_path)
    table = Rows(COLUMNS, rows)
    with sqlite3.connect(adapter.path) as connection:
        connection.execute("DROP TABLE IF EXISTS t")
    connection.close()
    adapter.create("t", table)
    tally = Tally()
    got = scanned(adapter.source(), scan_of(table, *NAMES, rows=predicate), time.monotonic() + 60, tally)
    assert as_set(got) == as_set([row for row in table.dicts() if truth(predicate, row)])
    assert tally.rejected_rows == 0


@pytest.mark.parametrize("value", ["it's", "a\\'; --", "%_", '"', "\r\n", "\u2028", "🙂", "a\u0301"])
def test_a_text_is_found_by_itself_alone(tmp_path: Path, value: str) -> None:
    adapter = SqliteAdapter(tmp_path)
    table = Rows((column("v", "string"),), [(value,), (value + " ",), (value.upper() + "x",), (None,)])
    adapter.create("t", table)
    scan = scan_of(table, "v", rows=Compare("v", "=", value))
    assert scanned(adapter.source(), scan, time.monotonic() + 60) == [{"v": value}]


@given(units=st.integers(-(10**12) + 1, 10**12 - 1), scale=st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_a_decimal_survives_being_a_float(units: int, scale: int) -> None:
    kind = pa.decimal128(12, scale)
    wanted = decimal.Decimal(units).scaleb(-scale)
    made = declared(
        pa.array([float(wanted)]), column=Column(name="v", type=kind, classification="public"), dataset="core.t"
    )
    assert made.to_pylist() == [wanted]
