"""Production databases, read only: Scan in, RawStream of Arrow batches in the catalog's types out.

A source is asked for listed columns and filters only; it never sees the user's SQL or a keyed value. Every row filter
is evaluated twice, in the source and byte-exactly on the batch (T10). Table, columns and types are checked in the
snapshot that is read. Answers without ORDER BY have no order: a source's row order means nothing.
Errors name the source, dataset and column; never a value, a path or a URL.
"""

from gateway.sources.duckdb import DuckdbSource
from gateway.sources.mariadb import MariadbSource
from gateway.sources.parquet import ParquetSource
from gateway.sources.postgres import PostgresSource
from gateway.sources.registry import SOURCES, open_sources
from gateway.sources.sqlite import SqliteSource

__all__ = [
    "SOURCES",
    "DuckdbSource",
    "MariadbSource",
    "ParquetSource",
    "PostgresSource",
    "SqliteSource",
    "open_sources",
]
