"""PostgreSQL, read only, in one exported snapshot for all scans of an access."""

from gateway.sources.postgres.source import PostgresSource

__all__ = ["PostgresSource"]
