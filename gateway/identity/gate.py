"""The first step of every request, the same for every door."""

from __future__ import annotations

import datetime
import threading

from gateway.errors import Unauthenticated
from gateway.identity.admission import Admission
from gateway.ports import Authenticator
from gateway.terms.identity import Credentials, JobTicket, Principal


class Gate:
    """Authenticates, then limits the rate; counts what it refuses."""

    def __init__(self, *, authenticator: Authenticator, admission: Admission) -> None:
        self._authenticator = authenticator
        self._admission = admission
        self._lock = threading.Lock()
        self._refused = 0

    def enter(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        """The principal.

        Raises:
            Unauthenticated: counted, not logged one by one.
            Exhausted: too many requests; not logged either.
            Unavailable: the control database did not answer.
        """
        try:
            principal = self._authenticator.authenticate(credentials, now=now)
        except Unauthenticated:
            with self._lock:
                self._refused += 1
            raise
        self._admission.request(principal.id)
        return principal

    def take_refused(self) -> int:
        """How many credentials were refused since the last call; the caller logs the figure."""
        with self._lock:
            refused, self._refused = self._refused, 0
        return refused
