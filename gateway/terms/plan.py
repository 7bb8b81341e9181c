"""What will be read, how it is released, and what runs on the released rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

import pyarrow as pa

from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import ColumnDecision, Follow, KnownColumn, Level
from gateway.terms.predicate import Predicate

Snapshot = Literal["exported", "single-scan", "per-scan"]
Function = Literal["count_rows", "count_values", "count_subjects", "sum", "avg"]
Partial = Literal["rows", "count", "sum", "min", "max"]
"""What a source tells of a part of a group, so that parts make up the group: `rows` is count(*)."""
MAX_TEXT_CHARACTERS: Final = 32 << 10
"""A free text that is longer is redacted whole, so no more than one character beyond is read of it (T13)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Rows of one table. What is not listed here is not read."""

    id: str
    """`__scan_1`, …: the name that the released stream has in the sandbox."""
    dataset: str
    source: str
    table: tuple[str, ...]
    columns: tuple[Column, ...]
    """Read, in this order, for what is released of them. May be empty: then the rows are still counted."""
    aux_columns: tuple[Column, ...]
    """Read for row filters and masks; what is read here is never released."""
    rows: Predicate | None
    """The grant's row filter: evaluated in the source, and again on the batch."""
    follow: Follow | None
    pushed: Predicate | None
    """A pre-filter from the user's query, on columns that the principal sees unmasked. Never needed for safety."""
    known: tuple[KnownColumn, ...] = ()
    """Of the datasets that free texts are about: one value of the row's own subject each, after all other columns."""
    texts: frozenset[str] = frozenset()
    """Free texts to be masked: cut after MAX_TEXT_CHARACTERS and one, and delivered though they are no UTF-8, so that a
    hostile value costs itself and not the answer."""
    is_read: bool = True
    """False: no row can show in the answer, so none is read, and the source is not opened."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskedScan:
    """A scan that is released row by row."""

    scan: Scan
    """columns = those of `columns` whose values a mask needs, in the same order."""
    columns: tuple[Column, ...]
    """To be released, in this order. May be empty: then only the number of rows is released."""
    decisions: tuple[ColumnDecision, ...]
    """One for each of `columns`, in the same order."""
    names: tuple[Scan, ...] = ()
    """Read before it: the names of all subjects that its free texts may be about, one column each (T14)."""


def needs_values(decision: ColumnDecision) -> bool:
    """Whether a column must be read to be released: not under a mask that leaks nothing.

    Reading it would tell after all: a value that cannot be read fails the query.
    """
    spec = MASK_SPECS.get(decision.mask.name)
    return spec is None or bool(spec.leaks_with(decision.mask.parameters))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One aggregate of a guarded scan."""

    name: str
    """Column name in the released stream: `__measure_1`, …"""
    function: Function
    column: str | None
    """None for count_rows and count_subjects."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GuardedScan:
    """A scan that is released as protected groups only."""

    scan: Scan
    """columns = dimensions, then measured columns; aux_columns hold the subject; pushed is always None."""
    subject: str
    """Column of the data subject; groups are counted by distinct subjects."""
    dimensions: tuple[str, ...]
    measures: tuple[Measure, ...]
    filter: Predicate | None
    """AND of `=` and `IN` on dimensions, from the user's query: a registered cell of the release window."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of a grouped scan."""

    name: str
    """Column name in the released stream: `__figure_1`, …"""
    partial: Partial
    column: str | None
    """None for `rows`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GroupedScan:
    """A scan that the source groups: it sends groups, or parts of groups, of columns that all are shown unmasked.

    The SQL over the released stream puts parts together, so a row may stand for itself.
    """

    scan: Scan
    """columns = keys, then what figures are of; aux_columns hold what `filter` reads; pushed is always None."""
    keys: tuple[str, ...]
    """May be empty: one group."""
    figures: tuple[Figure, ...]
    """The first is always `rows`."""
    filter: Predicate | None
    """The query's whole WHERE on these rows: evaluated in the source and nowhere else."""
    columns: tuple[Column, ...]
    """To be released: the keys, then the figures."""
    decisions: tuple[ColumnDecision, ...]
    """One for each of `columns`, in the same order; all `keep`."""


Step = MaskedScan | GuardedScan | GroupedScan

FIXED_POINT: Final = pa.decimal128(38, 9)
"""How a source adds up a floating-point measure of a guarded scan: in billionths, each value rounded to them. Then a
sum depends on its values alone; adding floats tells in the last bit in which order they lie in the source."""
FIXED_POINT_LIMIT: Final = 1e15
"""A value that is not below it in size, or is no number, does not fit."""


RECOVERED: Final = ("pseudonym", "identifier")
"""The two columns of a re-identification."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of the answer, and what production columns it is made of."""

    name: str
    sources: tuple[tuple[str, str], ...]
    """(dataset, column), sorted; empty for a constant. Those that a filter or join reads are not among them."""
    level: Level | None
    """The most revealing of its sources' levels; None without sources."""
    mask: str
    """The mask's name where it is a single masked column, passed on or not; else `` (none or several)."""
    leaks: tuple[str, ...]
    """What that mask still tells."""
    domain: str | None
    """Of a single source: where its values join."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole of what a decision allows a query to do."""

    steps: tuple[Step, ...]
    sql: str
    """DuckDB SQL over the released streams, generated from the checked tree."""
    output_names: tuple[str, ...]
    snapshot: Snapshot
    outputs: tuple[Output, ...]
    """One for each output name: what the answer's columns are made of."""
    is_order_free: bool
    """The order of released rows cannot show in the answer but as the order of its own rows, and each scan is read
    once: they may be streamed, for the answer's rows are put into an order of their own, by the SQL itself or, where it
    is files, by delivery."""
    mentions: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """How many mentions of a dataset read each scan, by its id."""
