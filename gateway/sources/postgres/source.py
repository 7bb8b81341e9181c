"""A PostgreSQL database, read only. Every scan of one access reads the same snapshot.

Type contract: what the catalog declares must hold all that the column's type can (int4 in an int64; numeric(p, s) in
a decimal128; timestamptz only in a timestamp of UTC, timestamp only in one without zone). Texts are text, varchar,
char(n) without its pad spaces, uuid, json, jsonb and enumerations; a domain is what it is made of. A numeric without
bounds is taken value by value. NaN in a decimal, an infinite date or moment, one beyond the years 1 to 9999, and a
text or bytea above MAX_VALUE_BYTES are Integrity. No other type is read, no view and no foreign table.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Final

import adbc_driver_manager as adbc
import adbc_driver_postgresql

from gateway.errors import Invalid
from gateway.ports import SourceSession
from gateway.sources.postgres.address import Address
from gateway.sources.postgres.failures import translated
from gateway.sources.postgres.findings import findings
from gateway.sources.postgres.leader import Leader
from gateway.sources.postgres.session import Session
from gateway.sources.reads import Reads
from gateway.sources.render import POSTGRES
from gateway.terms.streams import Tally

_RECEIPT: Final = re.compile(r"[a-z0-9_]{1,55}")
"""With `gateway ` before it as long as an application_name may be: 63 bytes."""


class PostgresSource:
    """Reads with the rights of the URL's role. Connections are opened for an access and closed with it.

    An access takes one connection that holds the snapshot, and one for each scan that runs.
    """

    consistency: Final = "exported"
    aggregates_near_data: Final = True

    def __init__(self, name: str, url: str) -> None:
        """Bind the name; nothing is opened.

        Raises:
            Invalid: not a URL of libpq.
        """
        self._name = name
        self._address = Address(url, source=name)
        self._lock = threading.Lock()
        self._driver: adbc.AdbcDatabase | None = None

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        """See ports.Source. The receipt is the application_name of its connections: `gateway <receipt>`.

        Raises:
            Invalid: the receipt is not made of at most 55 of a-z, 0-9 and _.
        """
        if _RECEIPT.fullmatch(receipt) is None:
            raise Invalid("a receipt is made of at most 55 of a-z, 0-9 and _", code="source")
        application = f"gateway {receipt}"
        leader = Leader(self._address, source=self._name, application=application, deadline=deadline)

        def connect() -> Session:
            return Session(self._database, leader, source=self._name, application=application, deadline=deadline)

        return Reads(connect, source=self._name, dialect=POSTGRES, deadline=deadline, tally=tally, at_end=leader.close)

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        return findings(self._address, source=self._name)

    def _database(self) -> adbc.AdbcDatabase:
        """The driver's own state: it connects once to learn the server's types (40 ms), and holds no connection."""
        with self._lock:
            if self._driver is None:
                try:
                    self._driver = adbc_driver_postgresql.connect(self._address.scanning())
                except adbc.Error as error:
                    raise translated(error, source=self._name) from None
            return self._driver
