"""When candidates that passed their check are too many to have passed by accident."""

from __future__ import annotations

import math
from typing import Final

from gateway.masks.residual.shapes import Shape

MIN_HITS: Final = 5
MIN_SHARE: Final = 0.3
"""Of the distinct values of the shape: other numbers have check digits too, and dates in them are not random."""
RARE_SHARE: Final = 0.05
"""Of an IBAN's shape, five times what accident passes."""
SURPRISE: Final = math.log(1e9)
"""Accident makes such a column once in a thousand million (Chernoff's bound), however often one looks."""
MAX_DISTINCT: Final = 4_096
"""Values of one kind that a stream remembers; what they say by then is what they say."""


class Evidence:
    """The distinct candidates of one kind in one stream's column."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._seen: set[str] = set()
        self._hits = 0

    @property
    def is_full(self) -> bool:
        """Further candidates change nothing."""
        return not self._shape.is_rare and len(self._seen) >= MAX_DISTINCT

    def add(self, candidate: str) -> None:
        """Count a candidate, once."""
        if candidate in self._seen or self.is_full:
            return
        passed = self._shape.confirm(candidate)
        if passed is None:
            return
        if len(self._seen) < MAX_DISTINCT:
            self._seen.add(candidate)
        self._hits += passed

    @property
    def is_finding(self) -> bool:
        """Whether the column holds such identifiers."""
        tried, hits, chance = len(self._seen), self._hits, self._shape.chance
        if not hits:
            return False
        if self._shape.is_rare:
            return hits / tried > RARE_SHARE
        share = min(1.0, hits / tried)
        return hits >= MIN_HITS and share >= MIN_SHARE and tried * _divergence(share, chance) > SURPRISE


def _divergence(share: float, chance: float) -> float:
    """Kullback and Leibler's, of two coins; 0 unless the share lies above the chance."""
    if share <= chance:
        return 0.0
    rest = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    return share * math.log(share / chance) + rest
