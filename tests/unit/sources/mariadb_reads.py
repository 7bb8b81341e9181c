"""Reads of a MariaDB database as the source `core`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gateway.sources import MariadbSource
from gateway.sources.mariadb import address_of
from gateway.terms.plan import Scan
from gateway.terms.streams import RawStream
from tests.maria import Database
from tests.unit.sources.sessions import first, session


def source_of(database: Database) -> MariadbSource:
    return MariadbSource("core", address_of("core", database.rest, folder=Path()))


@contextlib.contextmanager
def reading(database: Database, asked: Scan, *, seconds: float = 30, receipt: str = "r_test") -> Iterator[RawStream]:
    with contextlib.closing(session(source_of(database), seconds=seconds, receipt=receipt)) as opened:
        yield opened.scan(asked)


def values(database: Database, asked: Scan) -> list[object]:
    return first(source_of(database), asked)
