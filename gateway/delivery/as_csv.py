"""CSV by RFC 4180, UTF-8, with a header: text is always quoted, so that an empty text (`""`) is no null (nothing).

CSV has no place for a trailer: whether it is whole is told by the body's end, or by the receipt's hash.
Values are exact and so never escaped for spreadsheets: a text that begins with `=` is a formula to those.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.csv

from gateway.delivery.chunks import Chunks
from gateway.delivery.text import has_text_form, texts, values

_OPTIONS: Final = pyarrow.csv.WriteOptions(eol="\r\n", quoting_style="needed", batch_size=4096)


def encode(schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: Callable[[], str]) -> Iterator[bytes]:
    """Each batch as it comes; numbers and booleans are unquoted, everything else is text."""
    sink = Chunks()
    plain = pa.schema([pa.field(field.name, _cell_type(field.type)) for field in schema])
    writer = pyarrow.csv.CSVWriter(sink, plain, write_options=_OPTIONS)
    for batch in batches:
        writer.write_batch(pa.RecordBatch.from_arrays([_cells(column) for column in batch.columns], schema=plain))
        yield sink.take()
    seal()
    writer.close()
    yield sink.take()


def _cell_type(type_: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_nested(type_) or has_text_form(type_) else type_


def _cells(column: pa.Array) -> pa.Array:
    """Lists, structs and maps as JSON text."""
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else _compact(value) for value in values(column)], pa.string())
    return texts(column) if has_text_form(column.type) else column


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
