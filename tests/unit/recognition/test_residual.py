"""People whom no row knows are found by title, cue, list, shape and signature; firms and words are not."""

from __future__ import annotations

import pytest

from gateway.recognition.names.tokens import Tokens, Vocabulary
from gateway.recognition.residual import People
from gateway.terms.recognition import NameList


def people(text: str, language: str, names: NameList | None = None) -> list[str]:
    tokens = Tokens(text)
    found = People(tokens, has_capital_nouns=language in {"de", ""})
    tokens.look_up(Vocabulary(language, names))
    found.find()
    found.add(())
    return [text[start:end] for start, end in found.spans()]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Rückruf bei Frau Klein erbeten", ["Klein"]),
        ("de", "herr dr. xqwert bittet um rückruf", ["xqwert"]),
        ("en", "Spoke with Mrs Rose about fees", ["Rose"]),
        ("fr", "Rappeler Mme Petit au plus vite", ["Petit"]),
        ("it", "la signora Bianca Gallo conferma", ["Bianca Gallo"]),
        ("es", "la Sra. Blanco solicita", ["Blanco"]),
        ("nl", "mevrouw van der Berg belde", ["van der Berg"]),
        ("cs", "schůzka s panem Malým", ["Malým"]),
        ("pl", "dla pana Wolnego", ["Wolnego"]),
    ],
)
def test_after_a_title_even_a_word_is_a_name(language: str, text: str, expected: list[str]) -> None:
    assert people(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "the account holder Xqwert Zzyx objects", ["Xqwert Zzyx"]),
        ("en", "her husband: Xqwert objects", ["Xqwert"]),
        ("en", "My name is Xqwert", ["Xqwert"]),
        ("en", "Name:     Xqwert Zzyx", ["Xqwert Zzyx"]),
        ("de", "Kontoinhaber Xqwert Zzyx gesperrt", ["Xqwert Zzyx"]),
        ("fr", "titulaire Xqwert Zzyx", ["Xqwert Zzyx"]),
        ("cs", "majitel účtu a klient Xqwert", ["Xqwert"]),
        ("en", "then Xqwert called again", ["Xqwert"]),
    ],
)
def test_a_cue_makes_an_unknown_word_a_name(language: str, text: str, expected: list[str]) -> None:
    assert people(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "paid by Peter Xqwert today", ["Peter Xqwert"]),
        ("en", "paid by J. Xqwert today", ["J. Xqwert"]),
        ("en", "transfer to anna schmidt today", ["anna schmidt"]),
        ("de", "Zahlung von Müller, Hans erhalten", ["Müller, Hans"]),
        ("de", "ZAHLUNG MUELLER HANS MIETE", ["MUELLER HANS"]),
        ("nl", "overboeking aan Pieter de Vries", ["Pieter de Vries"]),
        ("cs", "smlouva Jana Dvořáka", ["Jana Dvořáka"]),
        ("en", "Anna and Xqwert paid", ["Anna", "Xqwert"]),
    ],
)
def test_first_and_last_names_side_by_side(language: str, text: str, expected: list[str]) -> None:
    assert people(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Her maiden name is Key", ["Key"]),
        ("en", "paid by Peter Xqwert III today", ["Peter Xqwert III"]),
        ("en", "Peter Xqwert and White paid", ["Peter Xqwert", "White"]),
        ("en", "We asked Laura Key first. In May the fees of Key were paid", ["Laura Key", "Key"]),
        ("en", "the debt of peter l. schmidt is settled", ["peter l. schmidt"]),
        ("en", "Grace, can you call Peter Xqwert", ["Grace", "Peter Xqwert"]),
        ("en", "Please stop the transfer, Mark!", ["Mark"]),
        ("en", "Destiny: the card was blocked\nThen it worked", ["Destiny"]),
        ("en", "as Dr. Wells wrote", ["Wells"]),
        ("en", "Walker moved to another branch", ["Walker"]),
    ],
)
def test_a_word_is_a_name_where_its_place_says_so(language: str, text: str, expected: list[str]) -> None:
    assert people(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The balance is Low"),
        ("en", "Summary: the card works"),
        ("en", "Is the fee due, Bank?"),
        ("en", "the key of the locker. Key dates follow"),
    ],
)
def test_a_word_in_such_a_place_that_is_no_name_stays(language: str, text: str) -> None:
    assert people(text, language) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "many thanks and regards,\nXqwert Zzyx\nBranch Manager"),
        ("de", "Mit freundlichen Grüßen\n\nXqwert Zzyx\nKundenberater"),
        ("fr", "Cordialement,\nXqwert Zzyx"),
        ("cs", "S pozdravem Xqwert Zzyx"),
    ],
)
def test_the_name_below_a_letter_is_found(language: str, text: str) -> None:
    assert people(text, language)[:1] == ["Xqwert Zzyx"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Müller GmbH und Hans Schmidt AG zahlen"),
        ("en", "Invoice of Peter Smith Ltd is due"),
        ("fr", "facture Dupont SARL réglée"),
        ("cs", "faktura Novák s.r.o. zaplacena"),
        ("de", "Der Richter hat dem Koch das Gehalt gepfändet"),
        ("en", "The payment was made in London on Friday"),
        ("en", "Will the price of the grant rise in May?"),
        ("de", "Sparkasse Konto Überweisung Dauerauftrag Zinsen"),
        ("it", "Bonifico ricevuto, saldo aggiornato a Roma"),
    ],
)
def test_firms_words_and_places_stay(language: str, text: str) -> None:
    assert people(text, language) == []


def test_parts_of_any_subject_are_found_in_any_case() -> None:
    names = NameList(id="1", parts=frozenset({"klein", "winter", "xqwert"}))
    assert people("klein gedruckt im Winter, sagt xqwert", "de", names) == ["klein", "Winter", "xqwert"]


def test_particles_of_the_list_are_not_removed_alone() -> None:
    names = NameList(id="1", parts=frozenset({"van", "der", "berg"}))
    assert people("het geld van der klant", "nl", names) == []
