"""Secret keys as a type of their own, so that none is printed, logged or mixed with data."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final, NoReturn

KEY_BYTES: Final = 32
HOUSE_PROJECT: Final = "gateway"
"""Keys of the gateway itself: links, names, windows. No purpose's project; they neither rotate nor end."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyScope:
    """What one derived key is good for. Equal scopes give equal pseudonyms; all others are unlinkable."""

    project: str
    domain: str
    mask: str
    epoch: int | None = None
    """None: the project's current one."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class KeyEpoch:
    """One generation of a project's keys. A number is never used again."""

    project: str
    number: int
    """From 1."""

    def __str__(self) -> str:
        return f"project {self.project}, epoch {self.number}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destruction:
    """When an epoch ended for good, and where that is written."""

    at: datetime.datetime
    """To the second."""
    entry: str
    """Receipt of the log's entry `key-destroy`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EpochState:
    """What may be told of an epoch."""

    epoch: KeyEpoch
    created: datetime.datetime | None
    """To the second; None: by a version that did not note it."""
    destroyed: Destruction | None


class Key:
    """A 256-bit key. Its bytes are reached only by `secret()`; it never prints or pickles itself."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError("a key has 32 bytes")
        self._secret = secret

    def secret(self) -> bytes:
        """The 32 bytes. MUST NOT be stored, logged or sent."""
        return self._secret

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Key is not serialized")
