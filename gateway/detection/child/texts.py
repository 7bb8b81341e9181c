"""Looks at texts, in chunks; a text that cannot be looked at in time costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import KINDS, Found, NameList, Note

from . import frames
from .alarm import Alarm, TooSlow

_KIND = {kind: place for place, kind in enumerate(KINDS)}
_READ, _SLOW, _FAILED = range(len(frames.OUTCOMES))
GROW_AFTER = 32
"""Chunks in time, one after the other; an attempt that fails costs one chunk looked at twice."""
Looked = tuple[int, Found]
"""An index in OUTCOMES, and what was found."""


class Reader:
    """A recognizer under an alarm."""

    def __init__(self, recognizer: TextRecognizer, alarm: Alarm) -> None:
        self._recognizer = recognizer
        self._alarm = alarm
        self._most = frames.CHUNK_NOTES
        self._in_time = 0

    def answers(
        self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool, alone: bool
    ) -> Iterator[bytes]:
        """FOUND payloads, in order, each as soon as it is known.

        Args:
            notes: what to look at.
            names: parts of all subjects' names.
            is_strict: as the port has it.
            alone: one text after the other: one of them ended a worker.
        """
        for chunk in _chunks(notes, most=lambda: 1 if alone else self._most):
            looked = self._look(chunk, names=names, is_strict=is_strict, is_last=len(chunk) == 1)
            if looked is not None:
                yield packed(chunk, looked)
                self._grow()
                continue
            # What takes a text longer than it may takes its chunk longer too: nobody's time is added up unseen.
            is_read = True
            for note in chunk:
                (one,) = self._look([note], names=names, is_strict=is_strict, is_last=True) or []
                is_read = is_read and one[0] == _READ
                yield packed([note], [one])
            if is_read:  # nobody was slow, so they were too many: a language model takes milliseconds for each
                self._most, self._in_time = max(1, len(chunk) // 2), 0

    def _grow(self) -> None:
        """Try larger chunks again after a while: the machine may have been busy, or the texts others."""
        self._in_time += 1
        if self._in_time == GROW_AFTER:
            self._most, self._in_time = min(2 * self._most, frames.CHUNK_NOTES), 0

    def _look(
        self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool, is_last: bool = False
    ) -> list[Looked] | None:
        """None: not all in time, or not at all; of the last attempt that is the answer."""
        try:
            with self._alarm.armed():
                found = self._recognizer.find(notes, names=names, is_strict=is_strict)
        except TooSlow:
            self._alarm.disarm()
            return [(_SLOW, Found(is_whole=True))] if is_last else None
        except Exception:  # noqa: BLE001 - a text that breaks what reads it is removed whole, whatever it broke
            return [(_FAILED, Found(is_whole=True))] if is_last else None
        return [(_READ, each) for each in found]


def packed(notes: Sequence[Note], looked: Sequence[Looked]) -> bytes:
    """A FOUND payload."""
    heads, spans = [frames.COUNT.pack(len(looked))], []
    for note, (outcome, found) in zip(notes, looked, strict=True):
        heads.append(frames.NOTE.pack(outcome, found.language.encode()[:2], len(found.spans)))
        if found.spans:
            places = {role: place for place, role in enumerate(note.known, 1)}
            spans += [
                frames.SPAN.pack(
                    span.start,
                    span.end,
                    _KIND[span.kind],
                    places.get(span.own, 0) if span.own else 0,
                    span.same_as,
                    span.is_checked,
                )
                for span in found.spans
            ]
    return b"".join(heads + spans)


def _chunks(notes: Sequence[Note], *, most: Callable[[], int]) -> Iterator[Sequence[Note]]:
    start, characters = 0, 0
    for place, note in enumerate(notes):
        if place - start >= most() or (place > start and characters + len(note.text) > frames.CHUNK_CHARACTERS):
            yield notes[start:place]
            start, characters = place, 0
        characters += len(note.text)
    if start < len(notes):
        yield notes[start:]
