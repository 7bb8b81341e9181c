"""DuckDB's failures in our words: its own texts may hold SQL, paths or values."""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable

DRIVER_ERRORS: Final = (duckdb.Error, pa.ArrowException, OSError, MemoryError)
"""What DuckDB raises, and what it raises through an Arrow reader, where only the text tells which."""

_DAMAGED: Final = (
    "not a valid duckdb",
    "corrupt",
    "checksum",
    "magic bytes",
    "serialization error",
    "internal error",
    "invalid input error",
    "invalid error",
    "no parquet file",
    "unexpected end",
    "too small to be",
    "thrift",
    "snappy",
    "zstd",
)
_LOCKED: Final = ("could not set lock", "conflicting lock")
_FORMAT: Final = ("version number", "storage version")


def translated(error: Exception, *, source: str, dataset: str = "") -> GatewayError:
    """What happened, naming the source or the dataset."""
    text, where = str(error).lower(), f"source {source}"
    if isinstance(error, MemoryError) or "out of memory" in text:
        return Exhausted(
            f"{where}: reading needs more memory than allowed",
            code="memory",
            fix="group by fewer dimensions, or leave out columns of long texts",
        )
    if "interrupt" in text:
        return Unavailable(f"{where}: reading was ended before its end", code="closed")
    if any(word in text for word in _LOCKED):
        return Unavailable(
            f"{where}: a writer holds the file", code="source", fix="let the writer put a finished copy in its place"
        )
    if "overflow in" in text:
        return Integrity(f"{dataset or where}: a sum does not fit 38 digits", code="source.value")
    if "conversion error" in text or "out of range error" in text:
        return Integrity(f"{dataset or where}: a value does not fit the declared type", code="source.value")
    if any(word in text for word in _FORMAT):
        return Unavailable(f"{where}: the file is of a version that is not read", code="source")
    if "encrypt" in text:
        return Unavailable(f"{where}: the file is encrypted", code="source")
    if any(word in text for word in _DAMAGED):
        return Integrity(f"{dataset or where}: a file is damaged, or not of the format", code="source.file")
    if "no such file" in text or "no files found" in text or "does not exist" in text:
        return Integrity(f"{dataset or where}: a file was taken away while it was read", code="source.changed")
    return Unavailable(f"{where}: the file could not be read", code="source")
