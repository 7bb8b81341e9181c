"""The names of all subjects, so that what is removed from a text does not depend on whose row it is (T14)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Final

import pyarrow as pa

from gateway.errors import Exhausted
from gateway.recognition.folding import fold, words_folded
from gateway.terms.recognition import NameList
from gateway.terms.streams import RawStream

_WORD: Final = re.compile(r"[^\W\d_]+")
_SHORTEST: Final = 3
MAX_PARTS: Final = 2_000_000
"""Different words; a bank of ten million customers has some hundred thousand."""
KEPT_SECONDS: Final = 600.0
"""A name that is new in the source is removed as part of a name at the latest so much later."""


class NameLists:
    """Lists by the columns that they are read from; each is read at most every ten minutes. Safe for several threads.

    It holds production's names in memory, and nothing else of a row.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[float, NameList]] = {}
        self._reading: dict[tuple[str, ...], threading.Lock] = {}
        self._lock = threading.Lock()
        self._made = 0

    def of(self, columns: tuple[str, ...], read: Callable[[], Iterable[RawStream]]) -> NameList:
        """The parts of all names that the columns hold.

        Args:
            columns: `source dataset.column`, what the list is kept under.
            read: opens a stream for each, of one column of texts.

        Raises:
            Exhausted: more different words than names have.
        """
        with self._lock:
            reading = self._reading.setdefault(columns, threading.Lock())
        with reading:  # who comes meanwhile waits for the same list
            kept = self._kept.get(columns)
            if kept is not None and self._clock() < kept[0]:
                return kept[1]
            parts = _parts(read())
            with self._lock:
                if kept is None or kept[1].parts != parts:
                    self._made += 1
                    made = NameList(id=f"names-{self._made}", parts=parts)
                else:
                    made = kept[1]
                self._kept[columns] = self._clock() + KEPT_SECONDS, made
            return made


def _parts(streams: Iterable[RawStream]) -> frozenset[str]:
    parts: set[str] = set()
    for stream in streams:
        with closing(stream):
            for batch in stream:
                _add(batch.column(0), parts)
                if len(parts) > MAX_PARTS:
                    raise Exhausted(
                        f"the names of all subjects have more than {MAX_PARTS} different words",
                        code="names",
                        fix="let `name:` of the catalog's `about:` name a column of names",
                    )
    return frozenset(parts)


def _add(names: pa.Array, parts: set[str]) -> None:
    for name in names.unique().to_pylist():
        if isinstance(name, str):
            words = map(words_folded, _WORD.findall(fold(name).text))
            parts.update(word for word in words if len(word) >= _SHORTEST)
