"""What a check is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from gateway.terms.recognition import Kind

MAX_LENGTH = 320
"""Characters of a value that a validator is asked about; an e-mail address may have 320 (RFC 3696)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A validator of one kind of identifier, over one whole value."""

    name: str
    """`iban`, `card`, `de.idnr`, `phone.fr`: stable, stands in evidence."""
    kind: Kind
    countries: frozenset[str] = frozenset()
    """ISO 3166 codes in lower case; empty: everywhere."""
    shape: str = ""
    """`9` a digit, `A` a capital letter, `*` either: a value without separators; empty: no fixed shape."""
    chance: float
    """Share of random values of the shape that pass: a column's evidence is what lies above it."""
    accepts: Callable[[str], bool] = dataclasses.field(repr=False)

    def validate(self, text: str) -> bool:
        """Say whether the whole text is such a value; separators that its readers use are allowed. Never raises."""
        return 0 < len(text) <= MAX_LENGTH and text.isascii() and self.accepts(text.strip())
