"""What is known of a table before it is read, and what is asked of it. No SQL."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

import pyarrow as pa

from gateway.errors import Integrity
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import Family, family_of
from gateway.terms.plan import Scan
from gateway.terms.policy import Follow, KnownColumn
from gateway.terms.predicate import Predicate

_SIGNS: Final = re.compile(r"[\W_]+")
_MAX_DIGITS: Final = 38
"""Of a decimal128."""
_NATURAL: Final[Mapping[Family, pa.DataType]] = MappingProxyType(
    {
        "integer": pa.int64(),
        "float": pa.float64(),
        "boolean": pa.bool_(),
        "string": pa.string(),
        "date": pa.date32(),
        "binary": pa.binary(),
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What a source's type can hold, in the catalog's words."""

    family: Family | None
    """None: the type is not read."""
    bits: int = 64
    """Of the signed number that holds all integers, or of the float."""
    digits: tuple[int, int] | None = None
    """Precision and scale of a decimal; None: without bounds."""
    is_zoned: bool = False
    """Moments, and no readings of a clock."""

    @property
    def natural(self) -> pa.DataType | None:
        """The Arrow type that holds all of them; None if there is none."""
        match self.family:
            case "decimal" if self.digits is not None and 0 <= self.digits[1] <= self.digits[0] <= _MAX_DIGITS:
                return pa.decimal128(*self.digits)
            case "timestamp":
                return pa.timestamp("us", "UTC" if self.is_zoned else None)
            case None | "decimal":
                return None
            case family:
                return _NATURAL[family]

    def fit(self, kind: pa.DataType) -> bool:
        """Whether the declared type can take all of them; decimals without bounds are looked at value by value."""
        family = family_of(kind)
        if family is None or self.family != family:
            return False
        match family:
            case "integer":
                return bool(pa.types.is_signed_integer(kind)) and bool(kind.bit_width >= self.bits)
            case "float":
                return bool(kind.bit_width >= self.bits)
            case "timestamp":
                return bool((kind.tz is not None) == self.is_zoned)
            case "decimal" if self.digits is not None:
                precision, scale = self.digits
                return bool(scale <= kind.scale and precision - scale <= kind.precision - kind.scale)
            case _:
                return True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A column and how the source stores it."""

    column: Column
    storage: str
    """SQLite: the affinity, lower case; servers: the name of the type."""
    written: str = ""
    """Its name as the source writes it; empty: as the catalog does."""

    @property
    def name(self) -> str:
        """In the source's SQL."""
        return self.written or self.column.name


class Spelling:
    """How a table writes the names that a catalog has: `customer_id` is also `CustomerID`, where no other column is."""

    def __init__(self, names: Iterable[str], *, dataset: str) -> None:
        self._dataset = dataset
        self._names = dict.fromkeys(names)
        self._alike: dict[str, list[str]] = {}
        for name in self._names:
            self._alike.setdefault(letters_of(name), []).append(name)

    def of(self, name: str) -> str:
        """The name as the source writes it: exactly so, else the only one of the same letters and digits.

        Raises:
            Integrity: there is no such column, or there are several: which of them was classified nobody could say.
        """
        if name in self._names:
            return name
        match self._alike.get(letters_of(name), []):
            case [written]:
                return written
            case []:
                told = "the table has no such column; has its schema changed?"
            case _:
                told = "several columns of the table are spelled so, but for case and signs; rename them"
        raise Integrity(f"{self._dataset}.{name}: {told}", code="source.schema")

    def others(self, listed: Iterable[str]) -> list[str]:
        """The table's columns that none of these names."""
        named = set()
        for name in listed:
            with contextlib.suppress(Integrity):
                named.add(self.of(name))
        return [name for name in self._names if name not in named]


def letters_of(name: str) -> str:
    """What tells two names of columns apart: letters and digits, without case and signs."""
    return _SIGNS.sub("", name.lower())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the source has it now, already held against the catalog."""

    path: tuple[str, ...]
    columns: Mapping[str, Stored]
    """Those of `looked_up` among them, by their names in the stream."""
    rowid: str | None = None
    """A name for the integer by which windows of the table are read; None: the table is read in one go."""
    looked_up: Mapping[str, LookedUp] = dataclasses.field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    """As in Scan."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """A column of another table of the source: the value there of the row with the same keys, null if there is none."""

    table: Table
    column: str
    on: tuple[tuple[str, str], ...]
    """(column here, column there)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Filter:
    """Which rows of a table."""

    predicates: tuple[Predicate, ...] = ()
    follow: Follow | None = None
    followed: Table | None = None
    """The table of `follow`."""
    present: str | None = None
    """A column that must not be null."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """SQL, and what its answer MUST look like."""

    sql: str
    columns: tuple[str, ...]
    """Where each output comes from; empty for count(*). With a witness one more follows: 1 in its row, else 0."""
    kinds: tuple[pa.DataType, ...]
    """The storage class of each output, in the same order."""


class _Layout(Protocol):
    def table(self, columns: Sequence[Column]) -> Table: ...


class _Session(Protocol):
    def layout(self, path: tuple[str, ...], *, dataset: str) -> _Layout: ...


def with_known(table: Table, scan: Scan, session: _Session) -> Table:
    """The table with the scan's known columns, each held against its declaration; errors as of a column of its own."""
    if not scan.known:
        return table
    kinds = {column.name: column for column in scan.columns + scan.aux_columns}
    columns, looked_up = dict(table.columns), {}
    for known in scan.known:
        there = _described(known, kinds, session)
        columns[known.alias] = Stored(
            column=dataclasses.replace(there.columns[known.column].column, name=known.alias),
            storage=there.columns[known.column].storage,
        )
        looked_up[known.alias] = LookedUp(table=there, column=known.column, on=known.on)
    return dataclasses.replace(table, columns=columns, looked_up=looked_up)


def _described(known: KnownColumn, kinds: dict[str, Column], session: _Session) -> Table:
    wanted = {known.column: _column(known.column, known.type)}
    for here, there in known.on:
        if here not in kinds:
            raise Integrity(f"{known.dataset}: the scan does not carry {here}, which names its row", code="plan")
        wanted.setdefault(there, _column(there, kinds[here].type))
    return session.layout(known.table, dataset=known.dataset).table(tuple(wanted.values()))


def _column(name: str, kind: pa.DataType) -> Column:
    return Column(name=name, type=kind, classification="direct_identifier")
