"""SQLite files, read only.

Text contract: dates are `YYYY-MM-DD`; timestamps are ISO 8601 in UTC (`T` or a space, up to six digits of a second,
`Z`, `+00:00` or nothing); decimals are numbers; booleans are 0 and 1. Anything else is Integrity.

A table is read in windows of rowids, so a guarded scan groups by window; its groups are merged by typed value and come
all at the end, at most merge.MAX_GROUPS. A filter on a decimal of more than 15 digits, or on one stored as text, is
Unsupported.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError
from gateway.ports import SourceSession
from gateway.sources.reads import Reads
from gateway.sources.render import SQLITE
from gateway.sources.sqlite.session import Session
from gateway.terms.streams import Tally


class SqliteSource:
    """A file, opened anew for every scan.

    A process MUST NOT have the file open with another SQLite library (Python's own sqlite3 is one) while it is read:
    POSIX locks are the process's, and closing one handle drops the other's.
    """

    consistency: Final = "per-scan"
    aggregates_near_data: Final = True

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:  # noqa: ARG002 - the port's
        """See ports.Source. A file has no log of its own: the receipt goes nowhere."""

        def connect() -> Session:
            return Session(self._path, source=self._name)

        return Reads(connect, source=self._name, dialect=SQLITE, deadline=deadline, tally=tally)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        findings: list[str] = []
        try:
            with Session(self._path, source=self._name) as session:
                if session.count_tables() == 0:
                    findings.append(f"source {self._name}: the database holds no table")
            if self._path.stat().st_mode & stat.S_IROTH:
                findings.append(f"source {self._name}: every user of this host can read the database file")
        except GatewayError as error:
            findings.append(error.message)
        return findings
