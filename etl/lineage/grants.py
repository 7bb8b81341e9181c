"""What became of the grants that dataset versions rest on."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from gateway.rooms import ActivePolicy

GrantState = Literal["holds", "expired", "revoked", "withdrawn"]
"""`withdrawn`: a file grant that the active bundle has no more."""
Life = tuple[datetime.datetime, datetime.datetime | None]
"""Expiry, and revocation if there was one."""


class Records(Protocol):
    """Dynamic grants, past ones too (gateway.store.GrantRecords)."""

    def lives(self) -> Mapping[str, Life]:
        """By id."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GrantStanding:
    """One grant at one moment."""

    origin: Literal["file", "dynamic"]
    state: GrantState
    until: datetime.datetime | None
    """When it expires or expired, or was revoked; None: never, or not known any more."""


class GrantBook:
    """Says of any grant that was ever used where it stands."""

    def __init__(self, *, policy: Callable[[], ActivePolicy], records: Records) -> None:
        self._policy = policy
        self._records = records

    def standings(self, *, now: datetime.datetime) -> Mapping[str, GrantStanding]:
        """By id: dynamic ones, and those of the active bundle's files. All others are `withdrawn`."""
        dynamic = {name: _of_life(*life, now=now) for name, life in self._records.lives().items()}
        files = {
            grant.id: GrantStanding(
                origin="file",
                state="holds" if grant.expires is None or now < grant.expires else "expired",
                until=grant.expires,
            )
            for grant in self._policy().pdp.bundle.grants
        }
        return {**files, **dynamic}


WITHDRAWN = GrantStanding(origin="file", state="withdrawn", until=None)


def _of_life(expires: datetime.datetime, revoked: datetime.datetime | None, *, now: datetime.datetime) -> GrantStanding:
    if revoked is not None:
        return GrantStanding(origin="dynamic", state="revoked", until=revoked)
    return GrantStanding(origin="dynamic", state="holds" if now < expires else "expired", until=expires)
