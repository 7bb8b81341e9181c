"""What may go on: conditions of an access (T17), leases of instances, the one cell of a release window.

Time is the database's: replicas whose clocks differ, or are set back, get one answer.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.database import database_time, writing
from gateway.store.tables import (
    api_token,
    dynamic_grant,
    dynamic_grant_revocation,
    gateway_instance,
    key_destruction,
    policy_bundle,
    release_window,
)
from gateway.terms.audit import Conditions
from gateway.terms.key import KeyEpoch

_HOST: Final = "operator:"
"""Credential ids of host principals begin so; a token's id cannot: it has no colon."""


class Checks:
    """Conditions within one transaction; each distinct part is asked once, for a batch repeats them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], bool] = {}

    def broken(self, conditions: Conditions) -> str:
        """Empty if all hold; else `digest`, `grant`, `credential`, `key` or `lease`: the first that does not."""
        if not self._holds("digest", conditions.digest, self._is_active):
            return "digest"
        if not all(self._holds("grant", grant, self._is_granted) for grant in conditions.dynamic_grants):
            return "grant"
        if not self._holds("credential", conditions.credential_id, self._is_valid):
            return "credential"
        if conditions.key is not None and not self._holds("key", str(conditions.key), self._is_whole(conditions.key)):
            return "key"
        return "" if self._holds("lease", conditions.instance, self._is_leased) else "lease"

    def _holds(self, condition: str, value: str, ask: Callable[[str], bool]) -> bool:
        if (condition, value) not in self._known:
            self._known[condition, value] = ask(value)
        return self._known[condition, value]

    def _is_active(self, digest: str) -> bool:
        return self._connection.scalar(_NEWEST) == digest

    def _is_granted(self, grant: str) -> bool:
        return self._connection.scalar(_GRANTED, {"asked": grant}) is not None

    def _is_valid(self, credential: str) -> bool:
        if credential.startswith(_HOST):
            return True  # a host principal is its OS user: there is nothing to revoke here
        return self._connection.scalar(_VALID, {"asked": credential}) is not None

    def _is_whole(self, key: KeyEpoch) -> Callable[[str], bool]:
        row = key_destruction.c
        found = sa.select(row.epoch).where(row.project == key.project, row.epoch == key.number)
        return lambda _: self._connection.scalar(found) is None

    def _is_leased(self, instance: str) -> bool:
        return self._connection.scalar(_LEASED, {"asked": instance}) is not None


# Statements are built once: building one costs more than SQLite takes to run it.
_ASKED: Final = sa.bindparam("asked", type_=sa.Text())
_NEWEST: Final = sa.select(policy_bundle.c.digest).order_by(policy_bundle.c.sequence.desc()).limit(1)
_GRANTED: Final = sa.select(dynamic_grant.c.id).where(
    dynamic_grant.c.id == _ASKED,
    dynamic_grant.c.expires > database_time(),
    ~sa.exists().where(dynamic_grant_revocation.c.grant_id == dynamic_grant.c.id),
)
_VALID: Final = sa.select(api_token.c.id).where(
    api_token.c.id == _ASKED, api_token.c.expires > database_time(), api_token.c.revoked.is_(None)
)
_LEASED: Final = sa.select(gateway_instance.c.id).where(
    gateway_instance.c.id == _ASKED, gateway_instance.c.lease_until > database_time()
)


class Leases:
    """ports.Instances. A row outlives its process: it says when the lease ran out."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, *, ttl_seconds: int) -> str:
        """A new instance's id, with a lease."""
        instance = uuid.uuid4().hex  # a name, not a secret
        with writing(self._engine) as connection:
            connection.execute(gateway_instance.insert().values(id=instance, lease_until=_after(ttl_seconds)))
        return instance

    def renew(self, instance: str, *, ttl_seconds: int) -> bool:
        """False if the lease had run out: the instance MUST stop serving."""
        running = sa.and_(gateway_instance.c.id == instance, gateway_instance.c.lease_until > database_time())
        renewed = gateway_instance.update().where(running).values(lease_until=_after(ttl_seconds))
        with writing(self._engine) as connection:
            return connection.execute(renewed).rowcount == 1

    def end(self, instance: str) -> None:
        """Give the lease back; its open accesses count as abandoned from now on."""
        ended = gateway_instance.update().where(gateway_instance.c.id == instance).values(lease_until=database_time())
        with writing(self._engine) as connection:
            connection.execute(ended)


def _after(seconds: int) -> sa.ColumnElement[int]:
    return database_time() + seconds * 1_000_000


class Windows:
    """ports.ReleaseWindows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def admit(self, dataset: str, *, cell: str, window_start: datetime.datetime) -> bool:
        """True if `cell` came first in this window or equals what did."""
        insert = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        claim = insert(release_window).values(dataset=dataset, window_start=window_start, cell=cell)
        first = sa.select(release_window.c.cell).where(
            release_window.c.dataset == dataset, release_window.c.window_start == window_start
        )
        with writing(self._engine) as connection:
            connection.execute(claim.on_conflict_do_nothing())
            return connection.scalar(first) == cell
