"""Classifies a sampled table, as JSON in and out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from gateway.terms.recognition import ColumnVerdict, SampledColumn, SampledTable

Classifier = Callable[[SampledTable], Sequence[ColumnVerdict]]


def read(payload: bytes) -> SampledTable:
    """A table from a CLASSIFY payload."""
    told: dict[str, Any] = json.loads(payload)
    types = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(told["types"]))).types
    return SampledTable(
        name=told["name"],
        row_estimate=told["row_estimate"],
        columns=tuple(
            SampledColumn(
                name=column["name"],
                type=kind,
                values=tuple(column["values"]),
                comment=column["comment"],
                is_key=column["is_key"],
                references=column["references"],
            )
            for column, kind in zip(told["columns"], types, strict=True)
        ),
    )


def answer(table: SampledTable, classify: Classifier) -> bytes:
    """A VERDICTS payload; null for a table that broke what reads it."""
    try:
        verdicts = classify(table)
    except Exception:  # noqa: BLE001 - whatever a table breaks, its columns are then nobody's to release
        return b"null"
    return json.dumps([_told(verdict) for verdict in verdicts]).encode()


def _told(verdict: ColumnVerdict) -> dict[str, Any]:
    return {
        "classification": verdict.classification,
        "kind": verdict.kind,
        "confidence": verdict.confidence,
        "evidence": [[each.rule, each.matched, each.tried] for each in verdict.evidence],
        "is_dimension": verdict.is_dimension,
    }
