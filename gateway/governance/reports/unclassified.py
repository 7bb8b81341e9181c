"""The board of unclassified columns: what the last scans found and no catalog file lists, so that nobody reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.terms.dataset import Datasets


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Unclassified:
    """One column that waits for a reviewer."""

    source: str
    table: str
    column: str
    seems: str
    """Class and kind by the evidence; empty: nothing was sampled."""
    confidence: float
    note: str
    scanned: str
    """When, ISO 8601."""


def unclassified(scans: Sequence[Mapping[str, Any]], datasets: Datasets) -> tuple[Unclassified, ...]:
    """Columns of the scans that today's catalog does not list; those that seem the worst come first.

    Args:
        scans: as catalog.writing.as_json made them.
        datasets: of the catalog files as they are now: what was classified since the scan is left out.
    """
    listed = {
        (dataset.source, dataset.table[-1], column) for dataset in datasets.values() for column in dataset.columns
    }
    waiting = [column for scan in scans for column in _columns(scan, listed)]
    order = ("direct_identifier", "free_text", "quasi_identifier", "sensitive", "public")
    rank = {name: place for place, name in enumerate(order)}
    return tuple(sorted(waiting, key=lambda c: (rank.get(c.seems.partition(" ")[0], -1), c.source, c.table, c.column)))


def _columns(scan: Mapping[str, Any], listed: set[tuple[str, str, str]]) -> Iterator[Unclassified]:
    for table in scan["tables"]:
        for column in table["columns"]:
            if column["listing"] == "listed" or (scan["source"], table["table"][-1], column["name"]) in listed:
                continue
            yield Unclassified(
                source=scan["source"],
                table=".".join(table["table"]),
                column=column["name"],
                seems=f"{column['found']} {column['kind']}".strip() if column["found"] else "",
                confidence=float(column["confidence"]),
                note=column["note"],
                scanned=scan["at"],
            )
