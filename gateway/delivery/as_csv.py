"""CSV by RFC 4180, UTF-8, with a header: text is always quoted, so that an empty text (`""`) is no null (nothing).

CSV has no place for a trailer: whether it is whole is told by the receipt's hash alone.
Spreadsheets take a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula, and a customer
may have chosen his own name. Such a text gets an apostrophe before it, and so does one that begins with an apostrophe:
taking one leading apostrophe off gives every text back. `formulas=kept` leaves texts as they are.
Numbers, dates and decimals are never touched. Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from gateway.delivery.chunks import Chunks
from gateway.delivery.text import has_text_form, texts, values

_FORMULA_BEGINS: Final = pa.array(["=", "+", "-", "@", "\t", "\r", "'"])
_OPTIONS: Final = pyarrow.csv.WriteOptions(eol="\r\n", quoting_style="needed", batch_size=4096)


def encode(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], *, seal: Callable[[], str], escaped: bool = True
) -> Iterator[bytes]:
    """Each batch as it comes; numbers and booleans are unquoted, everything else is text."""
    sink = Chunks()
    names = _escaped(pa.array(schema.names, pa.string())).to_pylist() if escaped else schema.names
    plain = pa.schema([pa.field(name, _cell_type(field.type)) for name, field in zip(names, schema, strict=True)])
    writer = pyarrow.csv.CSVWriter(sink, plain, write_options=_OPTIONS)
    for batch in batches:
        cells = [_cells(column, escaped=escaped) for column in batch.columns]
        writer.write_batch(pa.RecordBatch.from_arrays(cells, schema=plain))
        yield sink.take()
    seal()
    writer.close()
    yield sink.take()


def _cell_type(type_: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_nested(type_) or has_text_form(type_) else type_


def _cells(column: pa.Array, *, escaped: bool) -> pa.Array:
    """Lists, structs and maps as JSON text, which begins with a bracket."""
    if pa.types.is_nested(column.type):
        return pa.array([None if value is None else _compact(value) for value in values(column)], pa.string())
    if has_text_form(column.type):
        return texts(column)
    is_text = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    return _escaped(column) if escaped and is_text else column


def _escaped(column: pa.Array) -> pa.Array:
    is_formula = pc.is_in(pc.utf8_slice_codeunits(column, 0, 1), value_set=_FORMULA_BEGINS.cast(column.type))
    if not pc.any(is_formula).as_py():
        return column
    apostrophe = pa.scalar("'", column.type)
    empty = pa.scalar("", column.type)
    return pc.if_else(is_formula, pc.binary_join_element_wise(apostrophe, column, empty), column)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
