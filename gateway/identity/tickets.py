"""Jobs stand for the principal whose jobs they are, for as long as their claim lasts and that principal may come in.

A ticket carries no secret: only etl makes one, and it is worth what the job queue says of its claim.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Final

from gateway.errors import Unauthenticated
from gateway.ports import Authenticator, JobQueue, TokenStore
from gateway.terms.extract import Job
from gateway.terms.identity import Credentials, JobTicket, Principal, StoredToken

SERVICE: Final = "service:"
"""`run_as: service:NAME` decides by the roles of principal NAME."""


class Tickets:
    """Authenticates job tickets (ports.Authenticator)."""

    def __init__(self, queue: JobQueue, tokens: TokenStore) -> None:
        self._queue = queue
        self._tokens = tokens

    def authenticate(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        """The principal of a job that is claimed by this ticket.

        An ordered job runs by the token that ordered it; one of a service, or of the scheduler, by the newest valid
        token of that principal in the job's environment.

        Raises:
            Unauthenticated: the claim is lost, or no token of the principal is valid any more.
        """
        job = self._queue.find(credentials.job) if isinstance(credentials, JobTicket) else None
        if job is None or not isinstance(credentials, JobTicket) or not self._queue.is_claimed(credentials):
            raise Unauthenticated("the claim on this job is lost", code="claim")
        token = self._token_of(job, now=now)
        if token is None:
            raise Unauthenticated(
                "no valid token stands behind this job: it was revoked or has expired",
                code="job",
                fix="order it again with a valid token",
            )
        return principal_of(token)

    def _token_of(self, job: Job, *, now: datetime.datetime) -> StoredToken | None:
        if job.spec.run_as.startswith(SERVICE):
            return self._newest(job.spec.run_as.removeprefix(SERVICE), job.environment, now=now)
        if job.cause == "freshness":
            return self._newest(job.requester, job.environment, now=now)
        found = self._tokens.find(job.credential_id)
        own = found is not None and (found.principal, found.environment) == (job.requester, job.environment)
        return found if found is not None and own and is_valid(found, now=now) else None

    def _newest(self, principal: str, environment: str, *, now: datetime.datetime) -> StoredToken | None:
        held: Iterable[StoredToken] = (
            token
            for token in self._tokens.listed()
            if (token.principal, token.environment) == (principal, environment) and is_valid(token, now=now)
        )
        return max(held, key=lambda token: (token.created, token.id), default=None)


class Authenticators:
    """Each kind of credentials by its own way (ports.Authenticator)."""

    def __init__(self, *, tokens: Authenticator, tickets: Authenticator) -> None:
        self._tokens = tokens
        self._tickets = tickets

    def authenticate(self, credentials: Credentials | JobTicket, *, now: datetime.datetime) -> Principal:
        """The principal."""
        way = self._tickets if isinstance(credentials, JobTicket) else self._tokens
        return way.authenticate(credentials, now=now)


def is_valid(token: StoredToken, *, now: datetime.datetime) -> bool:
    """Whether it is neither revoked nor expired."""
    return token.revoked is None and now < token.expires


def principal_of(token: StoredToken) -> Principal:
    """Whom a token stands for. The caller MUST know that it is valid."""
    return Principal(
        id=token.principal,
        roles=token.roles,
        environment=token.environment,
        issuer="token",
        credential_id=token.id,
    )
