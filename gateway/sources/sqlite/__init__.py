"""SQLite files, read only."""

from gateway.sources.sqlite.source import SqliteSource

__all__ = ["SqliteSource"]
