"""Who asks, and what for."""

from __future__ import annotations

import dataclasses
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
