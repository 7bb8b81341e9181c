"""Folders of Parquet files, read only."""

from gateway.sources.parquet.source import ParquetSource

__all__ = ["ParquetSource"]
