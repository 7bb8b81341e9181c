"""Lists of names and words, and the forms a name takes."""

from __future__ import annotations

import pytest

from gateway.recognition.names import (
    FIRST,
    LAST,
    PLACE,
    Role,
    bases,
    collapsed,
    is_common,
    is_form,
    is_word,
    lexicon,
    roles,
    within_one,
)
from gateway.recognition.names.tokens import CAPITAL, LISTED, NAME, UPPER, WORD, Tokens, Vocabulary
from gateway.terms.recognition import NameList


def test_lists_know_names_of_many_countries() -> None:
    held = lexicon()
    for first in ("hans", "marie", "giuseppe", "jose", "anna", "katarzyna", "jana", "mohammed", "sanne"):
        assert held[first] & FIRST, first
    for last in (
        "muller",
        "dupont",
        "rossi",
        "garcia",
        "novak",
        "kowalski",
        "smith",
        "devries".removeprefix("de"),
        "nguyen",
    ):
        assert held.get(last, 0) & LAST, last


def test_towns_and_countries_are_no_unknown_words() -> None:
    assert all(lexicon()[place] & PLACE for place in ("london", "praha", "germany", "oesterreich".replace("oe", "o")))


def test_ordinary_words_are_told_by_language() -> None:
    held = lexicon()
    assert is_word(held["konto"], "de")
    assert not is_word(held["konto"], "fr")
    assert is_common(held["payment"], "en")
    assert is_word(held["klein"], "de")
    assert not is_word(held["muller"], "fr")


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("dvorakovi", "dvorak"),
        ("dvorakem", "dvorak"),
        ("novakove", "novakova"),
        ("novakovou", "novakova"),
        ("havlickova", "havlicek"),
        ("marka", "marek"),
        ("petre", "petr"),
        ("hance", "hanka"),
        ("kowalskiego", "kowalski"),
        ("kowalskiej", "kowalska"),
        ("cerneho", "cerny"),
        ("anny", "anna"),
        ("annou", "anna"),
    ],
)
def test_slavic_cases_lead_back_to_the_name(form: str, part: str) -> None:
    assert is_form(form, part, "cs")


def test_other_languages_take_a_genitive_only() -> None:
    assert is_form("schmidts", "schmidt", "de")
    assert not is_form("schmidtova", "schmidt", "de")
    assert "anna" not in bases("annou", "en")


def test_umlauts_may_be_written_as_two_letters() -> None:
    assert collapsed("mueller") == collapsed("muller")
    assert is_form("mueller", "muller", "de")
    assert collapsed("schmidt") != collapsed("schmitt")


@pytest.mark.parametrize("typo", ["shcmidt", "schmit", "schmidtt", "schmiat", "chmidt", "schmidt"])
def test_one_typing_error_is_within_one(typo: str) -> None:
    assert within_one(typo, "schmidt")
    assert within_one("schmidt", typo)


@pytest.mark.parametrize("other", ["shcmitd", "schm", "schneider", "xchmidx"])
def test_two_typing_errors_are_not(other: str) -> None:
    assert not within_one(other, "schmidt")


def test_cues_belong_to_languages_where_they_are_words_elsewhere() -> None:
    assert roles("cs")["pan"] & Role.TITLE
    assert not roles("en").get("pan", Role(0)) & Role.TITLE
    assert roles("de")["herr"] & Role.TITLE


def test_words_carry_what_is_known_of_them() -> None:
    tokens = Tokens("Herr MÜLLER überweist nach Müller-Lüdenscheid")
    tokens.look_up(Vocabulary("de", None))
    assert tokens.words == ["Herr", "MÜLLER", "überweist", "nach", "Müller-Lüdenscheid"]
    assert tokens.bits[1] & NAME
    assert tokens.bits[1] & UPPER
    assert not tokens.bits[2] & CAPITAL


def test_german_compounds_are_ordinary_words() -> None:
    tokens = Tokens("Kontoinhaberwechsel Zinsbescheinigung Qwrtzlbf")
    tokens.look_up(Vocabulary("de", None))
    assert [bool(bits & WORD) for bits in tokens.bits] == [True, True, False]


def test_articles_cut_short_are_words_of_their_own() -> None:
    assert Tokens("l'épouse d'Anna, dell'Orto, O'Neill's").words == [
        "l'",
        "épouse",
        "d'",
        "Anna",
        "dell'",
        "Orto",
        "O'Neill",
        "s",
    ]


def test_parts_of_any_subject_are_listed_in_all_their_forms() -> None:
    tokens = Tokens("Qwertzowi QWERTZ qwertz Mueller Asdf")
    tokens.look_up(Vocabulary("pl", NameList(id="1", parts=frozenset({"qwertz", "muller"}))))
    assert [bool(bits & LISTED) for bits in tokens.bits] == [True, True, True, True, False]
