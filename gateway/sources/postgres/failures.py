"""The drivers' failures in our words: their own texts may hold SQL, addresses or values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.errors import Exhausted, GatewayError, Integrity, Unavailable

_MISSING: Final = frozenset({"42P01", "3F000"})  # undefined_table, invalid_schema_name
_FORBIDDEN: Final = "42501"
_OVERFLOW: Final = "22003"
_CANCELED: Final = "57014"
_LOCKED: Final = "55P03"  # lock_not_available
_UNAVAILABLE: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "28": ("the server refuses the gateway's role", "look at the role, its password and pg_hba.conf"),
        "53": ("the server has no room for another connection", "try again, or raise the role's CONNECTION LIMIT"),
        "22023": ("the snapshot ended", "try again"),
        "25": ("the transaction was ended by the server", "try again"),
    }
)
"""By SQLSTATE or its class: what it means, and what to do."""


def translated(error: Exception, *, source: str, dataset: str = "") -> GatewayError:
    """By its SQLSTATE; where the driver lost that, by words that the server may have translated, else Unavailable."""
    state, text = str(getattr(error, "sqlstate", None) or ""), str(error)
    if state in _MISSING:
        return Integrity(f"{dataset}: the source has no such table", code="source.schema")
    if state == _FORBIDDEN:
        return Unavailable(
            f"{dataset or f'source {source}'}: the gateway's role may not read it",
            code="source",
            fix="GRANT USAGE on the schema and SELECT on the table to it",
        )
    if state == _OVERFLOW or "out of range" in text:
        return Integrity(f"{dataset}: a sum leaves the range of its type", code="source.value")
    if state == _LOCKED or "lock timeout" in text:
        return Unavailable(
            f"{dataset or f'source {source}'}: a writer holds the table", code="source", fix="try again later"
        )
    if state == _CANCELED or "statement timeout" in text:
        return Exhausted(
            f"source {source}: reading took longer than allowed",
            code="time",
            fix="ask for fewer rows, or run an extract",
        )
    what, fix = _UNAVAILABLE.get(state) or _UNAVAILABLE.get(state[:2]) or ("the database could not be read", "")
    return Unavailable(f"source {source}: {what}", code="source", fix=fix)
