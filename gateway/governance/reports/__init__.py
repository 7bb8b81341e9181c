"""Reports over what is listed and granted. They read policies and scans, never a row."""

from gateway.governance.reports.data_map import DatasetUse, Reach, data_map
from gateway.governance.reports.unclassified import Unclassified, unclassified

__all__ = ["DatasetUse", "Reach", "Unclassified", "data_map", "unclassified"]
