"""How little of a dataset is read for a query: pre-filters, one scan for several mentions, groups in place of rows."""

from gateway.planning.scans.steps import Mentions

__all__ = ["Mentions"]
