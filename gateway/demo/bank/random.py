"""Random streams by name, so that one table's draws never move another's."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, name: str, number: int = 0) -> np.random.Generator:
    """The generator of one part of the bank; equal arguments give equal draws."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), number])
