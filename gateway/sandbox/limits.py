"""What a sandbox may use, and whom a child belongs to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Whom a child serves, for its whole life. Two queries share a child only if all is equal."""

    principal: str
    purpose: str
    grants: tuple[str, ...]
    """Ids of the grants that answer, sorted."""
    digest: str
    """The policy bundle that decided; a new one never meets an old child."""
    key_epoch: int = 0
    """Of the project's keys: pseudonyms of two epochs never meet in a child."""
    memory_mb: int | None = None
    """Less than children are started with, for a principal's roles; None, and no less: as they are."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """What an extract's own child may use: released rows that exceed its memory go to a folder."""

    folder: Path
    """Exists, is empty, and nobody else's; the child reaches no other path."""
    max_mb: int
    """Of the folder."""
    memory_mb: int
    """The engine's own limit."""
    cpu_seconds: int
    streamed: bool
    """Not every scan is loaded whole: joins hold their right side, as written."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SandboxLimits:
    """Bounds of the pool and of one child; defaults and reasons are in Settings."""

    memory_mb: int
    """The engine's own limit."""
    address_space_mb: int
    """On top of what a child maps once it is locked: ends what ignores the limit above."""
    cpu_seconds: int
    """Of one child over its whole life."""
    warm_children: int
    """Spawned ahead, bound to nobody yet."""
    max_children: int
    """Bound, warm and starting together."""
    queries_per_child: int
    idle_seconds: float
    """A bound child waits this long for its binding's next query."""
    max_scans: int
    """Streams of one query; a child has this many sockets from its spawn."""
    kernel_isolation: Literal["required", "accept_none"]
    """`required`: without seccomp nothing is served."""
