"""How reading ends: early, late, from outside, or because the source is gone. Never as a shorter table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable
from gateway.terms.dataset import Dataset
from gateway.terms.streams import Tally
from tests.conformance.plans import guarded_of, scan_of, scanned
from tests.conformance.tables import SOURCE, TYPES, Adapter, Rows, column

MANY = Rows((column("a", "int64"), column("s", "string")), [(i, f"{i:040d}") for i in range(150_000)])


def holds_within(seconds: float, claim: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if claim():
            return True
        time.sleep(0.05)
    return claim()


def is_read_by_pieces(adapter: Adapter) -> bool:
    """Of these files the rest is in memory already."""
    return type(adapter).__name__ == "ParquetAdapter"


def test_an_early_close_lets_go_of_the_source(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    session = adapter.source().session(receipt="r_early", deadline=deadline, tally=Tally())
    stream = session.scan(scan_of(MANY, "a", "s"))
    next(iter(stream))
    assert adapter.is_held("r_early") or is_read_by_pieces(adapter)
    stream.close()
    session.close()
    assert holds_within(1, lambda: not adapter.is_held("r_early"))


def test_a_reader_that_stalls_loses_the_source_at_the_deadline(adapter: Adapter) -> None:
    adapter.create("t", MANY)
    session = adapter.source().session(receipt="r_stall", deadline=time.monotonic() + 1.5, tally=Tally())
    stream = session.scan(scan_of(MANY, "a", "s"))
    batches = iter(stream)
    next(batches)
    assert adapter.is_held("r_stall") or is_read_by_pieces(adapter)
    time.sleep(1.5)
    assert holds_within(1, lambda: not adapter.is_held("r_stall"))
    with pytest.raises(Exhausted) as caught:
        list(batches)
    assert caught.value.code == "exhausted.time"
    session.close()


def test_another_thread_ends_a_session_with_all_its_scans(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    session = adapter.source().session(receipt="r_many", deadline=deadline, tally=Tally())
    opened = [session.scan(scan_of(MANY, "a", "s")) for _ in range(2)]
    guarded = session.group(guarded_of(scan_of(MANY, "s", aux=["a"]), subject="a", dimensions=["s"]))
    ended: list[str] = []

    def drain(batches: object) -> None:
        try:
            for _ in batches:  # type: ignore[attr-defined]
                time.sleep(0.2)
        except GatewayError as error:
            ended.append(error.code)

    threads = [threading.Thread(target=drain, args=(stream,)) for stream in (*opened, guarded)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    session.close()
    assert time.monotonic() - began < 1.5  # three readings, one after another
    for thread in threads:
        thread.join(5)
    assert set(ended) <= {"unavailable.closed"}
    assert holds_within(1, lambda: not adapter.is_held("r_many"))
    with pytest.raises(Unavailable):
        list(session.scan(scan_of(MANY, "a")))


def test_a_source_that_breaks_off_never_looks_like_a_shorter_table(adapter: Adapter, deadline: float) -> None:
    adapter.create("t", MANY)
    session = adapter.source().session(receipt="r_break", deadline=deadline, tally=Tally())
    stream = session.scan(scan_of(MANY, "a", "s"))
    batches = iter(stream)
    count = next(batches).num_rows
    adapter.break_off("r_break")
    try:
        for batch in batches:
            count += batch.num_rows
    except (Unavailable, Integrity) as error:
        assert str(getattr(adapter, "path", "127.0.0.1")) not in str(error)
    else:
        assert count == 150_000
    session.close()


def test_a_source_that_is_not_there_is_unavailable(adapter: Adapter, deadline: float) -> None:
    with pytest.raises(Unavailable) as caught:
        scanned(adapter.gone(), scan_of(MANY, "a"), deadline)
    assert "127.0.0.1" not in str(caught.value)
    assert "none" not in str(caught.value)
    (text,) = adapter.gone().check()
    assert text.startswith(f"source {SOURCE}: ")


def dataset_of(table: Rows) -> Dataset:
    return Dataset(
        name=f"{SOURCE}.t",
        source=SOURCE,
        table=("t",),
        owner="",
        discoverable=False,
        subject=None,
        watermark=None,
        columns={c.name: c for c in table.columns},
    )


def drift(adapter: Adapter, table: Rows, deadline: float) -> list[str]:
    session = adapter.source().session(receipt="r_drift", deadline=deadline, tally=Tally())
    try:
        return list(session.drift(dataset_of(table)))
    finally:
        session.close()


@pytest.mark.parametrize("name", TYPES)
def test_a_table_as_declared_has_not_drifted(adapter: Adapter, deadline: float, name: str) -> None:
    table = Rows((column("v", name),), [])
    adapter.create("t", table)
    assert drift(adapter, table, deadline) == []


def test_drift_is_told_column_by_column(adapter: Adapter, deadline: float) -> None:
    stored = Rows((column("kept", "int64"), column("old", "string"), column("kind", "int64")), [(1, "ZQX-SECRET", 7)])
    adapter.create("t", stored)
    adapter.rename_column("t", "old", "new")
    adapter.change_type("t", "kind")
    found = drift(adapter, stored, deadline)
    told = {text.partition(": ")[0]: text for text in found}
    assert told.keys() == {"core.t.old", "core.t.kind", "core.t.new"}
    assert "no such column" in told["core.t.old"]
    assert "declared int64" in told["core.t.kind"]
    assert "until it is classified" in told["core.t.new"]
    assert "ZQX" not in "".join(found)


def test_drift_tells_that_a_table_is_gone(adapter: Adapter, deadline: float) -> None:
    (text,) = drift(adapter, MANY, deadline)
    assert "no such table" in text
