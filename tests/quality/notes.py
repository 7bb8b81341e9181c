"""Labelled notes from files: lines of JSON, notes that shared/data makes, Presidio's sentences, IOB2."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

SHARED: Final = Path(__file__).parents[3] / "shared" / "data" / "pii"
HARD: Final = Path(__file__).parent / "hard" / "notes.jsonl"
_PRESIDIO_KINDS: Final = {
    "PERSON": "PERSON",
    "STREET_ADDRESS": "ADDRESS",
    "CREDIT_CARD": "CARD",
    "PHONE_NUMBER": "PHONE",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "IBAN",
    "US_SSN": "NATID",
    "IP_ADDRESS": "IP",
}
"""Other labels of that set (towns, titles, ages, firms …) are neither to be found nor harmless."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A piece that is to be found."""

    start: int
    end: int
    kind: str
    whose: str
    """own: the row's subject's; other; neutral: finding it is neither right nor wrong."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A note with what is to be found in it."""

    text: str
    language: str
    labels: tuple[Label, ...]
    row: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(path: Path) -> list[Labelled]:
    """Read a labelled file, by its name."""
    if path.suffix == ".py":
        return list(_made(path))
    if path.suffix == ".iob2":
        return list(_iob2(path.read_text()))
    if path.suffix == ".json":
        return [_presidio(held) for held in json.loads(path.read_text())]
    return [_line(json.loads(line)) for line in path.read_text().splitlines()]


def _line(held: Mapping[str, Any]) -> Labelled:
    labels = tuple(
        Label(start=start, end=end, kind=kind, whose=whose[0] if whose else "other")
        for start, end, kind, *whose in held["spans"]
    )
    return Labelled(text=held["text"], language=held["lang"], labels=labels, row=held.get("row") or {})


def _made(path: Path) -> Iterator[Labelled]:
    """Notes of dev_tables.py: the first value of a kind is the row's own."""
    spec = importlib.util.spec_from_file_location("dev_tables", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for held in module.notes():
        row, labels = held["row"], []
        own = {"PERSON": row["name"], **{key.upper(): value for key, value in row.items() if key != "name"}}
        for start, end, kind in held["spans"]:
            piece = held["text"][start:end].replace(" ", "")
            is_own = piece == own.get(kind, "").replace(" ", "")
            labels.append(Label(start=start, end=end, kind=kind, whose="own" if is_own else "other"))
        yield Labelled(text=held["text"], language=held["lang"], labels=tuple(labels), row=row)


def _presidio(held: Mapping[str, Any]) -> Labelled:
    labels = []
    for span in held["spans"]:
        kind = _PRESIDIO_KINDS.get(span["entity_type"])
        whose = "other" if kind else "neutral"
        labels.append(Label(start=span["start_position"], end=span["end_position"], kind=kind or "NONE", whose=whose))
    return Labelled(text=held["full_text"], language="en", labels=tuple(labels))


def _iob2(content: str) -> Iterator[Labelled]:
    """Sentences; the text is the words with a blank between them."""
    for block in content.split("\n\n"):
        words = [line.split("\t") for line in block.splitlines() if line and not line.startswith("#")]
        text, labels, start = "", list[Label](), 0
        for _, word, tag, *_ in words:
            start = len(text) + bool(text)
            text = f"{text} {word}" if text else word
            if tag == "B-PER":
                labels.append(Label(start=start, end=len(text), kind="PERSON", whose="other"))
            elif tag == "I-PER" and labels:
                labels[-1] = dataclasses.replace(labels[-1], end=len(text))
        if text:
            yield Labelled(text=text, language="en", labels=tuple(labels))
