"""Jobs and dataset versions in the control database.

Law of the folder: only the newest claim of a job writes (its epoch fences every statement), time is the database's,
and the end of a job and its version are one transaction.
"""

from gateway.store.extracts.jobs import Jobs
from gateway.store.extracts.versions import Versions

__all__ = ["Jobs", "Versions"]
