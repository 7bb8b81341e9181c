"""MariaDB and MySQL servers, read only.

Type contract: DATETIME has no zone and is UTC where the catalog declares UTC; CHAR comes without the spaces that pad
it; a zero date is Integrity. Several scans of one session each read a state of their own: these servers cannot hand
a snapshot from one connection to another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.errors import GatewayError, Integrity
from gateway.ports import SourceSession
from gateway.sources.mariadb.account import findings
from gateway.sources.mariadb.address import Address
from gateway.sources.mariadb.session import Session
from gateway.sources.reads import Reads
from gateway.sources.render import MARIADB
from gateway.terms.streams import Tally

_RECEIPT: Final = re.compile(r"[a-z0-9_]{1,64}")


class MariadbSource:
    """A server; a connection for every scan."""

    consistency: Final = "per-scan"
    aggregates_near_data: Final = True

    def __init__(self, name: str, address: Address) -> None:
        self._name = name
        self._address = address

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        """See ports.Source. The receipt is in a comment at the head of every statement.

        Raises:
            Integrity: the receipt is no plain name: it would be written into SQL.
        """
        if _RECEIPT.fullmatch(receipt) is None:
            raise Integrity("a receipt is 1..64 of a-z 0-9 _", code="plan")
        return Reads(
            lambda: Session(self._address, source=self._name, receipt=receipt, deadline=deadline),
            source=self._name,
            dialect=MARIADB,
            deadline=deadline,
            tally=tally,
        )

    def check(self) -> Sequence[str]:
        """See ports.Source."""
        try:
            return findings(self._address, source=self._name)
        except GatewayError as error:
            return [error.message]
