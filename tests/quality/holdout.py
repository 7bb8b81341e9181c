"""What is found of people whose names no list has: a seeded share of all first and last names is left out."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Mapping
from typing import Final
from unittest import mock

from gateway.recognition.names import FIRST, LAST, lexicon
from gateway.recognition.names import tokens as look_up

SHARE: Final = 0.3


def without(share: float = SHARE, *, seed: int = 1) -> Mapping[str, int]:
    """The lexicon with that share of its names unknown as names; what else they are stays."""
    names = FIRST | LAST
    chosen = random.Random(seed)
    held = sorted(word for word, bits in lexicon().items() if bits & names)
    gone = set(chosen.sample(held, int(share * len(held))))
    return {word: bits & ~names if word in gone else bits for word, bits in lexicon().items()}


@contextlib.contextmanager
def held_out(share: float = SHARE, *, seed: int = 1) -> Iterator[None]:
    """Let recognizers made in here know the other names only."""
    known = without(share, seed=seed)
    with mock.patch.object(look_up, "lexicon", lambda: known):
        yield
