"""A fixed entropy and a home with keys."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import NamedTuple

from gateway.keys import FileKeyRing, FileWrapper, create_keys, projects_folder
from gateway.terms.key import Destruction, KeyEpoch, KeyScope

ORIGIN = "gateway.test/audit"
NOW = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
PROJECT = "credit-risk"
FIRST, SECOND = (KeyEpoch(PROJECT, number) for number in (1, 2))
END = Destruction(at=NOW, entry="r_0123")


class FixedClock:
    def now(self) -> datetime.datetime:
        return NOW + datetime.timedelta(microseconds=7)


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
        entropy = CountedEntropy(seed)
        wrapper = FileWrapper(self.projects, entropy=entropy)
        return FileKeyRing(self.home, kek_path=self.kek_path, wrapper=wrapper, clock=FixedClock(), entropy=entropy)

    @property
    def projects(self) -> Path:
        return projects_folder(self.kek_path)

    @property
    def keys(self) -> Path:
        return self.home / "keys"


def home_with_keys(folder: Path, *, seed: str = "seed") -> Home:
    home = Home(folder / "home", folder / "secrets" / "gateway.kek")
    create_keys(home.home, kek_path=home.kek_path, origin=ORIGIN, entropy=CountedEntropy(seed))
    return home


def ring_file(home: Home) -> Path:
    return home.keys / "ring.json"


def scope(epoch: int | None = None, *, project: str = PROJECT) -> KeyScope:
    return KeyScope(project=project, domain="customer", mask="pseudonym", epoch=epoch)
