"""A folder of Parquet files, read only. Each table is a folder or a file below it; see files.py for what is read.

Types as for DuckDB files (duckdb/source.py): DuckDB reads them, in an engine that may open nothing outside the folder.
A column that the catalog declares must be in every file, of a type that the declared one holds; files may differ within
that (int32 here, int64 there). What folders tell is a text, a whole number, a boolean or a date. Files are left out by
what folders tell and by the row groups' own figures, where row filter and pushed predicates allow it.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.ports import SourceSession
from gateway.sources.duckdb.engine import Engine
from gateway.sources.duckdb.session import Session
from gateway.sources.parquet.lake import Lake, Schemas
from gateway.sources.reads import Reads
from gateway.sources.render import DUCKDB
from gateway.terms.streams import Tally


class ParquetSource:
    """A folder. A table's files are listed once an access; of each, the whole or nothing is read.

    A writer that replaces several files is seen file by file: no snapshot. A file that is replaced or taken away while
    it is read ends the reading.
    """

    consistency: Final = "per-scan"
    aggregates_near_data: Final = True

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._schemas = Schemas()

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:  # noqa: ARG002 - the port's
        """See ports.Source. A file has no log of its own: the receipt goes nowhere."""
        lake = Lake(self._folder, self._schemas, source=self._name)
        engine = Engine(lake.allow, source=self._name)

        def connect() -> Session:
            return Session(engine, lake, source=self._name)

        return Reads(connect, source=self._name, dialect=DUCKDB, deadline=deadline, tally=tally, at_end=engine.close)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        try:
            mode = self._folder.stat().st_mode
            if not stat.S_ISDIR(mode):
                return [f"source {self._name}: the folder is a file"]
            entries = [e for e in self._folder.iterdir() if not e.name.startswith((".", "_"))]
        except FileNotFoundError:
            return [f"source {self._name}: the folder does not exist"]
        except OSError:
            return [f"source {self._name}: the folder cannot be read"]
        found = []
        if not entries:
            found.append(f"source {self._name}: the folder is empty")
        if mode & stat.S_IROTH and mode & stat.S_IXOTH:
            found.append(f"source {self._name}: every user of this host can read the folder")
        return found
