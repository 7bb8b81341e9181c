"""Workflows above the enforcement point: none of them touches a row.

Each method authenticates and asks policy for the capability. What shows entries of the log or changes anything is
logged before it happens.
"""

from gateway.governance.auditing import AuditDesk
from gateway.governance.browsing import CatalogDesk, ColumnView, DatasetView
from gateway.governance.operating import TokenDesk

__all__ = ["AuditDesk", "CatalogDesk", "ColumnView", "DatasetView", "TokenDesk"]
