"""Addresses: a street with its number, and what follows it."""

from __future__ import annotations

import pytest

from gateway.recognition import addresses


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in addresses.find(text)]


@pytest.mark.parametrize(
    ("before", "address", "after"),
    [
        ("Neue Anschrift: ", "Hauptstraße 12, 10115 Berlin", ", bitte ändern."),
        ("wohnt ", "Lange Str. 5a, D-80331 München", " seit Mai"),
        ("", "Am Alten Markt 3, 1010 Wien", " und mehr"),
        ("", "Bahnhofstr.12, 8001 Zürich", ""),
        ("zieht um: ", "MUSTERWEG 7 10115 BERLIN", ""),
        ("Anna Nowak\n", "Musterweg 7\n50667 Köln", "\nTel"),
        ("", "Postfach 12 34, 50667 Köln", ""),
        ("", "12 rue de la Paix, 75002 Paris", ". Merci"),
        ("habite ", "5 bis avenue Victor Hugo 69002 Lyon", " depuis"),
        ("", "Rue de la Loi 16, 1000 Bruxelles", ""),
        ("", "221B Baker Street, London NW1 6XE", " confirmed"),
        ("", "Flat 2, 10 High Street, Headington, Oxford, OX3 7AB", ""),
        ("Studio ", "12 The Green, Oxford OX1 2AB", " now"),
        ("moved to ", "4 privet drive", " little"),
        ("", "123 Main St, Springfield, IL 62704", " USA"),
        ("vive en ", "Calle Mayor 5, 28013 Madrid", "."),
        ("", "C/ Alcalá 12, 3º B, 28014 Madrid", ""),
        ("abita in ", "Via Roma 12, 20121 Milano", " (MI)"),
        ("", "Keizersgracht 123, 1015 CN Amsterdam", ""),
        ("", "ul. Długa 5/7, 00-238 Warszawa", ""),
        ("adresa ", "Dlouhá 12, 110 00 Praha 1", ", děkuji"),
        ("bytem ", "Nová 5, Brno", ""),
        ("", "nám. Míru 820/9, Praha 2", ""),
        ("mora na ", "Rua Augusta 24, 1100-053 Lisboa", ""),
        ("", "rue de Ramos, 59247 Texier", ""),
        ("", "boulevard Pottier\n94234 Charrier", "\n"),
        ("", "Flat 3\nWilliams Green\nLorrainemouth\nS9 0RZ", "\n"),
        ("", "Trnavská cesta 614, 842 53 Velušovce", ""),
        ("", "Paseo de Vito Alarcón 51 Puerta 3, Sevilla, 12365", ""),
        ("", "8 Main Street, Dublin D02 AF30", " ok"),
        ("moved to ", "4 Elm Close, Leeds", ""),
        ("", "123 N Main St Suite 200, Springfield, IL 62704", "."),
        ("", "9 E. 45th St, Apt 4, New York, NY 10017-1234", " now"),
        ("post to ", "45 King Street West, Toronto, ON M5H 1J8", ""),
        ("office:\n", "120 Wattle Parade\nUnit 6\nFitzroy, VIC 3065", "\n\nTel"),
        ("her ", "Apt 4B", " key"),
        ("APO: ", "PSC 1234, Box 5678\nAPO AE 09012", ""),
        ("", "P.O. Box 123, Galway", ""),
        ("send it to ", "po box 55", " please"),
        ("at ", "3/12 Harbour Esplanade", " today"),
    ],
)
def test_an_address_is_found_whole_and_nothing_about_it(before: str, address: str, after: str) -> None:
    assert found(before + address + after) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "payment via Visa 1234 ok",
        "Rechnung 12 vom 12.03.2024, 3 Raten 500 EUR",
        "2 items in the park, 5 days way",
        "50667 Köln",
        "Filiale Mitte 12 geschlossen",
        "am 12. Mai 2024 in Berlin",
        "10 Jahre, 80 Prozent",
        "Aktion Sommer 12, 2024 Wien",
        "24 Month Loop Plan",
        "a flat 20 EUR fee, level 3 support, see #12345",
        "Unit 4 upheld the complaint",
        "la oficina de la calle Mayor cerró a las 16",
        "cl. vuole richiamo dopo le 17",
        "C. Guichard par ordonnance du 12",
        "12 A B C D E F G H I J K, OX1 2AB",
        "",
    ],
)
def test_no_address(text: str) -> None:
    assert found(text) == []


def test_look_alikes_do_not_hide_an_address() -> None:
    text = "Hаuptstr\u200baße １２, 10115 Berlin"  # a Cyrillic а, a zero-width space, full-width digits
    assert found(text) == [text]


@pytest.mark.parametrize(
    ("before", "address", "after"),
    [
        ("meet at ", "the corner of Elm Street and 5th Avenue", " tonight"),
        ("he waits at the ", "intersection of Queen St and Marlow Rd", ", he says"),
        ("I now live at ", "1500 County Road 42", " since May"),
        ("is at ", "1010 Stephansplatz 3", " today"),
        ("", "17 Larch Drive, Suite 9, Tallinn, Estonia", " and more"),
        ("", "Kastanienweg 5, 8003 Zürich, Switzerland", ". Thanks"),
        ("> ", "44 Sorrel Lane\n> Unit 3\n> Whitby\n>\n> New Zealand 6011", "\n> ok"),
        ("", "Kossuth Lajos u. 7", ""),
        ("", "Humalistonkatu 8", " on"),
        ("", "Storgata 14", ""),
        ("", "Trg Petra Svačića 3", ""),
    ],
)
def test_an_address_of_another_form_is_found(before: str, address: str, after: str) -> None:
    text = before + address + after
    (piece,) = found(text)
    assert piece.removeprefix("the ") == address.removeprefix("the ")


@pytest.mark.parametrize(
    "text",
    [
        "at 9 March 2024 we met",
        "to 3 Visa 4532 cards",
        "on 12 Sept 2024",
        "Gate 12 at Oslo",
        "24 mois de garantie 24",
        "around the corner of the room",
        "he paid at 10 Downing's request",
        "in 2 Business Days 5 left",
    ],
)
def test_two_numbers_or_a_corner_alone_are_no_address(text: str) -> None:
    assert found(text) == []
