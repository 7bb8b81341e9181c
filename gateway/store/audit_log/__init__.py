"""The log's tables: appended to under the head's lock, searched, and held against each other."""

from gateway.store.audit_log.log import SqlLogStore

__all__ = ["SqlLogStore"]
