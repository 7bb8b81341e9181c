"""DuckDB database files, read only. All scans of one access read one state.

Type contract: what the catalog declares must hold all that the column's type can (INTEGER in an int64, DECIMAL(p, s)
in a decimal128, TIMESTAMPTZ only in a timestamp of UTC, other timestamps only in one without zone). Texts are VARCHAR,
UUID, JSON and enumerations. A moment of nanoseconds that are no whole microseconds, an infinite date or moment, one
beyond the years 1 to 9999, and a text or blob above MAX_VALUE_BYTES are Integrity. No other type is read (UBIGINT,
HUGEINT, TIME, nested ones), no view, no attached database.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError
from gateway.ports import SourceSession
from gateway.sources.duckdb.database import Database
from gateway.sources.duckdb.engine import Engine
from gateway.sources.duckdb.failures import DRIVER_ERRORS, translated
from gateway.sources.duckdb.session import Session
from gateway.sources.reads import Reads
from gateway.sources.render import DUCKDB
from gateway.terms.streams import Tally


class DuckdbSource:
    """A file, opened anew for every access; no DuckDB writes to it meanwhile."""

    consistency: Final = "exported"
    aggregates_near_data: Final = True

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:  # noqa: ARG002 - the port's
        """See ports.Source. A file has no log of its own: the receipt goes nowhere."""
        database = Database(self._path, source=self._name)
        engine = Engine(database.attach, source=self._name, at_end=database.close)

        def connect() -> Session:
            return Session(engine, database, source=self._name)

        return Reads(connect, source=self._name, dialect=DUCKDB, deadline=deadline, tally=tally, at_end=engine.close)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        found: list[str] = []
        database = Database(self._path, source=self._name)
        engine = Engine(database.attach, source=self._name, at_end=database.close)
        try:
            with engine.cursor() as cursor:
                if database.count_tables(cursor) == 0:
                    found.append(f"source {self._name}: the database holds no table")
            if self._path.stat().st_mode & stat.S_IROTH:
                found.append(f"source {self._name}: every user of this host can read the database file")
        except GatewayError as error:
            found.append(error.message)
        except DRIVER_ERRORS as error:
            found.append(translated(error, source=self._name).message)
        finally:
            engine.close()
        return found
