"""Two worlds whose notes differ in the people named read the same once redacted, but for pseudonyms (T1, T14)."""

from __future__ import annotations

import itertools

import pytest

from gateway.recognition.redactor import TextRecognizer
from gateway.terms.recognition import NameList, Note

RECOGNIZER = TextRecognizer()
# Of each language: notes about the row's subject {own} and a third party {other}, and pairs of such people.
LETTERS = {
    "en": [
        "Customer {own} called about the fee, {other} will pay it.",
        "Dear Ms {other}, the loan of {own} was approved.\nKind regards\n{other}",
    ],
    "de": [
        "Kunde {own} rief wegen der Gebühr an, Herr {other} zahlt sie.",
        "Vollmacht für {other} durch {own} erteilt, Rückruf an Frau {other} erbeten.",
    ],
    "fr": [
        "La cliente {own} demande un virement pour {other}.",
        "Procuration donnée à {other} par {own} pour le compte.",
    ],
    "cs": ["Klient {own} volal kvůli poplatku, zaplatí ho {other}.", "Plná moc pro {other} od {own} k účtu."],
}
FULL = ["Peter Hoffmann", "Marie Dupont", "Jana Nováková", "Giulia Esposito"]
WORDS = ["Rose Klein", "Max Winter", "Grace Price", "Hans Richter"]


def redacted(letter: str, own: str, other: str, names: NameList | None, *, is_strict: bool) -> str:
    text = letter.format(own=own, other=other)
    (found,) = RECOGNIZER.find([Note(text=text, known={"name": own})], names=names, is_strict=is_strict)
    for one in reversed(found.spans):
        label = f"[{one.kind} pseudonym]" if one.own else f"[{one.kind} {one.same_as}]"
        text = text[: one.start] + label + text[one.end :]
    return text


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("kind", [FULL, WORDS], ids=["names", "words as names"])
@pytest.mark.parametrize("language", LETTERS)
def test_other_people_leave_the_same_text(language: str, kind: list[str], is_strict: bool) -> None:
    for letter in LETTERS[language]:
        worlds = {
            redacted(letter, own, other, None, is_strict=is_strict) for own, other in itertools.permutations(kind, 2)
        }
        assert len(worlds) == 1
        (text,) = worlds
        assert "[person pseudonym]" in text
        assert "[person 2]" in text or "[person 1]" in text


@pytest.mark.parametrize("language", LETTERS)
def test_listed_words_as_surnames_leave_the_same_text(language: str) -> None:
    names = NameList(id="list", parts=frozenset({"klein", "winter", "price", "richter"}))
    surnames = ["Klein", "Winter", "Price", "Richter"]
    for letter in LETTERS[language]:
        worlds = {redacted(letter, "Anna Kowalska", other, names, is_strict=False) for other in surnames}
        assert len(worlds) == 1
        assert not any(surname in text for text in worlds for surname in surnames)


def test_whose_row_it_is_changes_the_pseudonym_alone() -> None:
    letter = "Peter Hoffmann und Jana Nováková haben mit dem Koch und Herrn Klein gesprochen."
    rows = ["Peter Hoffmann", "Jana Nováková", "Otto Koch", "Otto Klein", "Xaver Qwertz"]
    found = RECOGNIZER.find([Note(text=letter, known={"name": row}) for row in rows], names=None, is_strict=False)
    assert len({tuple((one.start, one.end, one.kind) for one in each.spans) for each in found}) == 1
    assert [sum(one.own == "name" for one in each.spans) for each in found] == [1, 1, 0, 0, 0]
