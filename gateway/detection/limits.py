"""What workers may use; defaults and reasons are in Settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from gateway.isolation.process import KernelIsolation

MAX_TEXT_BYTES: Final = 32 << 10
"""A longer text is not looked at, and so removed whole (T13)."""
MAX_KNOWN_CHARACTERS: Final = 1_000
"""A longer value of a row's subject is nobody's name, number or address."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectionLimits:
    """Bounds of the pool and of one worker."""

    workers: int
    value_seconds: float
    """Of the processor, for one text."""
    memory_mb: int
    """Address space on top of what a worker maps once its models are loaded."""
    idle_seconds: float
    """A worker waits this long for the next question, then ends."""
    kernel_isolation: KernelIsolation
    """`required`: without seccomp nothing is looked at."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """What workers load besides their own rules."""

    models: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Installed packages with language models, by language (ISO 639-1)."""
    site: str = ""
    """The site's own recognizers, in Presidio's YAML."""
    lexicon: str = ""
    """The site's own words for names of columns, YAML."""
