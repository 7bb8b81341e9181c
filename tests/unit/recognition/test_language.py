"""The language of a note is guessed from its words, the same each time."""

from __future__ import annotations

import pytest

from gateway.recognition.folding import words_folded
from gateway.recognition.language import of_words
from gateway.recognition.names.tokens import Tokens


def guessed(text: str) -> str:
    return of_words(Tokens(text).keys, text)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "The customer asked whether the fee would be returned by Friday."),
        ("de", "Die Kundin fragt, ob die Gebühr bis Freitag erstattet wird."),
        ("fr", "La cliente demande si les frais seront remboursés avant vendredi."),
        ("es", "La clienta pregunta si le devolverán la comisión antes del viernes."),
        ("it", "La cliente chiede se la commissione sarà rimborsata entro venerdì."),
        ("nl", "De klant vraagt of de kosten voor vrijdag worden vergoed."),
        ("pl", "Klientka pyta, czy opłata zostanie zwrócona do piątku."),
        ("cs", "Klientka se ptá, zda bude poplatek vrácen do pátku."),
        ("en", "pls call back re mortgage, not happy with the offer"),
        ("de", "bitte rückruf wegen hypothek, ist nicht zufrieden mit dem angebot"),
    ],
)
def test_language_of_a_sentence(language: str, text: str) -> None:
    assert guessed(text) == language


@pytest.mark.parametrize("text", ["", "12345", "DE89370400440532013000", "Xqzw Vbnk", "…"])
def test_no_language_is_named_where_nothing_tells(text: str) -> None:
    assert guessed(text) == ""


def test_accents_and_case_do_not_matter_for_words() -> None:
    plain = "VIREMENT DEMANDE PAR LA CLIENTE POUR LE COMPTE DE SON EPOUX"
    assert guessed(plain) == "fr"
    assert words_folded("Époux") == "epoux"
