"""A note's pieces: merged, numbered, own or not, the same in any batch, never told by whose row it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recognition.redactor import MAX_CHARS, TextRecognizer
from gateway.terms.recognition import Found, NameList, Note, Span

RECOGNIZER = TextRecognizer()
ROW = {
    "name": "Petra Klein",
    "iban": "DE89370400440532013000",
    "email": "petra.klein@bank.test",
    "phone": "+49 30 1234567",
    "address": "Lindenstraße 12a, 10969 Berlin",
    "birth_date": "1990-04-03",
}


def look(text: str, known: Mapping[str, str] | None = None, *, is_strict: bool = False) -> Found:
    return RECOGNIZER.find([Note(text=text, known=known or {})], names=None, is_strict=is_strict)[0]


def told(text: str, known: Mapping[str, str] | None = None) -> list[tuple[str, str, str | None]]:
    return [(text[one.start : one.end], one.kind, one.own) for one in look(text, known).spans]


def test_all_of_the_rows_values_are_own_in_full() -> None:
    text = (
        "Klein, Petra, geb. 03.04.1990, Lindenstr. 12a, 10969 Berlin; 030/1234567, Petra.Klein@bank.test, "
        "DE89 3704 0044 0532 0130 00 bestätigt."
    )
    assert {own for _, _, own in told(text, ROW)} == {"name", "birth_date", "address", "phone", "email", "iban"}
    left = text
    for one in reversed(look(text, ROW).spans):
        left = left[: one.start] + left[one.end :]
    assert not any(word in left for word in ("Klein", "Petra", "1990", "Linden", "1234567", "@", "3704"))


def test_equal_values_have_one_number() -> None:
    text = "Anna Kowalska rief an. Herr Schmidt und KOWALSKA, ANNA widersprechen, sagt Schmidt."
    numbers = {text[one.start : one.end]: one.same_as for one in look(text).spans}
    assert numbers["Anna Kowalska"] == numbers["KOWALSKA, ANNA"] == 1
    assert numbers["Schmidt"] == 2


def test_pieces_that_overlap_become_one() -> None:
    text = "Post an anna.kowalska@bank.test oder Anna-Kowalska-Str. 5, 10969 Berlin"
    kinds = [kind for _, kind, _ in told(text, {"name": "Anna Kowalska"})]
    assert kinds == ["email", "address"]


def test_hidden_letters_do_not_hide_a_name() -> None:
    text = "Frau K\u200bow\u00adalska und Аnnа Kowalska"
    (first, second) = look(text).spans
    assert text[first.start : first.end] == "K\u200bow\u00adalska"
    assert text[second.start : second.end].endswith("Kowalska")
    assert second.end - second.start == len("Anna Kowalska")


def test_a_long_text_is_removed_whole() -> None:
    assert look("a" * (MAX_CHARS + 1)).is_whole
    assert not look("a" * MAX_CHARS).is_whole


def test_strict_removes_unknown_capitalised_words_and_only_those() -> None:
    text = "Der Vorgang wurde von Xqwert Zzyx bei der Sparkasse gemeldet."
    assert look(text).spans == ()
    (span,) = look(text, is_strict=True).spans
    assert text[span.start : span.end] == "Xqwert Zzyx"


def test_a_sites_recognizer_is_heard() -> None:
    class Site:
        def find(self, text: str) -> list[Span]:
            at = text.find("KD-")
            return [Span(start=at, end=at + 7, kind="identifier")] if at >= 0 else []

    found = TextRecognizer(site=Site()).find([Note(text="Nummer KD-1234 fehlt")], names=None, is_strict=False)
    assert [(one.start, one.end, one.kind) for one in found[0].spans] == [(7, 14, "identifier")]


SURNAMES = ["Richter", "Bauer", "klein", "Koch", "Wolf", "Winter", "Klein", "Rose", "Lang"]
LETTER = "Der Richter und der Bauer schreiben klein, der Koch kocht, der Wolf kommt im Winter, die Rose blüht lang."


@pytest.mark.parametrize("is_strict", [False, True])
@pytest.mark.parametrize("names", [None, NameList(id="all", parts=frozenset(word.lower() for word in SURNAMES))])
def test_one_letter_sent_to_many_loses_the_same_words_in_every_row(names: NameList | None, is_strict: bool) -> None:
    notes = [Note(text=LETTER, known={"name": f"Petra {surname}"}) for surname in SURNAMES]
    found = RECOGNIZER.find(notes, names=names, is_strict=is_strict)
    assert len({one.spans for one in found}) == 1
    removed = {LETTER[span.start : span.end] for span in found[0].spans}
    assert names is None or {"Richter", "Bauer", "Koch", "Wolf", "Winter", "Rose"} <= removed
    assert not {"klein", "lang"} & removed  # ordinary words in small letters stay in every row


WORDS = [
    *("Anna", "Klein", "rief", "an", "Frau", "Koch", "Xqwert", ",", "Novák"),
    *("DE89370400440532013000", "the", "customer", "a@b.de", "\n"),
]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_batches_and_order_do_not_matter(texts: list[str], random: object, is_strict: bool) -> None:
    notes = [Note(text=text, known=ROW) for text in texts]
    together = RECOGNIZER.find(notes, names=None, is_strict=is_strict)
    alone = [TextRecognizer().find([note], names=None, is_strict=is_strict)[0] for note in reversed(notes)]
    assert together == alone[::-1]


@given(st.text(max_size=200) | TEXTS)
def test_spans_lie_in_the_text_in_order(text: str) -> None:
    past = 0
    for one in look(text, ROW, is_strict=True).spans:
        assert past <= one.start < one.end <= len(text)
        past = one.end


def test_a_batch_has_one_answer_for_each_note() -> None:
    assert RECOGNIZER.find([], names=None, is_strict=False) == []
    assert len(RECOGNIZER.find([Note(text="")] * 3, names=None, is_strict=False)) == 3
