"""Tables as the tests mean them, and what a test does to those of any kind of source."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from gateway.ports import Source, SourceSession
from gateway.terms.dataset import Column
from gateway.terms.plan import Snapshot
from gateway.terms.streams import Tally

SOURCE = "core"
TYPES: Mapping[str, pa.DataType] = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "string": pa.string(),
    "float64": pa.float64(),
    "decimal": pa.decimal128(12, 2),
    "wide": pa.decimal128(38, 10),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "clock": pa.timestamp("us"),
    "bool": pa.bool_(),
}
ODD_FLOATS = (float("nan"), float("inf"), float("-inf"), -0.0)


def column(name: str, kind: str) -> Column:
    return Column(name=name, type=TYPES[kind], classification="public")


@dataclasses.dataclass(frozen=True)
class Rows:
    """A table as the tests mean it: columns of the catalog, and typed Python values."""

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[object]]

    def column(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)

    def dicts(self) -> list[dict[str, object]]:
        return [dict(zip((c.name for c in self.columns), row, strict=True)) for row in self.rows]


class Adapter(Protocol):
    """A kind of source, with what the tests do to its tables."""

    odd_floats: Sequence[float]
    """Of ODD_FLOATS, those that it can hold."""
    holds_nul: bool
    """In a text."""

    def create(self, name: str, table: Rows, *, kinds: Mapping[str, str] | None = None) -> None:
        """`kinds`: types in SQL, of columns that are to be other than usual; no SQL makes Parquet files."""

    def rename_column(self, table: str, old: str, new: str) -> None: ...

    def change_type(self, table: str, name: str) -> None:
        """The column keeps its name and becomes of a type that no test column of `table` has."""

    def drop(self, table: str) -> None: ...

    def make_view(self, name: str, *, of: str) -> None: ...

    def break_off(self, receipt: str) -> None:
        """The worst that can happen to a source while it is read."""

    def is_held(self, receipt: str) -> bool:
        """Whether something is open there for the access."""

    def gone(self) -> Source:
        """One that is not there."""

    def source(self) -> Source: ...


@dataclasses.dataclass(frozen=True)
class Closing:
    """A source whose sessions are closed at the test's end, if not before."""

    source: Source
    at_end: Callable[[Callable[[], object]], None]

    @property
    def consistency(self) -> Snapshot:
        return self.source.consistency

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        session = self.source.session(receipt=receipt, deadline=deadline, tally=tally)
        self.at_end(session.close)
        return session

    def check(self) -> Sequence[str]:
        return self.source.check()


def stored(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case decimal.Decimal():
            return str(value)
        case datetime.datetime():
            moment = value.astimezone(datetime.UTC) if value.tzinfo else value
            return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
        case datetime.date():
            return value.isoformat()
        case _:
            return value
