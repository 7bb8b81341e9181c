"""Levels, grants and decisions."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa

from gateway.terms.identity import Purpose
from gateway.terms.mask_spec import MaskUse
from gateway.terms.predicate import Predicate


@enum.unique
class Level(enum.StrEnum):
    """How much of a column leaves the gateway."""

    AGGREGATED = "aggregated"
    PSEUDONYMIZED = "pseudonymized"
    FULL = "full"

    @property
    def rank(self) -> int:
        """0 reveals least."""
        return (Level.AGGREGATED, Level.PSEUDONYMIZED, Level.FULL).index(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuleRef:
    """Where a rule stands, so that every verdict can be looked up."""

    file: str
    """Relative to the policy folder: `grants.yaml`."""
    line: int
    """1-based."""
    id: str
    """The rule's own name: a grant's id, `direct_identifier × pseudonymized`, a dataset's column."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.id}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """Which rows of one dataset a grant shows."""

    dataset: str
    predicate: Predicate
    text: str
    """As written by the policy's author. Shown to admins and auditors, never to the asker."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A rule that allows (or caps). Atomic: its level, columns and rows are never mixed with another's."""

    id: str
    effect: Literal["allow", "deny"]
    role: str
    environment: str
    datasets: frozenset[str]
    purposes: frozenset[str]
    """`*` stands for every purpose."""
    level: Level | None
    """Of an allow. None in a deny: nothing at all."""
    columns: Mapping[str, Level]
    """Of an allow: exceptions by column name. Of a deny: empty."""
    denied_columns: frozenset[str]
    """Of a deny: only these; empty means every column."""
    at_most: Level | None
    """Of a deny: the cap; None denies outright."""
    rows: RowRule | None
    rows_follow: frozenset[str]
    """Datasets whose rows are kept iff their subject is among the rows kept in `rows.dataset`."""
    expires: datetime.datetime | None
    """UTC; the grant no longer holds at this moment."""
    rule: RuleRef
    dynamic: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuxiliaryColumn:
    """A column of the same dataset that a mask reads beside its own; it is not released for it."""

    role: str
    """As the mask's specification names it: `subject`, …"""
    column: str
    type: pa.DataType
    """As declared; a source must deliver it."""
    domain: str | None
    """Its own; for the role `subject` it is the key's scope, so that one subject has one key in every dataset."""
    canon: str | None
    """That of its domain."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KnownColumn:
    """A column of the dataset that a free text is about: its value for the row's own subject is looked for in the text.

    Read beside the text, given to its mask, never released.
    """

    role: str
    """As the catalog's `about:` names it: `name`, `email`, …"""
    dataset: str
    table: tuple[str, ...]
    column: str
    type: pa.DataType
    on: tuple[tuple[str, str], ...]
    """(column of the text's dataset, column there): equal values are of one subject."""
    mask: MaskUse | None
    """What its pseudonym in the text is made by, so that the text joins with the masked column; None: it has none.
    That of the role `name` is the subject's: a name stands for the person."""
    domain: str | None
    canon: str | None

    @property
    def alias(self) -> str:
        """Its name in the scan's stream, where it comes after all columns of the table.

        Says all that decides the value, with signs that no name has: what else had this name would be another's value.
        """
        return f"__known {self.dataset}({','.join(f'{here}={there}' for here, there in self.on)}).{self.column}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDecision:
    """What happens to one column, and why."""

    dataset: str
    column: str
    level: Level
    mask: MaskUse
    """At the aggregated level `keep`: protection works on the values, and only groups leave."""
    domain: str | None
    """The key's scope for a keyed mask: the column's domain, else `dataset.column`."""
    canon: str | None
    """How values of the domain are brought into one form before a keyed mask."""
    use: Literal["value", "dimension", "measure", "subject"]
    """`value` except at the aggregated level."""
    rule: RuleRef
    auxiliary: tuple[AuxiliaryColumn, ...] = ()
    """One for each role that the mask's specification names, in its order."""
    known: tuple[KnownColumn, ...] = ()
    """Of a free text under the mask `text`: one for each role of its `about:`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Keep a row iff `column` is among the values of `key` in the rows of `dataset` that satisfy `predicate`."""

    column: str
    dataset: str
    table: tuple[str, ...]
    source: str
    key: str
    predicate: Predicate


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDecision:
    """Which grant answers for one dataset, and how."""

    dataset: str
    grant: str
    level: Level
    """The grant's level; single columns may differ from it."""
    columns: Mapping[str, ColumnDecision]
    rows: Predicate | None
    follow: Follow | None
    rule: RuleRef
    expires: datetime.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MissingGrant:
    """The smallest thing that would turn a denial into an answer."""

    dataset: str
    lacks: str
    """`role`, `purpose`, `environment`, `columns`, `expired` … in one sentence."""
    request: str
    """How to ask for it; empty where asking cannot help."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The verdict on one query. Made once for all its columns."""

    allowed: bool
    principal: str
    environment: str
    purpose: Purpose | None
    """None only in a denial for an unknown purpose."""
    datasets: Mapping[str, DatasetDecision]
    digest: str
    """SHA-256 of the bundle that decided, hex."""
    dynamic_grants: tuple[str, ...]
    """Ids of the dynamic grants that were considered."""
    reasons: tuple[str, ...]
    missing: MissingGrant | None = None

    def counts(self) -> Mapping[Level, int]:
        """How many source columns are released at each level."""
        levels = [c.level for d in self.datasets.values() for c in d.columns.values()]
        return {level: levels.count(level) for level in Level}
