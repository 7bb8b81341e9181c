"""The hard set says the truth about itself: spans, rows, check digits, counts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from stdnum import iban, luhn
from stdnum.cz import rc
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel

from tests.quality.hard import notes
from tests.quality.hard.czech import decline, feminine
from tests.quality.hard.tables import LABELS, ROWS, Table, tables

KINDS: Final = {"PERSON", "EMAIL", "PHONE", "ADDRESS", "IBAN", "CARD", "NATID", "DOB", "ACCOUNT"}
IN_EVERY_LANGUAGE: Final = {
    "bad_check_digit",
    "email",
    "foreign_name",
    "grouped_number",
    "initials",
    "lower_case",
    "month_name",
    "multi_line_address",
    "no_accents",
    "nothing",
    "payment_ref",
    "reversed_name",
    "shorthand",
    "signature",
    "third_party",
    "two_digit_year",
    "two_people",
    "typo",
    "upper_case",
    "word_name",
}
_NINO: Final = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_NATIONAL: Final[dict[str, Callable[[str], bool]]] = {
    "en": lambda text: _NINO.fullmatch(text) is not None,
    "de": idnr.is_valid,
    "fr": nir.is_valid,
    "cs": rc.is_valid,
    "it": codicefiscale.is_valid,
    "es": lambda text: dni.is_valid(text) or nie.is_valid(text),
    "pl": pesel.is_valid,
    "nl": bsn.is_valid,
}
_CHECKED: Final = {"natid": _NATIONAL, "iban": iban.is_valid, "other_iban": iban.is_valid, "card": luhn.is_valid}
NOTES: Final = notes.load()


@pytest.fixture(scope="module")
def drawn() -> tuple[Table, ...]:
    return tuple(tables())


def spans(*kinds: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Note, value and whose it is, for every span of the kinds."""
    for note in NOTES:
        for start, end, kind, whose in note["spans"]:
            if kind in kinds:
                yield note, note["text"][start:end], whose


def folded(text: str) -> str:
    """Letters and digits alone, lower, without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.casefold()) if char.isalnum())


def starts(text: str) -> set[str]:
    """The first letters of the words; two spellings of one name share some, whatever edit or ending they have."""
    plain = text.casefold().replace("ß", "ss")
    return {folded(word)[0] for word in re.split(r"[\s.,]+", plain) if folded(word)}


def test_committed_notes_are_what_the_templates_give() -> None:
    assert list(notes.build_all()) == NOTES


def test_spans_lie_inside_the_text_in_order_and_do_not_overlap() -> None:
    for note in NOTES:
        last = 0
        for start, end, kind, whose in note["spans"]:
            assert last <= start < end <= len(note["text"]), note
            value = note["text"][start:end]
            assert value == value.strip()
            assert kind in KINDS
            assert whose in {"own", "other"}
            last = end


def test_spans_end_where_a_word_ends() -> None:
    for note in NOTES:
        for start, end, *_ in note["spans"]:
            around = note["text"][max(0, start - 1) : start] + note["text"][end : end + 1]
            assert not any(char.isalnum() for char in around), note["text"]


def test_text_is_composed_and_of_printable_characters() -> None:
    for note in NOTES:
        assert unicodedata.normalize("NFC", note["text"]) == note["text"]
        assert all(char.isprintable() or char == "\n" for char in note["text"])
        assert "{" not in note["text"]


def test_check_digit_of_an_iban_is_valid_or_marked_bad() -> None:
    for note, value, _ in spans("IBAN"):
        assert iban.is_valid(value) is ("bad_check_digit" not in note["hard"]), value


def test_check_digit_of_a_card_is_valid() -> None:
    for _, value, _ in spans("CARD"):
        assert len(folded(value)) == 16
        assert luhn.is_valid(folded(value)), value


def test_check_digit_of_a_national_number_is_valid() -> None:
    for note, value, _ in spans("NATID"):
        assert _NATIONAL[note["lang"]](folded(value).upper()), value


def test_shapes_of_emails_phones_and_accounts() -> None:
    for _, value, _ in spans("EMAIL"):
        assert re.fullmatch(r"[a-z0-9._-]+@[a-z]+\.(com|org|net|example)", value), value
    for _, value, _ in spans("PHONE"):
        assert 9 <= len(folded(value)) <= 15, value
    for _, value, _ in spans("ACCOUNT"):
        assert 8 <= len(folded(value)) <= 20, value


def test_own_email_iban_and_phone_are_those_of_the_row() -> None:
    for note, value, whose in spans("EMAIL", "PHONE", "IBAN"):
        if whose == "own" and "bad_check_digit" not in note["hard"]:
            known = {folded(note["row"].get(column, "")) for column in ("email", "iban")}
            phone = folded(note["row"].get("phone", ""))[-8:]
            absent = len(note["row"]) < 6
            assert folded(value) in known or (phone and folded(value).endswith(phone)) or absent, note


def test_own_address_begins_as_that_of_the_row() -> None:
    for note, value, whose in spans("ADDRESS"):
        if whose == "own" and "address" in note["row"] and "short_address" not in note["hard"]:
            assert folded(note["row"]["address"]).startswith(folded(value)), note


def test_own_birth_date_is_that_of_the_row() -> None:
    for note, value, whose in spans("DOB"):
        if whose == "own" and "birth_date" in note["row"]:
            year, _, day = note["row"]["birth_date"].split("-")
            assert year[2:] in value, note
            assert str(int(day)) in value, note


def test_own_name_has_initials_of_the_name_of_the_row() -> None:
    for note, value, whose in spans("PERSON"):
        if whose == "own":
            assert starts(value) & starts(note["row"]["name"]), note


def test_no_value_of_the_row_stands_outside_of_the_spans() -> None:
    for note in NOTES:
        rest, last = "", 0
        for start, end, *_ in note["spans"]:
            rest, last = rest + note["text"][last:start] + "¤", end
        rest = folded(rest + note["text"][last:])
        for column, value in note["row"].items():
            assert folded(value) not in rest, (note["text"], column)


def test_at_least_hundred_notes_in_each_language_and_none_twice() -> None:
    counts = Counter(note["lang"] for note in NOTES)
    assert set(counts) == set(notes.LANGUAGES)
    assert min(counts.values()) >= 100
    assert len({note["text"] for note in NOTES}) == len(NOTES) >= 600


def test_three_notes_of_ten_hold_nothing_personal() -> None:
    for lang in notes.LANGUAGES:
        empty = [not note["spans"] for note in NOTES if note["lang"] == lang]
        assert 0.25 <= sum(empty) / len(empty) <= 0.35


def test_every_language_has_every_hardness() -> None:
    for lang in notes.LANGUAGES:
        seen = Counter(trait for note in NOTES if note["lang"] == lang for trait in note["hard"])
        assert not IN_EVERY_LANGUAGE - set(seen), (lang, IN_EVERY_LANGUAGE - set(seen))
    assert sum("declined" in note["hard"] for note in NOTES if note["lang"] in {"cs", "de"}) >= 20


def test_every_language_has_every_kind_own_and_other() -> None:
    for lang in notes.LANGUAGES:
        seen = {(kind, whose) for note in NOTES if note["lang"] == lang for *_, kind, whose in note["spans"]}
        assert {kind for kind, _ in seen} == KINDS
        assert {(kind, "other") for kind in ("PERSON", "EMAIL", "PHONE", "IBAN", "NATID", "DOB", "ADDRESS")} <= seen


def test_sixty_templates_in_each_language_none_used_more_than_three_times() -> None:
    assert notes.USES <= 3
    for lang in notes.LANGUAGES:
        texts = [template.text for template in notes.templates(lang)]
        assert len(set(texts)) == len(texts) >= 60


@pytest.mark.parametrize(
    ("name", "gender", "forms"),
    [
        ("Novák", "m", "Nováka Novákovi Nováka Novákovi Novákem Nováku"),
        ("Hájek", "m", "Hájka Hájkovi Hájka Hájkovi Hájkem Hájku"),
        ("Němec", "m", "Němce Němcovi Němce Němcovi Němcem Němče"),
        ("Svoboda", "m", "Svobody Svobodovi Svobodu Svobodovi Svobodou Svobodo"),
        ("Černý", "m", "Černého Černému Černého Černém Černým Černý"),
        ("Kovář", "m", "Kováře Kovářovi Kováře Kovářovi Kovářem Kováři"),
        ("Vaněk", "m", "Vaňka Vaňkovi Vaňka Vaňkovi Vaňkem Vaňku"),
        ("Dvořáková", "f", "Dvořákové Dvořákové Dvořákovou Dvořákové Dvořákovou Dvořáková"),
        ("Lenka", "f", "Lenky Lence Lenku Lence Lenkou Lenko"),
        ("Barbora", "f", "Barbory Barboře Barboru Barboře Barborou Barboro"),
        ("Marie", "f", "Marie Marii Marii Marii Marií Marie"),
    ],
)
def test_czech_names_are_declined_as_school_grammar_has_it(name: str, gender: str, forms: str) -> None:
    assert [decline(name, gender, case) for case in "gdaliv"] == forms.split()


def test_a_czech_wife_has_the_feminine_family_name() -> None:
    assert [feminine(name) for name in ("Novák", "Hájek", "Svoboda", "Černý", "Krejčí", "Němec")] == [
        "Nováková", "Hájková", "Svobodová", "Černá", "Krejčí", "Němcová",
    ]  # fmt: skip


def test_tables_have_ninety_columns_in_eight_languages(drawn: tuple[Table, ...]) -> None:
    assert len(drawn) >= 8
    assert {table.lang for table in drawn} == {"en", "de", "fr", "it", "es", "cs", "pl", "nl"}
    assert sum(len(table.columns) for table in drawn) >= 90
    counts = Counter(column.label for table in drawn for column in table.columns)
    assert set(counts) == set(LABELS)
    assert min(counts.values()) >= 9


def test_a_column_is_named_once_and_has_all_rows(drawn: tuple[Table, ...]) -> None:
    for table in drawn:
        assert len({column.name for column in table.columns}) == len(table.columns)
        for column in table.columns:
            assert len(column.values) == ROWS
            assert sum(value is None for value in column.values) < ROWS // 2
            assert column.label in column.accepted <= set(LABELS)


def test_tables_are_drawn_alike_each_time(drawn: tuple[Table, ...]) -> None:
    assert tuple(tables()) == drawn


def test_identifiers_of_tables_have_valid_check_digits(drawn: tuple[Table, ...]) -> None:
    checked = set()
    for table in drawn:
        for column in table.columns:
            check = _CHECKED.get(column.kind)
            check = check[table.lang] if isinstance(check, dict) else check
            if check:
                assert all(check(str(value)) for value in column.values if value is not None), (table.name, column.name)
                checked.add((column.kind, table.lang if column.kind == "natid" else ""))
    assert checked == {(kind, "") for kind in ("iban", "other_iban", "card")} | {("natid", lang) for lang in _NATIONAL}


def test_a_column_without_a_person_is_not_labelled_direct(drawn: tuple[Table, ...]) -> None:
    """Codes of few values are nobody's identifier."""
    for table in drawn:
        for column in table.columns:
            if len(set(column.values)) < 20:
                assert column.label not in {"direct_identifier", "free_text"}, (table.name, column.name)
