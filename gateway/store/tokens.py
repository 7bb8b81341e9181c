"""API tokens in the control database. Rows are added and revoked, never deleted: the log names them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from gateway.store.database import heading, reading
from gateway.store.tables import api_token
from gateway.terms.identity import StoredToken

_BY_ID: Final = sa.select(api_token).where(api_token.c.id == sa.bindparam("asked"))


class Tokens:
    """ports.TokenStore."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, token: StoredToken) -> None:
        """Store a new one.

        Raises:
            Integrity: its id is taken.
        """
        row = {field.name: getattr(token, field.name) for field in dataclasses.fields(token)}
        with heading(self._engine) as (connection, _):
            connection.execute(api_token.insert(), row | {"roles": sorted(token.roles)})

    def find(self, token_id: str) -> StoredToken | None:
        """By its public id, whatever its state."""
        with reading(self._engine) as connection:
            row = connection.execute(_BY_ID, {"asked": token_id}).one_or_none()
        return None if row is None else _token(row)

    def listed(self) -> Sequence[StoredToken]:
        """All, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(api_token).order_by(api_token.c.created, api_token.c.id)).all()
        return [_token(row) for row in rows]

    def revoke(self, token_id: str, *, now: datetime.datetime) -> bool:
        """At once, for every replica. False if there is no such token or it was revoked before."""
        unrevoked = sa.and_(api_token.c.id == token_id, api_token.c.revoked.is_(None))
        with heading(self._engine) as (connection, _):
            return connection.execute(api_token.update().where(unrevoked).values(revoked=now)).rowcount == 1


def _token(row: sa.Row[tuple[object, ...]]) -> StoredToken:
    return StoredToken(**{**row._mapping, "roles": frozenset(row._mapping["roles"])})
