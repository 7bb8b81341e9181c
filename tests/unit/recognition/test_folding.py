"""Folding: what looks alike compares alike, and every place leads back."""

from __future__ import annotations

import unicodedata

import pytest

from gateway.recognition.folding import fold, words_folded


@pytest.mark.parametrize("text", ["plain ASCII, 12.50 EUR\n\t", "Müller, Łódź, Šťastný, garçon, ß, £ and €", ""])
def test_a_plain_text_is_its_own_folded_form_and_no_list_is_built(text: str) -> None:
    folded = fold(text)
    assert folded.text is text
    assert folded.at == range(len(text) + 1)


def test_typographic_signs_become_plain_without_a_list() -> None:
    folded = fold("12\u00a0Mio – „so“ ’tis")
    assert folded.text == '12 Mio - "so" \'tis'
    assert isinstance(folded.at, range)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("DЕ89", "DE89"),  # Cyrillic Е
        ("ΑΒΕ", "ABE"),  # Greek
        ("ＤＥ８９", "DE89"),
        ("𝐃𝐄𝟖𝟗", "DE89"),
        ("𝔻𝔼𝟠𝟡", "DE89"),
        ("٤١١١", "4111"),
        ("१२३", "123"),
        ("①②③", "123"),
        ("D\u200bE\u00ad8\u20609", "DE89"),
        ("D\x00E\x078\x7f9", "DE89"),
        ("D\u0336E\u03368\u03369\u0336", "DE89"),
        ("8\ufe0f\u20e39\ufe0f\u20e3", "89"),  # keycaps
        ("\u202eDE89\u202c", "DE89"),
        ("🇩🇪89", "DE89"),
        ("ᴅᴇ", "DE") if unicodedata.name("ᴅ").endswith("CAPITAL D") else ("", ""),
        ("a\u3002b\uff20c", "a.b@c"),
        ("12\u221234", "12-34"),
        ("a\u2028b\x85c", "a\nb\nc"),
        ("ﬁ№", "fiNo"),
    ],
)
def test_look_alikes_and_invisible_characters(written: str, read: str) -> None:
    assert fold(written).text == read


def test_accents_and_case_stay_and_are_composed() -> None:
    assert fold("Mu\u0308ller SˇE\u0301").text == "Müller SˇÉ"


def test_a_character_that_stands_for_a_phrase_does_not_swell_the_text() -> None:
    assert len(fold("\ufdfa" * 1000).text) == 1000


def test_places_lead_back_over_removed_and_expanded_characters() -> None:
    text = "x\u200bD\u0415\u200b8\u200b9 ﬁn\u200b"
    folded = fold(text)
    assert folded.text == "xDE89 fin"
    assert folded.back(1, 5) == (2, 8)
    assert text[slice(*folded.back(1, 5))] == "D\u0415\u200b8\u200b9"
    assert text[slice(*folded.back(6, 7))] == "ﬁ"  # half of a ligature is the ligature
    assert folded.back(6, 9) == (9, len(text))  # what is invisible behind a value goes with it


@pytest.mark.parametrize(
    ("word", "same"),
    [("ŠŤASTNÁ", "stastna"), ("Straße", "strasse"), ("Ørsted", "orsted"), ("Łukasz", "lukasz"), ("Æbel", "aebel")],
)
def test_words_compare_without_case_and_accents(word: str, same: str) -> None:
    assert words_folded(word) == same
