"""Which dates are birth dates."""

from __future__ import annotations

import datetime

import pytest

from gateway.recognition import dates


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in dates.find(text)]


@pytest.mark.parametrize(
    ("before", "date", "after"),
    [
        ("geb. am ", "3.4.1991", ""),
        ("geb. ", "3. 4. 1991", " in Köln"),
        ("born ", "12 March 1980", "."),
        ("born on ", "March 12th, 1980", ""),
        ("DOB ", "28/04/95", ""),
        ("née le ", "3 avril 1975", ""),
        ("né le ", "1er août 1975", ""),
        ("nato il ", "5 maggio 1960", ""),
        ("nacida el ", "5 de enero de 1960", ""),
        ("narozena ", "5. ledna 2015", ""),
        ("ur. ", "5 stycznia 1960", ""),
        ("geboren op ", "5 mei 2020", ""),
        ("nar. ", "25. 04. 2001", ""),
        ("", "1978-03-25", " laut Ausweis"),
        ("Anna (", "1.2.1960", ")"),
        ("*", "1.2.2019", ""),
        ("DOB: ", "19800503", ""),
        ("Jahrgang ", "1980", ""),
        ("", "05.06.2001", " geboren"),
        ("customer ", "11/30/1980", ""),
        ("Date of birth: ", "1980/05/03", ""),
        ("birth date ", "2013-03-25", "."),
        ("D.O.B. ", "3.4.2014", ""),
        ("F.N.: ", "3/4/2014", ""),
        ("narozeného ", "3. 4. 2013", ""),
        ("urodzonej ", "3.4.2013", ""),
    ],
)
def test_birth_dates(before: str, date: str, after: str) -> None:
    assert found(before + date + after) == [date]


@pytest.mark.parametrize(
    "text",
    [
        "Buchung 12.03.2010",
        "Wertstellung 2011-01-05",
        "Rechnung vom 3. Mai 1999",
        "Konto eröffnet am 12.03.1998",
        "virement du 12/03/2010",
        "splatnost 1. 2. 2008",
        "12.03.2024",
        "5 January 2024",
        "12.03.07",
        "2010-03-12T14:30",
        "Datum: 12.03.2011",
        "31.02.1980",
        "45.13.1980",
        "1980",
        "version 1.2.1980.5",
    ],
)
def test_other_dates_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3.4.1991", datetime.date(1991, 4, 3)),
        ("1991-04-03", datetime.date(1991, 4, 3)),
        ("04/23/1991", datetime.date(1991, 4, 23)),
        ("3 avril 1991", datetime.date(1991, 4, 3)),
        ("April 3, 1991", datetime.date(1991, 4, 3)),
        (" 3. dubna 1991 ", datetime.date(1991, 4, 3)),
        ("3.4.91", None),
        ("x 3.4.1991", None),
        ("1991", None),
        ("30.2.1991", None),
        ("", None),
    ],
)
def test_a_whole_value_is_read(text: str, day: datetime.date | None) -> None:
    assert dates.parse(text) == day


def test_all_dates_are_told_in_order() -> None:
    at = [(one.start, one.year) for one in dates.scan("2.1.2020 und 3 March 2021, born 1980")]
    assert at == [(0, 2020), (13, 2021)]
