"""What became of dynamic grants, for whoever follows lineage."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

import sqlalchemy as sa

from gateway.store.database import reading
from gateway.store.tables import dynamic_grant, dynamic_grant_revocation


class GrantRecords:
    """Reads; changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def lives(self) -> Mapping[str, tuple[datetime.datetime, datetime.datetime | None]]:
        """By id, past ones too: expiry, and revocation if there was one."""
        known = sa.select(dynamic_grant.c.id, dynamic_grant.c.expires, dynamic_grant_revocation.c.revoked_at).join_from(
            dynamic_grant, dynamic_grant_revocation, isouter=True
        )
        with reading(self._engine) as connection:
            rows = connection.execute(known).all()
        return {row.id: (row.expires, row.revoked_at) for row in rows}
