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
CHUNK_CELLS: Final = 50_000


def encode(schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: Callable[[], str]) -> Iterator[bytes]:
    """Rows in chunks of CHUNK_ROWS, fewer where they are wide: as Python's objects they take many times their size."""
    columns = [{"name": field.name, "type": str(field.type)} for field in schema]
    yield f'{{"columns":{_dump(columns)},"rows":['.encode()
    comma = ""
    count = max(1, min(CHUNK_ROWS, CHUNK_CELLS // max(1, len(schema))))
    for batch in batches:
        for start in range(0, batch.num_rows, count):
            rows = list(zip(*(values(column) for column in batch.slice(start, count).columns), strict=True))
            yield (comma + _dump(rows)[1:-1]).encode()
            comma = ","
    yield f'],"trailer":{seal()}}}'.encode()


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
