"""Who asks, and what for."""

from __future__ import annotations

import dataclasses
import datetime
import re
from typing import Final

NAME_PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Names of principals, tokens, roles, purposes, projects, grants, domains: safe in logs, file names and headers."""


def is_name(text: str) -> bool:
    """Whether text is 1..63 of `a-z 0-9 -` and does not begin with `-`."""
    return NAME_PATTERN.fullmatch(text) is not None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a door was given; never logged."""

    bearer: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobTicket:
    """A worker's claim on a job: stands for the principal whose job it is. Made by etl alone, never from a request."""

    job: str
    epoch: int
    """The claim; a newer one makes this ticket worthless."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller."""

    id: str
    """Stable name; two tokens of one person share it."""
    roles: frozenset[str]
    """As the credential states them; inheritance is the policy's business."""
    environment: str
    """The one environment this credential is good for: `dev`, `prod`, …"""
    issuer: str
    """Who vouched: `token` or an OIDC issuer."""
    credential_id: str
    """Names the credential without revealing it; revocation is checked by it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why data is used; its project is the scope of every key."""

    name: str
    project: str
    legal_basis: str
    owner: str
    retention_days: int
    approves_extracts: bool = False
    """`extracts: approved`: an extract waits for a second person."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredToken:
    """What the control database knows of an API token; the secret itself is shown once and kept nowhere."""

    id: str
    """Public part of the token, 10 characters of Crockford base32, lower case."""
    secret_sha256: bytes = dataclasses.field(repr=False)
    """32 bytes; the secret has 160 random bits, so a plain hash is enough."""
    principal: str
    roles: frozenset[str]
    environment: str
    created: datetime.datetime
    expires: datetime.datetime
    revoked: datetime.datetime | None = None
