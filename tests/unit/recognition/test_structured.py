"""Identifiers in texts by shape and check digit."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.recognition import structured
from gateway.recognition.checks import CHECKS
from gateway.recognition.folding import fold
from gateway.recognition.shapes.draft import Draft, Piece
from gateway.terms.recognition import Span


def found(text: str, hint: str = "") -> list[tuple[str, str, bool]]:
    return [
        (text[span.start : span.end], span.kind, span.is_checked) for span in structured.find(text, country_hint=hint)
    ]


def one(value: str, kind: str, *, is_checked: bool = True) -> list[tuple[str, str, bool]]:
    return [(value, kind, is_checked)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Platba CZ6508000000192000145399 byla stornována", "CZ6508000000192000145399"),
        ("IBAN de89 3704 0044 0532 0130 00 and more words", "de89 3704 0044 0532 0130 00"),
        ("IBANDE89370400440532013000und", "DE89370400440532013000"),
        ("an D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0 ok", "D E 8 9 3 7 0 4 0 0 4 4 0 5 3 2 0 1 3 0 0 0"),
        ("(DE89-3704-0044-0532-0130-00)", "DE89-3704-0044-0532-0130-00"),
        ("DE89.3704.0044.0532.0130.00, ok", "DE89.3704.0044.0532.0130.00"),
        ("GB33BUKB20201555555555", "GB33BUKB20201555555555"),
        ("vers FR7630006000011234567890189 annulé", "FR7630006000011234567890189"),
        ("van NL91ABNA0417164300 aan", "NL91ABNA0417164300"),
        ("DE8937O400440532O13OOO", "DE8937O400440532O13OOO"),  # letters O for zeros
        ("DE89 3704 0044\n0532 0130 00", "DE89 3704 0044\n0532 0130 00"),
    ],
)
def test_an_iban_is_found_however_it_is_written(text: str, value: str) -> None:
    assert found(text) == one(value, "iban")


@pytest.mark.parametrize(
    "value",
    [
        "DE88370400440532013000",
        "DE89 3704 0044 0532 0130 01",
        "CZ6508000000192000145398",
        "GB34BUKB20201555555555",
        "FR7630006000011234567890188",
        "NL92ABNA0417164300",
        "DE893704004405320130",  # two characters lost
        "DE8937040044053201300012",  # two too many; the first 22 are right
    ],
)
def test_an_iban_with_a_wrong_digit_is_found_and_flagged(value: str) -> None:
    assert found(f"Bitte {value} prüfen") == one(value, "iban", is_checked=False)


@pytest.mark.parametrize(
    "value", ["4111 1111 1111 1111", "2221 0000 0000 0009", "4111111111111111", "3782 822463 10005"]
)
def test_a_card_is_found(value: str) -> None:
    assert found(f"Karte {value} gesperrt 12/26") == one(value, "card")


@pytest.mark.parametrize("text", ["card 4111 1111 1111 1112", "card 4111111111111112", "4111-1111-1111-1112"])
def test_a_card_with_a_wrong_digit_is_found_and_flagged(text: str) -> None:
    assert found(text) == one(text.removeprefix("card "), "card", is_checked=False)


@pytest.mark.parametrize(
    ("text", "value", "is_checked"),
    [
        ("Steuer-ID 86095742719", "86095742719", True),
        ("Steuer-ID 86095742718", "86095742718", False),
        ("86 095 742 719", "86 095 742 719", True),
        ("86 095 742 718", "86 095 742 718", False),
        ("PESEL 44051401359.", "44051401359", True),
        ("klient 44051401359", "44051401359", True),
        ("PESEL: 44051401358", "44051401358", False),
        ("SSN 536-90-4399", "536-90-4399", True),
        ("rč. 736028/5163", "736028/5163", True),
        ("rč. 736028/5164", "736028/5164", False),
        ("NINO YB107603B verified", "YB107603B", True),
        ("ni AB 12 34 56 C", "AB 12 34 56 C", True),
        ("CF RSSMRA85T10A562S", "RSSMRA85T10A562S", True),
        ("cf rssmra85t10a562s", "rssmra85t10a562s", True),
        ("CF RSSMRA85T10A562T", "RSSMRA85T10A562T", False),
        ("DNI 12345678Z", "12345678Z", True),
        ("DNI 12345678A", "12345678A", False),
        ("NIE X-1234567-L", "X-1234567-L", True),
        ("AHV 756.9217.0769.85", "756.9217.0769.85", True),
        ("756.9217.0769.84", "756.9217.0769.84", False),
        ("NN 85.07.30-033.28", "85.07.30-033.28", True),
        ("NN 85.07.30-033.29", "85.07.30-033.29", False),
        ("BSN 111222333", "111222333", True),
        ("BSN 111222334", "111222334", False),
        ("SVNR 1237 010180", "1237 010180", True),
        ("personnummer 811228-9874", "811228-9874", True),
        ("personnummer 811228-9874, 5 Uhr", "811228-9874", True),  # whatever stands after another digit
        ("hetu 131052-308T", "131052-308T", True),
        ("Steuernummer 93/815/08152", "93/815/08152", True),
        ("NIR 1 85 05 78 006 084 91", "1 85 05 78 006 084 91", True),
        ("NIR 1 85 05 78 006 084 92", "1 85 05 78 006 084 92", False),
    ],
)
def test_national_numbers(text: str, value: str, *, is_checked: bool) -> None:
    assert found(text) == one(value, "national_id", is_checked=is_checked)


@pytest.mark.parametrize(
    "value",
    [
        "+49 171 1234567",
        "+4917112345671",
        "0049 171 1234567",
        "00420603123456",
        "+1 (212) 555-1234",
        "0171/1234567",
        "01711234567",
        "(030) 123456-78",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "020 7946 0958",
        "07911 123456",
        "603 123 456",
        "912 34 56 78",
        "347 123 4567",
        "212-555-1234",
        "22 123 45 67",
        "+420 603 123 456",
        "(07204) 48236 079",
        "(351) 966 636 214",
        "330.603.4894x58955",
        "+49 30 1234567 ext. 12",
        "33 44 17 28",
    ],
)
def test_a_phone_number_needs_no_country(value: str) -> None:
    assert found(f"zurück an {value}, danke") == one(value, "phone")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Tel. 12345678", "12345678"),
        ("mobil: 603123456", "603123456"),
        ("zadzwonić pod 221234567", "221234567"),
        ("Rückruf bei Frau Doktor Lang unter 44556677", "44556677"),
        ("Rückruf bei Frau Doktor von der Lang unter 44556677", "44556677"),
        ("Solicitor, balance of estate\nT 01632427073", "01632427073"),
        ("à rappeler au 44556677", "44556677"),
        ("da ricontattare al 44556677", "44556677"),
        ("781 1704 office", "781 1704"),
        ("555 0142 (m)", "555 0142"),
        ("no one is answering at 66 714 205", "66 714 205"),
        ("nr 31-44-57-20, thanks", "31-44-57-20"),
    ],
)
def test_a_phone_cue_is_enough(text: str, value: str) -> None:
    assert found(text) == one(value, "phone")


@pytest.mark.parametrize(
    "text",
    [
        "Rechnung 0123456789 vom 12.03.2010 über 1.250,00 EUR",
        "Vertrag 603123456",
        "Vertrag Nr. 4711-0815/22",
        "smlouva č. 603123456",
        "facture 0612345678",
        "Überweisung 250 000 000 CZK",
        "123 456 789 Kč",
        "EUR 603 123 456",
        "Betrag 1.234.567,89",
        "am 01.02.2024 um 14:32",
        "Laufzeit 01.01.2024-31.12.2024",
        "2024-01-15 08:30:00",
        "Kurs 0.123456789",
        "order 2024/001234",
        "WKN 514000, ISIN DE0005140008",
        "Filiale 12, 3 Raten, 10 Jahre, 80 Prozent",
        "version 1.2.3",
        "faktura 123/2010",
        "BLZ 37040044",
        "603 123 456 Kč",
        "anbei RE0123456789 wie besprochen",
        "Rechnung 7360285163",
        "Kurs 0,603123456",
        "Abschnitt 300.1.2.3",
        "entro il 23/06/2025. Nuovo indirizzo dal 09/05/2024: 14, 09124",  # IL has the remainder of an IBAN by chance
    ],
)
def test_amounts_dates_invoices_and_contracts_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("účet 19-2000145399/0800", "19-2000145399/0800"),
        ("2000145399/0800", "2000145399/0800"),
        ("20-00-00 55779911", "20-00-00 55779911"),
        ("Konto 532013000", "532013000"),
        ("61 1090 1014 0000 0712 1981 2874", "61 1090 1014 0000 0712 1981 2874"),
        ("routing 021000021", "021000021"),
    ],
)
def test_domestic_accounts(text: str, value: str) -> None:
    assert found(text) == one(value, "account")


def test_a_routing_number_with_a_wrong_digit_is_flagged() -> None:
    assert found("ABA 021000022") == one("021000022", "account", is_checked=False)


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("an anna.nowak@example.com.", "anna.nowak@example.com", "email"),
        ("ANNA . NOWAK @ EXAMPLE . COM", "ANNA . NOWAK @ EXAMPLE . COM", "email"),
        ("anna (at) example (dot) com", "anna (at) example (dot) com", "email"),
        ("müller@exämple.de,", "müller@exämple.de", "email"),
        ("see https://user:pw@host.example/x.", "https://user:pw@host.example/x", "url"),
        ("https://x.example/?email=a", "https://x.example/?email=a", "url"),
        ("from 10.0.0.1:443", "10.0.0.1", "ip"),
        ("from 2001:db8::1", "2001:db8::1", "ip"),
        ("MAC 00:1B:44:11:3A:B7", "00:1B:44:11:3A:B7", "mac"),
        ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", "crypto"),
        ("to bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "crypto"),
        ("529900T8BM49AURSDO55", "529900T8BM49AURSDO55", "lei"),
        ("BIC DEUTDEFF500", "DEUTDEFF500", "bic"),
        ("passport C01X00T47", "C01X00T47", "document"),
        ("Reisepass C01X 00T47", "C01X 00T47", "document"),
        ("Ausweis-Nr. T220001293", "T220001293", "document"),
        ("paszport AB 1234567", "1234567", "document"),
        ("Kundennummer 12345678", "12345678", "identifier"),
        ("Kennzeichen B-MW 1234", "B-MW 1234", "plate"),
        ("voiture AB-123-CD", "AB-123-CD", "plate"),
        ("Login: jdoe77", "jdoe77", "username"),
        ("DOB 28/04/1995", "28/04/1995", "birth_date"),
        ("born 14 February 1985", "14 February 1985", "birth_date"),  # no other digits
        ("geb. 1961", "1961", "birth_date"),
    ],
)
def test_other_kinds(text: str, value: str, kind: str) -> None:
    assert found(text) == one(value, kind)


@pytest.mark.parametrize(
    "text", ["no digits and no sign", "https://example.com/news", "lunch @ noon. Bring it", "UEBERWEI"]
)
def test_plain_text_stays(text: str) -> None:
    assert found(text) == []


def test_the_country_helps_where_it_is_known() -> None:
    text = "Nummer 123456782 notiert"
    assert found(text) == []
    assert found(text, "nl") == one("123456782", "national_id")


def test_spans_are_of_the_text_as_it_came() -> None:
    text = "x\u200bﬁ D\u0415\u200b8937\u00a00400 4405 3201 3000 ok"
    assert [kind for _, kind, _ in found(text)] == ["iban"]
    assert found(text)[0][0].startswith("D\u0415\u200b89")
    assert found(text)[0][0].endswith("3000")


def test_what_a_site_adds_is_joined_and_ours_goes_before() -> None:
    text = "IBAN DE89370400440532013000 file AKTE-77"

    def site(_: str) -> list[Span]:
        return [Span(start=0, end=9, kind="other"), Span(start=33, end=40, kind="other")]

    spans = structured.find(text, site=site)
    assert [(text[span.start : span.end], span.kind) for span in spans] == [
        ("IBAN DE89370400440532013000", "iban"),
        ("AKTE-77", "other"),
    ]


def test_joined_spans_keep_the_kind_of_the_first_search_whichever_begins_before() -> None:
    ours = Span(start=5, end=9, kind="card", is_checked=False)
    for start, end in ((0, 6), (8, 12), (0, 12), (6, 7)):
        joined = structured.united([ours], [Span(start=start, end=end, kind="other")])
        assert joined == [dataclasses.replace(ours, start=min(5, start), end=max(9, end))]


def test_a_search_after_ours_does_not_change_the_kind_of_three_that_touch() -> None:
    site = [Span(start=0, end=5, kind="other"), Span(start=7, end=10, kind="other")]
    ours = [Span(start=3, end=8, kind="card"), Span(start=9, end=12, kind="phone")]
    assert structured.united(ours, site) == [Span(start=0, end=12, kind="card")]


def test_a_birth_number_that_checks_is_no_account_though_a_bank_has_its_end() -> None:
    assert CHECKS["cz.rc"].validate("735128/0300")
    assert found("735127/0800") == one("735127/0800", "account", is_checked=False)
    assert found("735128/0300") == one("735128/0300", "national_id")


def test_of_two_pieces_that_begin_together_the_longer_is_claimed() -> None:
    draft = Draft(fold("1234 5678 x"))
    draft.claim([Piece(0, 4, "account"), Piece(0, 9, "card"), Piece(5, 9, None)])
    assert draft.spans() == [Span(start=0, end=9, kind="card")]
    assert draft.text == "\x00" * 9 + " x"
