"""Texts: times faster than Presidio row by row, with and without language models; memory on a million notes."""

from __future__ import annotations

import gc
import itertools
import resource
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import Note
from tests.bench.harness import ratio, record
from tests.quality.__main__ import MODELS, name_list
from tests.quality.notes import HARD, Labelled, read
from tests.quality.plain import plain

NOTES: Final = 400
RUNS: Final = 3
BATCH: Final = 256
STREAMED: Final = 1_000_000
_KIBIBYTE: Final = 1024


def _hard() -> list[Labelled]:
    """Every second or third note of the hard set, of all its languages, with their rows."""
    held = read(HARD)
    return held[:: max(1, len(held) // NOTES)][:NOTES]


def _beside_presidio(name: str, labelled: list[Labelled], models: dict[str, str], *, op: str) -> None:
    """Each run of both sides takes the next NOTES notes, from the start again where there are no more."""
    from tests.quality.peer import analyzer

    notes, names = [Note(text=one.text, known=one.row) for one in labelled], name_list(labelled)
    parts = [notes[first : first + NOTES] for first in range(0, len(notes), NOTES)]
    recognizer, engine = TextRecognizer(models=models), analyzer({"en": MODELS["en"]})
    ours_next, theirs_next = itertools.cycle(parts), itertools.cycle(parts)

    def ours() -> None:
        part = next(ours_next)
        for first in range(0, len(part), BATCH):
            recognizer.find(part[first : first + BATCH], names=names, is_strict=not models)

    def presidio() -> None:
        for note in next(theirs_next):
            engine.analyze(text=note.text, language="en")

    # Two systems live in this process: neither pays for the collector's walks through the other's models.
    gc.collect()
    gc.freeze()
    told = "presidio-analyzer, English model, row by row"
    ratio(name, ours, presidio, peer_name=told, op=op, count=len(parts[0]), runs=RUNS)
    gc.unfreeze()


def text_vs_presidio() -> None:
    op = "one plain note with its row, none seen before, strict, no model"
    _beside_presidio("pii.text_vs_presidio_per_row", plain(NOTES * (1 + RUNS)), {}, op=op)


def text_hard_vs_presidio() -> None:
    op = "one note of the hard set with its row, strict, no model"
    _beside_presidio("pii.text_hard_vs_presidio_per_row", _hard(), {}, op=op)


def text_ner_vs_presidio() -> None:
    op = "one note of the hard set with its row, models for English and French"
    _beside_presidio("pii.text_ner_vs_presidio_per_row", _hard(), MODELS, op=op)


def _stream(labelled: list[Labelled], count: int) -> Iterator[list[Note]]:
    """Batches of notes no two of which are alike."""
    for first in range(0, count, BATCH):
        yield [
            Note(text=f"{labelled[number % len(labelled)].text} {number}", known=labelled[number % len(labelled)].row)
            for number in range(first, min(first + BATCH, count))
        ]


def streamed(count: int) -> int:
    """Peak memory in KiB of a process that looks through `count` notes, batch by batch."""
    labelled = _hard()
    recognizer, names = TextRecognizer(), name_list(labelled)
    for batch in _stream(labelled, count):
        recognizer.find(batch, names=names, is_strict=True)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def memory() -> None:
    """Peak of a process with a million notes, and beside it of one with ten thousand."""
    peaks = [
        int(subprocess.run([sys.executable, "-m", __name__, str(count)], check=True, capture_output=True).stdout)
        for count in (STREAMED // 100, STREAMED)
    ]
    few, many = [peak / _KIBIBYTE for peak in peaks]
    op = f"a process that looks through 1,000,000 notes in batches of {BATCH}; with 10,000 notes: {few:.0f} MB"
    record("pii.text_memory_1m.mb", many, "MB", better="lower", ours=many, op=op, clock="wall", runs=1, spread=0.0)


BENCHES = {
    "pii.text_vs_presidio_per_row": text_vs_presidio,
    "pii.text_hard_vs_presidio_per_row": text_hard_vs_presidio,
    "pii.text_ner_vs_presidio_per_row": text_ner_vs_presidio,
    "pii.text_memory_1m.mb": memory,
}

if __name__ == "__main__":
    print(streamed(int(sys.argv[1])))
