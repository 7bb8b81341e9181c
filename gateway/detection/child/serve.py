"""One question at a time. Nothing of a question is left when it is answered but lists of names, which are sent once."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import Any

from gateway.isolation.frames import Channel, Cut
from gateway.terms.recognition import NameList, Note

from . import frames, tables
from .texts import Reader


def serve(control: Channel, *, reader: Reader, classify: tables.Classifier) -> None:
    """Answer until the gateway closes the socket."""
    lists = Lists()
    while True:
        try:
            _serve_one(control, lists, reader=reader, classify=classify)
        except Cut:
            return


def _serve_one(control: Channel, lists: Lists, *, reader: Reader, classify: tables.Classifier) -> None:
    kind, payload = control.read()
    if kind == frames.CLASSIFY:
        control.write(frames.VERDICTS, tables.answer(tables.read(payload.to_pybytes()), classify))
        return
    question: dict[str, Any] = json.loads(payload.to_pybytes())
    if kind == frames.NAMES:
        lists.take(question["id"], question["parts"], is_last=question["is_last"])
        control.write(frames.TAKEN, b"")
        return
    notes = [Note(text=text, known=known) for text, known in question["notes"]]
    names = lists.of(question["names"])
    for answer in reader.answers(notes, names=names, is_strict=question["is_strict"], alone=question["alone"]):
        control.write(frames.FOUND, answer)


class Lists:
    """The lists of names that were sent; the gateway counts along, so both know which are here."""

    def __init__(self) -> None:
        self._whole: OrderedDict[str, NameList] = OrderedDict()
        self._parts: list[str] = []

    def take(self, id_: str, parts: list[str], *, is_last: bool) -> None:
        """A part of a list; with the last one it can be used."""
        self._parts += parts
        if is_last:
            self._whole[id_] = NameList(id=id_, parts=frozenset(self._parts))
            self._parts = []
        while len(self._whole) > frames.KEPT_LISTS:
            self._whole.popitem(last=False)

    def of(self, id_: str | None) -> NameList | None:
        """The list that a question names."""
        if id_ is None:
            return None
        self._whole.move_to_end(id_)
        return self._whole[id_]
