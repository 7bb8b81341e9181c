"""Where a source and its catalog files differ. A class is only ever found to be too lax, never too strict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

import pyarrow as pa

from gateway.catalog.sampling.facts import ColumnFacts, TableFacts
from gateway.catalog.scanning.propose import Beside
from gateway.catalog.types import spelled
from gateway.terms.dataset import Classification, Column, Dataset
from gateway.terms.mask_spec import family_of
from gateway.terms.proposal_catalog import Drift, TableProposal
from gateway.terms.recognition import ColumnVerdict
from gateway.terms.source_schema import SchemaTable

_STRICTNESS: Final[Mapping[Classification, int]] = {
    "public": 0,
    "sensitive": 1,
    "quasi_identifier": 2,
    "free_text": 3,
    "direct_identifier": 4,
}
"""By what is shown of it at the pseudonymized level."""
_HELD_IN_TEXT: Final = frozenset({"date", "timestamp", "decimal"})
_UNREAD: Final = "nobody reads it until it is classified"


def find_drift(
    tables: Sequence[TableFacts],
    proposed: Sequence[TableProposal],
    beside: Beside,
    *,
    wanted: frozenset[str],
) -> tuple[Drift, ...]:
    """Everything in which they differ and that somebody can mend, by dataset and column.

    What no catalog file can list is no drift: it stands in the scan's comments and among the unclassified.

    Args:
        tables: as found in the source.
        proposed: for the same tables, in the same order.
        beside: the schema as described, and the catalog files.
        wanted: datasets of the catalog that were asked for: only those can be gone.
    """
    found: list[Drift] = []
    listed = beside.listed()
    for facts, proposal in zip(tables, proposed, strict=True):
        dataset = listed.get(facts.table.name)
        new = {column.name for column in proposal.columns if column.listing == "new"}
        if dataset is not None:
            found += _in_table(facts, dataset, new, dialect=beside.schema.dialect)
        elif new and proposal.dataset:
            text = f"{len(new)} columns; {_UNREAD}"
            found.append(Drift(kind="new_table", dataset=proposal.dataset, text=text))
    for dataset in beside.datasets.values():
        if dataset.name in wanted and beside.schema.find(dataset.table) is None:
            found.append(Drift(kind="gone_table", dataset=dataset.name, text="the source has no such table"))
    return tuple(sorted(found, key=lambda drift: (drift.dataset, drift.column, drift.kind)))


def _in_table(facts: TableFacts, dataset: Dataset, new: Set[str], *, dialect: str) -> Iterator[Drift]:
    here = {column.name: column for column in facts.table.columns}
    for name in new:
        yield Drift(kind="new_column", dataset=dataset.name, column=name, text=_UNREAD)
    for name, column in dataset.columns.items():
        if name not in here:
            yield Drift(kind="gone_column", dataset=dataset.name, column=name, text=_gone(facts.table))
            continue
        source_type = here[name].type
        if source_type is None or not holds(column.type, source_type, dialect=dialect):
            text = f"declared {spelled(column.type)}, the source has {_shown(source_type)}"
            yield Drift(kind="type", dataset=dataset.name, column=name, text=text)
        yield from _contradicted(facts.columns[name], column, dataset=dataset.name)


def _gone(table: SchemaTable) -> str:
    return "the view is broken" if table.kind == "view" else "the table has no such column"


def _shown(kind: pa.DataType | None) -> str:
    return "one that is not read" if kind is None else spelled(kind) or str(kind)


def _contradicted(facts: ColumnFacts, column: Column, *, dataset: str) -> Iterator[Drift]:
    """A class that shows more than the evidence allows, where the evidence is sure."""
    verdict = facts.verdict
    if verdict is None or verdict.needs_review or not _shows_more(column, verdict):
        return
    told = ", ".join(f"{e.rule} {e.matched}/{e.tried}" if e.tried else e.rule for e in verdict.evidence)
    text = f"listed as {column.classification}; the evidence says {verdict.kind}, {verdict.confidence:.2f}: {told}"
    yield Drift(kind="classification", dataset=dataset, column=column.name, text=text, proposed=verdict.classification)


def _shows_more(column: Column, verdict: ColumnVerdict) -> bool:
    if column.dimension and verdict.classification == "quasi_identifier" and _is_by_name(verdict):
        return False  # who declared it for grouping had read its name
    if column.classification == "quasi_identifier" and column.mask is None and not column.dimension:
        return False  # by default it is redacted, and no class shows less
    return _STRICTNESS[verdict.classification] > _STRICTNESS[column.classification]


def _is_by_name(verdict: ColumnVerdict) -> bool:
    return all(evidence.rule.startswith("name:") for evidence in verdict.evidence)


def holds(declared: pa.DataType, source_type: pa.DataType, *, dialect: str) -> bool:
    """Whether a declared type can be read from what the source has: an equal one, a wider one, or SQLite's own ways."""
    if declared == source_type:
        return True
    wide, narrow = family_of(declared), family_of(source_type)
    if wide == narrow == "integer":
        return bool(declared.bit_width >= source_type.bit_width)
    if wide == narrow == "decimal":
        digits = declared.precision - declared.scale >= source_type.precision - source_type.scale
        return bool(digits and declared.scale >= source_type.scale)
    if wide == narrow == "timestamp":
        return dialect in {"mysql", "sqlite"}
    if dialect == "mysql":
        return {wide, narrow} == {"boolean", "integer"}
    if dialect == "sqlite":
        return wide in _HELD_IN_TEXT or (
            narrow in {"decimal", "integer", "float"} and wide in {"integer", "float", "boolean"}
        )
    return False
