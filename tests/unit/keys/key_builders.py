"""A fixed entropy and a home with keys."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from gateway.keys import FileKeyRing, create_keys

ORIGIN = "gateway.test/audit"


class CountedEntropy:
    """Bytes that repeat in every run and never within one."""

    def __init__(self, seed: str = "seed") -> None:
        self._seed = seed
        self._drawn = 0

    def draw(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(f"{self._seed} {self._drawn}".encode()).digest(count)


class Home(NamedTuple):
    home: Path
    kek_path: Path

    def ring(self, seed: str = "ring") -> FileKeyRing:
        return FileKeyRing(self.home, kek_path=self.kek_path, entropy=CountedEntropy(seed))

    @property
    def keys(self) -> Path:
        return self.home / "keys"


def home_with_keys(folder: Path, *, seed: str = "seed") -> Home:
    home = Home(folder / "home", folder / "secrets" / "gateway.kek")
    create_keys(home.home, kek_path=home.kek_path, origin=ORIGIN, entropy=CountedEntropy(seed))
    return home
