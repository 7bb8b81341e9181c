"""The row's own values are found in all their forms, and told as own in full only."""

from __future__ import annotations

import pytest

from gateway.recognition import known
from gateway.recognition.known import compacted
from gateway.recognition.names.tokens import Tokens, Vocabulary

ADDRESS = "Lindenstraße 12a, 10969 Berlin"


def found(text: str, *, language: str = "", **values: str) -> dict[str, str | None]:
    """Pieces with the role that they are told to be in full."""
    tokens = Tokens(text)
    tokens.look_up(Vocabulary(language, None))
    return {text[one.start : one.end]: one.own for one in known.find(values, tokens, language=language)}


@pytest.mark.parametrize(
    "written",
    [
        "Adéla Dvořáková",
        "Dvořáková Adéla",
        "DVOŘÁKOVÁ, ADÉLA",
        "adela dvorakova",
        "A. Dvořáková",
        "Dvořáková A.",
        "Adély Dvořákové",
        "Adélu Dvořákovou",
        "Adela Dvorkova",
        "dvorakovaadela",
    ],
)
def test_a_full_name_in_every_form_is_the_rows_own(written: str) -> None:
    assert list(found(f"volala {written} kvůli kartě", language="cs", name="Adéla Dvořáková").values()) == ["name"]


@pytest.mark.parametrize(
    "written", ["Jörg Müller", "Joerg Mueller", "JOERG MUELLER", "Jorg Muller", "Müllers Jörg", "J. Müller"]
)
def test_umlauts_in_any_spelling(written: str) -> None:
    assert found(f"an {written}", language="de", name="Jörg Müller") == {written: "name"}


def test_hyphened_names_with_initials() -> None:
    assert found("de A.-M. Dupont reçu", language="fr", name="Anne-Marie Dupont") == {"A.-M. Dupont": "name"}


def test_a_single_part_is_claimed_without_being_own() -> None:
    assert found("Wrzeszcz rief an", language="de", name="Olga Wrzeszcz") == {"Wrzeszcz": None}


@pytest.mark.parametrize("word", ["Klein", "klein", "KLEIN"])
def test_a_single_part_that_is_a_word_is_nobodys(word: str) -> None:
    assert found(f"zu {word} gedruckt", language="de", name="Petra Klein") == {}


def test_a_typing_error_that_is_a_word_is_nobodys() -> None:
    assert found("sehr kleine Schrift", language="de", name="Petra Klein") == {}


def test_titles_are_no_part_of_a_name() -> None:
    assert found("Dr. Sommer und Herr Prof. Winter", language="de", name="Dr. Xenia Qwertz") == {}


@pytest.mark.parametrize(
    "written", ["DE89 3704 0044 0532 0130 00", "de89370400440532013000", "DE89-3704-0044-0532-0130-00"]
)
def test_an_iban_is_compared_on_letters_and_digits(written: str) -> None:
    assert found(f"auf {written} zahlen", iban="DE89370400440532013000") == {written: "iban"}


@pytest.mark.parametrize("written", ["+49 30 1234567", "030/1234567", "(030) 123 45 67", "0049-30-1234567"])
def test_a_phone_is_compared_on_its_last_digits(written: str) -> None:
    assert found(f"unter {written} anrufen", phone="+49 (0)30 1234567") == {written: "phone"}


@pytest.mark.parametrize(
    ("written", "own"),
    [
        ("Lindenstraße 12a, 10969 Berlin", "address"),
        ("LINDENSTRASSE 12A 10969 BERLIN", "address"),
        ("10969 Berlin, Lindenstr. 12a", "address"),
        ("Lindenstr. 12a", None),
        ("Lindenstrasse 12a, Berlin", None),
    ],
)
def test_an_address_is_compared_on_its_words(written: str, own: str | None) -> None:
    assert found(f"neu: {written}; gültig ab", address=ADDRESS) == {written: own}


def test_a_town_or_number_alone_is_no_address() -> None:
    assert found("Filiale Berlin, 12a Anlagen", address=ADDRESS) == {}


@pytest.mark.parametrize(
    "written", ["03.04.1990", "3. 4. 1990", "1990-04-03", "3 April 1990", "03/04/90", "3. dubna 1990"]
)
def test_a_birth_date_in_any_spelling(written: str) -> None:
    assert list(found(f"born {written}", birth_date="1990-04-03").values()) == ["birth_date"]


def test_another_date_is_not_the_rows() -> None:
    assert found("born 04.05.1990", birth_date="1990-04-03") == {}


def test_an_email_in_any_case_and_no_longer_one() -> None:
    assert found("an Petra.Klein@Bank.test gesandt", email="petra.klein@bank.test") == {
        "Petra.Klein@Bank.test": "email"
    }
    assert found("an xpetra.klein@bank.test", email="petra.klein@bank.test") == {}


def test_other_roles_are_identifiers() -> None:
    tokens = Tokens("Vertrag 77-4411-X läuft")
    tokens.look_up(Vocabulary("de", None))
    (claim,) = known.find({"contract": "774411X"}, tokens, language="de")
    assert (claim.kind, claim.own) == ("identifier", "contract")


def test_short_values_and_parts_of_longer_numbers_are_not_claimed() -> None:
    assert found("Konto 12345678", customer="1234") == {}
    assert found("Konto 9912345678", customer="12345678") == {}


@pytest.mark.parametrize(
    ("text", "bare"), [("A-b 1.2", "ab12"), ("Straße 5", "strasse5"), ("Šťastná č. 1", "stastnac1"), ("", "")]
)
def test_compacted_keeps_letters_and_digits(text: str, bare: str) -> None:
    assert compacted(text) == bare
