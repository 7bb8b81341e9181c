"""A case's list of pseudonyms, and what is kept of it: a number and a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import rfc8785

from gateway.errors import Invalid

MAX_CHARACTERS: Final = 512
"""Of one pseudonym."""


def distinct(pseudonyms: Iterable[str]) -> tuple[str, ...]:
    """Each once, sorted.

    Raises:
        Invalid: none; or one is empty, too long, or no text that UTF-8 has. Never says which it reads.
    """
    found = tuple(sorted(set(pseudonyms)))
    if not found:
        raise Invalid("a case has pseudonyms", code="pseudonyms")
    if not all(0 < len(each) <= MAX_CHARACTERS and each.isprintable() for each in found):
        raise Invalid(f"a pseudonym has 1 to {MAX_CHARACTERS} printable characters", code="pseudonyms")
    return found


def digest_of_list(pseudonyms: tuple[str, ...]) -> str:
    """SHA-256 over the RFC 8785 JSON array of the distinct, sorted pseudonyms, hex."""
    return hashlib.sha256(rfc8785.dumps(list(pseudonyms))).hexdigest()
