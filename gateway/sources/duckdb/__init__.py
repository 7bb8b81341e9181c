"""DuckDB database files, read only; and the engine that reads them, which reads Parquet files too."""

from gateway.sources.duckdb.source import DuckdbSource

__all__ = ["DuckdbSource"]
