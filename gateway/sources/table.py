"""What is known of a table before it is read, and what is asked of it. No SQL."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pyarrow as pa

from gateway.terms.dataset import Column
from gateway.terms.policy import Follow
from gateway.terms.predicate import Predicate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A column and how the source stores it."""

    column: Column
    storage: str
    """SQLite: the affinity, lower case; servers: the name of the type."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as the source has it now, already held against the catalog."""

    path: tuple[str, ...]
    columns: Mapping[str, Stored]
    rowid: str | None = None
    """A name for the integer by which windows of the table are read; None: the table is read in one go."""


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
