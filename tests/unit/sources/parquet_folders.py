"""Folders of Parquet files for a test, and what is read from them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.errors import GatewayError
from gateway.sources import ParquetSource
from gateway.terms.plan import Scan
from tests.scans import column
from tests.unit.sources.sessions import session

SECRET = "ZQX-SECRET-000042"
ID, S, DAY = column("i", pa.int64()), column("s", pa.string()), column("day", pa.date32())


def put(folder: Path, path: str, **columns: object) -> Path:
    """A file with these columns; lists, or arrays of a type."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
    return file


def rows(folder: Path, asked: Scan) -> list[dict[str, Any]]:
    with contextlib.closing(session(ParquetSource("core", folder))) as opened, opened.scan(asked) as stream:
        return [row for batch in stream for row in batch.to_pylist()]


def values(folder: Path, asked: Scan) -> list[Any]:
    return sorted((next(iter(row.values())) for row in rows(folder, asked)), key=repr)


def failure(folder: Path, asked: Scan) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        rows(folder, asked)
    assert str(folder) not in str(caught.value)
    assert ".parquet" not in str(caught.value).replace("no .parquet file", "")
    assert SECRET not in str(caught.value)
    return caught.value
