"""What every adapter's `describe` keeps to."""

from __future__ import annotations

import threading
import time

import pytest

from gateway.errors import Exhausted, Unavailable
from gateway.ports import Source
from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.terms.streams import Tally
from tests.conformance.tables import SOURCE, TYPES, Adapter, Rows, column

HOSTILE = "x' , \"ssn` -- ünï.日本"
PLAIN = Rows((column("id", "int64"), column("v", "string")), [(1, "ZQX-SECRET-1"), (2, None)])


def described(source: Source, deadline: float) -> SourceSchema:
    session = source.session(receipt="r_describe", deadline=deadline, tally=Tally())
    try:
        return session.describe()
    finally:
        session.close()


def table_of(source: Source, name: str, deadline: float) -> SchemaTable:
    found = described(source, deadline).find((name,))
    assert found is not None
    return found


def test_a_table_is_described_without_its_rows(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PLAIN)
    schema = described(adapter.source(), deadline)
    table = schema.find(("t",))
    assert table is not None
    assert schema.source == SOURCE
    assert (table.name[-1], table.kind, table.refused, table.definition) == ("t", "table", "", "")
    assert [(c.name, c.type) for c in table.columns] == [("id", TYPES["int64"]), ("v", TYPES["string"])]
    assert "ZQX" not in repr(schema)


@pytest.mark.parametrize("kind", TYPES)
def test_a_described_type_is_one_that_the_table_can_be_declared_with(
    adapter: Adapter, deadline: float, kind: str
) -> None:
    declared = Rows((column("v", kind),), [])
    adapter.create("t", declared)
    (found,) = table_of(adapter.source(), "t", deadline).columns
    assert found.type is not None
    session = adapter.source().session(receipt="r_describe", deadline=deadline, tally=Tally())
    try:
        stream = session.sample(table_of(adapter.source(), "t", deadline), rows=1)
        with stream:
            assert list(stream) == []
            assert stream.schema.field("v").type == found.type
    finally:
        session.close()


def test_names_that_no_catalog_can_have_are_told_as_they_are(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", Rows((column(HOSTILE, "string"), column("Upper", "int64")), [("a", 1)]))
    assert [c.name for c in table_of(adapter.source(), "t", deadline).columns] == [HOSTILE, "upper"]


def test_an_empty_source_has_no_table_of_the_test(adapter: Adapter, deadline: float) -> None:
    assert described(adapter.source(), deadline).find(("t",)) is None


def test_a_view_is_told_and_not_sampled(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PLAIN)
    adapter.make_view("w", of="t")
    found = table_of(adapter.source(), "w", deadline)
    assert found.refused
    if found.kind == "view":  # a folder of files has none: what stands there is a link
        assert "t" in found.definition
        assert [c.name for c in found.columns] == ["id", "v"]


def test_a_thousand_columns_are_told(adapter: Adapter, deadline: float) -> None:
    names = [f"c{i}" for i in range(1_000)]
    adapter.create("t", Rows(tuple(column(n, "int32") for n in names), [tuple(range(1_000))]))
    assert [c.name for c in table_of(adapter.source(), "t", deadline).columns] == names


def test_many_tables_are_told_in_order(adapter: Adapter, deadline: float) -> None:
    names = [f"t{i:03d}" for i in range(60)]
    for name in reversed(names):
        adapter.create(name, Rows((column("v", "int64"),), []))
    schema = described(adapter.source(), deadline)
    assert [t.name[-1] for t in schema.tables if t.name[-1] in names and schema.find(t.name[-1:]) is t] == names


def test_a_session_describes_and_scans_one_after_the_other(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PLAIN)
    session = adapter.source().session(receipt="r_describe", deadline=deadline, tally=Tally())
    try:
        first, second = session.describe(), session.describe()
        assert first.find(("t",)) == second.find(("t",))
    finally:
        session.close()
    with pytest.raises(Unavailable):
        session.describe()


def test_nothing_is_held_after_describing(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PLAIN)
    described(adapter.source(), deadline)
    until = time.monotonic() + 5
    while adapter.is_held("r_describe") and time.monotonic() < until:
        time.sleep(0.02)
    assert not adapter.is_held("r_describe")


def test_describing_stops_at_the_deadline(adapter: Adapter) -> None:
    adapter.create("t", PLAIN)
    with pytest.raises(Exhausted) as caught:
        described(adapter.source(), time.monotonic() - 1)
    assert caught.value.code == "exhausted.time"


def test_a_closed_session_describes_nothing_from_any_thread(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", PLAIN)
    session = adapter.source().session(receipt="r_describe", deadline=deadline, tally=Tally())
    thread = threading.Thread(target=session.close)
    thread.start()
    thread.join(5)
    with pytest.raises(Unavailable) as caught:
        session.describe()
    assert caught.value.code == "unavailable.closed"


def test_a_source_that_is_not_there_is_unavailable(adapter: Adapter, deadline: float) -> None:
    with pytest.raises(Unavailable) as caught:
        described(adapter.gone(), deadline)
    assert "127.0.0.1" not in str(caught.value)
    assert f"source {SOURCE}" in str(caught.value)
