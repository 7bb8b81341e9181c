"""The log's rows, as they are stored."""

from __future__ import annotations

import dataclasses
import datetime

from gateway.terms.audit import ColumnAccess, Result

TileId = tuple[int, int]
"""(level, number): hashes of height 8·level, from index 256·number."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One entry with what lies beside the tree.

    `leaf` is what the tree commits to: canonical JSON of {version, kind, time, receipt, commitment}.
    `commitment` in it is HMAC-SHA-256(salt, payload), so payload and salt can be erased.
    The remaining fields repeat parts of the payload for search; verify derives them again and compares.
    """

    index: int
    leaf: bytes
    salt: bytes
    payload: bytes
    kind: str
    receipt: str
    time: datetime.datetime
    principal: str
    purpose: str
    action: str
    code: str
    result: Result | None
    access_index: int | None
    instance: str
    """Of an access entry: whose lease it runs under; else empty."""
    columns: tuple[ColumnAccess, ...]
    datasets: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of the log's size and root."""

    size: int
    note: str
    """C2SP signed note."""
