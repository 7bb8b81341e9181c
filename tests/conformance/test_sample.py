"""What every adapter's `sample` keeps to."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import pyarrow as pa
import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.ports import Source
from gateway.terms.source_schema import MAX_SAMPLE_LENGTH, SchemaTable
from gateway.terms.streams import Tally
from tests.conformance.tables import TYPES, Adapter, Rows, column
from tests.conformance.test_describe import HOSTILE, table_of
from tests.conformance.test_scan import VALUES

ROWS = 20_000
MANY = Rows((column("id", "int64"), column("v", "string")), [(i, f"value {i}") for i in range(ROWS)])
FEW = Rows((column("id", "int64"), column("v", "string")), [(1, "ZQX-SECRET-1"), (2, None)])


def sampled(source: Source, table: SchemaTable, deadline: float, *, rows: int = 1_000) -> pa.Table:
    session = source.session(receipt="r_sample", deadline=deadline, tally=Tally())
    try:
        with session.sample(table, rows=rows) as stream:
            batches = list(stream)
            for batch in batches:
                batch.validate(full=True)
            return pa.Table.from_batches(batches, schema=stream.schema)
    finally:
        session.close()


def sample_of(adapter: Adapter, deadline: float, *, rows: int = 1_000) -> pa.Table:
    source = adapter.source()
    return sampled(source, table_of(source, "t", deadline), deadline, rows=rows)


@pytest.mark.parametrize("kind", VALUES)
def test_a_small_table_is_sampled_whole_and_exactly(adapter: Adapter, deadline: float, kind: str) -> None:
    """In the types that were described; those of SQLite are told by the words that it declares."""
    table = Rows((column("id", "int64"), column("v", kind)), [*enumerate(VALUES[kind]), (99, None)])
    adapter.create("t", table, kinds=_WORDS.get(type(adapter).__name__, {}).get(kind))
    found = sample_of(adapter, deadline)
    stored = dict(zip(found["id"].to_pylist(), found["v"].to_pylist(), strict=True))
    if found.schema.field("v").type != TYPES[kind]:
        assert stored.keys() == {*range(len(VALUES[kind])), 99}
        return
    assert stored == {**dict(enumerate(VALUES[kind])), 99: None}


_WORDS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "SqliteAdapter": {"date": {"v": "DATE"}, "timestamp": {"v": "DATETIME"}}
}


def test_a_long_table_is_sampled_from_all_over_it(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    ids = sample_of(adapter, deadline, rows=1_000)["id"].to_pylist()
    assert 250 <= len(ids) <= 1_000
    assert len(set(ids)) == len(ids)
    tenths = {i * 10 // ROWS for i in ids}
    assert len(tenths) >= 8, sorted(tenths)


def test_equal_tables_give_equal_samples(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    assert sample_of(adapter, deadline, rows=100) == sample_of(adapter, deadline, rows=100)


@pytest.mark.parametrize("rows", [1, 3, 17])
def test_no_more_rows_come_than_were_asked_for(adapter: Adapter, deadline: float, rows: int) -> None:
    adapter.create("t", MANY)
    assert 1 <= sample_of(adapter, deadline, rows=rows).num_rows <= rows


def test_an_empty_table_gives_an_empty_sample(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", Rows(FEW.columns, []))
    assert sample_of(adapter, deadline).num_rows == 0


@pytest.mark.parametrize("length", [MAX_SAMPLE_LENGTH, MAX_SAMPLE_LENGTH + 1, 3 << 20])
def test_a_long_text_comes_cut_and_is_seen_to_be_long(adapter: Adapter, deadline: float, length: int) -> None:
    adapter.create("t", Rows((column("v", "string"),), [("ä" * length,), ("short",)]))
    texts = sample_of(adapter, deadline)["v"].to_pylist()
    assert sorted(texts) == ["short", "ä" * min(length, MAX_SAMPLE_LENGTH + 1)]


def test_many_long_texts_in_a_row_are_cut_sooner(adapter: Adapter, deadline: float) -> None:
    names = [f"c{i}" for i in range(128)]
    adapter.create("t", Rows(tuple(column(n, "string") for n in names), [("x" * 20_000,) * 128]))
    (row,) = sample_of(adapter, deadline).to_pylist()
    assert {len(text) for text in row.values()} == {MAX_SAMPLE_LENGTH // 2 + 1}


def test_a_thousand_columns_are_sampled(adapter: Adapter, deadline: float) -> None:
    names = [f"c{i}" for i in range(1_000)]
    adapter.create("t", Rows(tuple(column(n, "int32") for n in names), [tuple(range(1_000))]))
    assert sample_of(adapter, deadline).to_pylist() == [{f"c{i}": i for i in range(1_000)}]


def test_hostile_names_name_only_themselves(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", Rows((column(HOSTILE, "string"), column("ssn", "string")), [("plain", "other")]))
    assert sample_of(adapter, deadline).to_pylist() == [{HOSTILE: "plain", "ssn": "other"}]


def test_a_view_is_not_sampled(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    adapter.make_view("w", of="t")
    view = table_of(adapter.source(), "w", deadline)
    with pytest.raises(Unsupported):
        sampled(adapter.source(), view, deadline)
    if view.columns:
        with pytest.raises(Integrity):  # whoever forgets the reason meets it at the source
            sampled(adapter.source(), dataclasses.replace(view, refused=""), deadline)


def test_a_table_that_was_dropped_since_is_integrity(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    adapter.drop("t")
    with pytest.raises(Integrity) as caught:
        sampled(adapter.source(), table, deadline)
    assert caught.value.code == "integrity.source.schema"
    assert "ZQX" not in str(caught.value)


def test_a_column_that_was_renamed_since_is_integrity(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    adapter.rename_column("t", "v", "w")
    with pytest.raises(Integrity) as caught:
        sampled(adapter.source(), table, deadline)
    assert "v: " in str(caught.value)


def test_a_column_of_another_type_since_is_integrity(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    adapter.change_type("t", "v")
    with pytest.raises(Integrity):
        sampled(adapter.source(), table, deadline)


def test_a_table_that_fails_leaves_the_session_to_the_others(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    adapter.create("u", FEW)
    source = adapter.source()
    session = source.session(receipt="r_sample", deadline=deadline, tally=Tally())
    try:
        schema = session.describe()
        t, u = schema.find(("t",)), schema.find(("u",))
        assert t is not None
        assert u is not None
        broken = dataclasses.replace(t, name=(*t.name[:-1], "gone"))
        with pytest.raises(GatewayError), session.sample(broken, rows=5) as stream:
            list(stream)
        with session.sample(u, rows=5) as stream:
            assert sum(batch.num_rows for batch in stream) == 2
    finally:
        session.close()


def test_nothing_is_read_before_the_first_batch_is_asked_for(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    session = adapter.gone().session(receipt="r_sample", deadline=deadline, tally=Tally())
    stream = session.sample(table, rows=5)
    with pytest.raises(Unavailable):
        next(iter(stream))
    session.close()


@pytest.mark.parametrize("rows", [0, -1])
def test_a_sample_of_no_rows_is_not_asked_for(adapter: Adapter, deadline: float, rows: int) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    with pytest.raises(Invalid):
        sampled(adapter.source(), table, deadline, rows=rows)


def test_a_session_that_is_closed_ends_its_samples(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    source = adapter.source()
    table = table_of(source, "t", deadline)
    session = source.session(receipt="r_sample", deadline=deadline, tally=Tally())
    stream = session.sample(table, rows=ROWS)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 1.5
    with pytest.raises(Unavailable) as caught:
        list(stream)
    assert caught.value.code == "unavailable.closed"


def test_sampling_stops_at_the_deadline(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", FEW)
    table = table_of(adapter.source(), "t", deadline)
    with pytest.raises(Exhausted) as caught:
        sampled(adapter.source(), table, time.monotonic() - 1)
    assert caught.value.code == "exhausted.time"
