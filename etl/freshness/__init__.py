"""Freshness is a contract: a model states how old its training data may be; the gateway says when that breaks.

Law of the room: age counts from the watermark at the snapshot, not from the end of a job. Production is measured
through the enforcement point, with the asker's credentials, and logged. The scheduler orders again what its requester
ordered before, and nothing else.
"""

from etl.freshness.desk import FreshnessDesk, FreshnessView, LineageDesks
from etl.freshness.measure import Stores, Watermarks
from etl.freshness.schedule import Scheduler

__all__ = ["FreshnessDesk", "FreshnessView", "LineageDesks", "Scheduler", "Stores", "Watermarks"]
