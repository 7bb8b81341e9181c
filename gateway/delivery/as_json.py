"""JSON: `{"columns": [{name, type}], "rows": [[…]], "trailer": {…}}`. Whole iff it is JSON: the trailer closes it.

Rows are arrays: names may repeat. Decimals, dates, times and binary are text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa

from gateway.delivery.text import values

CHUNK_ROWS: Final = 1_000


def encode(schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: Callable[[], str]) -> Iterator[bytes]:
    """Rows in chunks of CHUNK_ROWS."""
    columns = [{"name": field.name, "type": str(field.type)} for field in schema]
    yield f'{{"columns":{_dump(columns)},"rows":['.encode()
    comma = ""
    for batch in batches:
        rows = list(zip(*(values(column) for column in batch.columns), strict=True))
        for start in range(0, len(rows), CHUNK_ROWS):
            yield (comma + _dump(rows[start : start + CHUNK_ROWS])[1:-1]).encode()
            comma = ","
    yield f'],"trailer":{seal()}}}\n'.encode()


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
