"""What a worker is asked, as bytes. It trusts the gateway, so JSON will do."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from gateway.terms.recognition import NameList, Note, SampledColumn, SampledTable

MAX_PARTS: Final = 100_000
"""Names in one frame."""
MAX_TABLE_CHARACTERS: Final = 32 << 20
MIN_CHARACTERS: Final = 64
"""Of a sampled value, whatever the table's size."""


def find(notes: Sequence[Note], *, names: NameList | None, is_strict: bool, alone: bool) -> bytes:
    """A FIND payload."""
    question = {
        "notes": [(note.text, dict(note.known)) for note in notes],
        "names": names.id if names else None,
        "is_strict": is_strict,
        "alone": alone,
    }
    return json.dumps(question).encode()


def names_in_parts(names: NameList) -> Iterator[bytes]:
    """NAMES payloads of one list; at least one."""
    parts = iter(sorted(names.parts))
    piece = list(itertools.islice(parts, MAX_PARTS))
    while True:
        following = list(itertools.islice(parts, MAX_PARTS))
        yield json.dumps({"id": names.id, "parts": piece, "is_last": not following}).encode()
        if not following:
            return
        piece = following


def classify(table: SampledTable) -> bytes:
    """A CLASSIFY payload. Of values that are too long together, only their beginnings are sent."""
    cells = sum(len(column.values) for column in table.columns) or 1
    most = max(MIN_CHARACTERS, MAX_TABLE_CHARACTERS // cells)
    types = pa.schema([(str(place), column.type) for place, column in enumerate(table.columns)])
    question = {
        "name": table.name,
        "row_estimate": table.row_estimate,
        "types": base64.b64encode(types.serialize()).decode(),
        "columns": [_column(column, most) for column in table.columns],
    }
    return json.dumps(question).encode()


def _column(column: SampledColumn, most: int) -> dict[str, object]:
    return {
        "name": column.name,
        "values": [value and value[:most] for value in column.values],
        "comment": column.comment,
        "is_key": column.is_key,
        "references": column.references,
    }
