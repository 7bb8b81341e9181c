"""Sessions of a source, and what is read through one that lives no longer than the reading."""

from __future__ import annotations

import contextlib
import time

from gateway.ports import Source, SourceSession
from gateway.terms.plan import Scan
from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.terms.streams import Tally


def session(source: Source, *, receipt: str = "r_test", seconds: float = 60) -> SourceSession:
    return source.session(receipt=receipt, deadline=time.monotonic() + seconds, tally=Tally())


def first(source: Source, asked: Scan) -> list[object]:
    """Of each row the first column."""
    with contextlib.closing(session(source)) as opened, opened.scan(asked) as stream:
        return [value for batch in stream for value in batch.column(0).to_pylist()]


def schema_of(source: Source) -> SourceSchema:
    with contextlib.closing(session(source)) as opened:
        return opened.describe()


def table(schema: SourceSchema, *name: str) -> SchemaTable:
    found = schema.find(name)
    assert found is not None
    return found


def sample_of(source: Source, wanted: SchemaTable, *, rows: int) -> list[dict[str, object]]:
    with contextlib.closing(session(source)) as opened, opened.sample(wanted, rows=rows) as stream:
        return [row for batch in stream for row in batch.to_pylist()]
