"""Workflows above the enforcement point: none of them touches a row.

Each method authenticates, asks policy for the capability, logs what it does before it does it, then acts.
"""

from gateway.governance.auditing import AuditDesk
from gateway.governance.browsing import CatalogDesk, ColumnView, DatasetView
from gateway.governance.operating import TokenDesk

__all__ = ["AuditDesk", "CatalogDesk", "ColumnView", "DatasetView", "TokenDesk"]
