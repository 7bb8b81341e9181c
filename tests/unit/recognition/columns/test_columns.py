"""Verdicts: values before names, chance before hits, and review where nothing is sure."""

from __future__ import annotations

import dataclasses
import uuid

import pyarrow as pa
import pytest

from gateway.recognition.columns import DEFAULT
from gateway.terms.recognition import ColumnVerdict, SampledTable
from tests.unit.recognition.columns import build
from tests.unit.recognition.columns.build import classify, column, verdict

DIRECT, QUASI, SENSITIVE, PUBLIC, TEXT = "direct_identifier", "quasi_identifier", "sensitive", "public", "free_text"


def told(one: ColumnVerdict) -> tuple[str, str, bool]:
    return one.classification, one.kind, one.needs_review


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("iban", build.ibans()),
        ("card", build.cards()),
        ("email", [f"a{number}@example.org" for number in build.numbers(6)]),
        ("person", build.people()),
        ("ip", [f"10.{n[0]}.{int(n) % 256}.{n[2]}" for n in build.numbers(3)]),
    ],
)
def test_values_tell_an_identifier_whatever_the_column_is_called(kind: str, values: list[str]) -> None:
    assert told(verdict("col0", values)) == (DIRECT, kind, False)
    assert verdict("status", values).classification == DIRECT


def test_a_check_that_chance_passes_is_none() -> None:
    passing, others = build.cards(20), build.numbers(16, 180)
    assert verdict("col0", passing + others).kind != "card"
    assert verdict("col0", build.cards(180) + build.numbers(16, 20)).kind == "card"


def test_few_values_that_pass_a_check_are_to_be_reviewed() -> None:
    few = verdict("col0", build.cards(3))
    assert (few.classification, few.needs_review) == (DIRECT, True)
    assert not verdict("col0", build.cards(60)).needs_review


def test_a_share_of_ibans_among_other_things_is_masked_and_asked_about() -> None:
    mixed = verdict("col0", [*build.ibans(60), *(f"cash desk {n}" for n in build.numbers(3, 100))])
    assert told(mixed) == (DIRECT, "iban", True)


def test_a_social_security_number_needs_its_hyphens_or_its_name() -> None:
    plain = [f"{n[0:3]}{n[3:5]}{n[5:]}" for n in build.numbers(9) if n[0] != "9" and n[:3] != "666" and "00" not in n]
    hyphens = [f"{n[:3]}-{n[3:5]}-{n[5:]}" for n in plain if n[3:5] != "00" and n[5:] != "0000"]
    assert verdict("col0", plain).kind == "identifier"
    assert verdict("col0", hyphens).kind == "national_id"
    assert told(verdict("ssn", plain)) == (DIRECT, "national_id", False)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (build.births(), "birth_date"),
        (build.recent(), "timestamp"),
        ([v.replace("-", "") for v in build.births()], "birth_date"),
        ([f"{v[8:]}.{v[5:7]}.{v[:4]}" for v in build.births()], "birth_date"),
        ([f"{v} 14:05:00" for v in build.births()], "timestamp"),
        ([f"{v} 00:00:00" for v in build.births()], "birth_date"),
        ([f"{v[2:4]}{int(v[5:7]) + 50 * (n % 2):02d}{v[8:]}" for n, v in enumerate(build.births())], "birth_date"),
    ],
)
def test_dates_in_any_form_are_births_by_their_years(values: list[str], kind: str) -> None:
    assert verdict("col0", values).kind == kind


def test_dates_that_are_mostly_of_late_are_no_births() -> None:
    assert verdict("col0", [*build.recent(150), *build.births(50)]).kind == "timestamp"
    late = [f"{1984 + n // 30 if n < 60 else 2000 + n % 14}-0{1 + n % 9}-{10 + n % 19}" for n in range(200)]
    assert verdict("col0", late).kind == "timestamp"


def test_invisible_and_wide_characters_do_not_hide_an_identifier() -> None:
    hidden = [
        value[:6] + "\u200b" + value[6:].translate({48 + n: 0xFF10 + n for n in range(10)}) for value in build.ibans()
    ]
    assert told(verdict("col0", hidden)) == (DIRECT, "iban", False)


def test_integers_are_dates_only_where_the_name_does_not_say_money() -> None:
    days = [v[2:].replace("-", "") for v in build.recent()]
    assert verdict("datum", days, declared=pa.int64()).kind == "timestamp"
    assert verdict("betrag", days, declared=pa.int64()).classification == SENSITIVE


def test_a_date_that_says_so_is_one_whatever_the_other_word_is() -> None:
    assert told(verdict("granted_on", build.recent(), declared=pa.date32())) == (PUBLIC, "timestamp", False)
    assert told(verdict("granted_on", build.recent())) == (PUBLIC, "timestamp", True)
    assert told(verdict("xyz", build.recent(), declared=pa.date32())) == (PUBLIC, "timestamp", True)
    assert told(verdict("granted_on", build.births(), declared=pa.date32())) == (QUASI, "birth_date", False)


def test_old_dates_under_another_name_are_no_births() -> None:
    assert verdict("opened_on", build.births()).kind == "timestamp"
    assert verdict("geb", build.recent()).kind == "birth_date"


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("col0", ["M", "F"] * 50, (QUASI, "gender", False)),
        ("col0", ["Male", "Female", "Other", "Prefer not to say"] * 25, (QUASI, "gender", False)),
        ("col0", ["ledig", "verheiratet", "geschieden"] * 40, (QUASI, "marital", False)),
        ("col0", ["EUR", "CZK", "GBP"] * 40, (PUBLIC, "currency", False)),
        ("col0", ["Y", "N"] * 50, (PUBLIC, "flag", True)),
        ("pep", ["Y", "N"] * 50, (SENSITIVE, "aml", False)),
        ("married", ["0", "1"] * 50, (QUASI, "marital", False)),
        ("email_verified", ["Y", "N"] * 50, (PUBLIC, "flag", False)),
        ("phone", ["A191", "A192"] * 50, (PUBLIC, "category", True)),
        ("account_number", [f"****{n}" for n in build.numbers(4)], (DIRECT, "account", True)),
        ("col0", [f"****{n}" for n in build.numbers(4)], (DIRECT, "identifier", True)),
        ("col0", [f"48.{n},16.{n[::-1]}" for n in build.numbers(4)], (QUASI, "location", False)),
        ("col0", ["SW1A 1AA", "EC1A 1BB", "M1 1AE", "B33 8TH", "CR2 6XH"] * 9, (QUASI, "postcode", False)),
        ("col0", [], (DIRECT, "empty", True)),
        ("col0", [None, " ", None], (DIRECT, "empty", True)),
        ("iban", [None] * 9, (DIRECT, "iban", True)),
        ("reference", [f"REF{n}" for n in build.numbers(8)], (PUBLIC, "row_id", True)),
        ("description", ["POS - ONLINE", "POS - ATM"] * 90, (PUBLIC, "category", True)),
        ("contact", ["cellular", "telephone", "by post"] * 60, (PUBLIC, "category", True)),
        ("contact", ["Anna Weber", "Jan Novak", "Eva Brown"] * 60, (DIRECT, "person", False)),
        ("created_by", ["KB4", "MS2", "TV1"] * 60, (DIRECT, "staff", False)),
        ("betreuer_kz", ["KB4", "MS2", "TV1", "AW7"] * 60, (DIRECT, "identifier", True)),
        ("blocked_kz", ["KB4", "MS2", "TV1", "AW7"] * 60, (PUBLIC, "category", True)),
    ],
)  # fmt: skip
def test_verdicts(name: str, values: list[str | None], expected: tuple[str, str, bool]) -> None:
    assert told(verdict(name, values)) == expected


def test_sentences_are_free_text_under_any_name() -> None:
    notes = [f"Customer called about booking {n} and asked to be called back" for n in build.numbers(5)]
    for name in ("col0", "status", "bemerkung", "ort"):
        assert told(verdict(name, notes)) == (TEXT, "note", False)


def test_addresses_are_told_by_their_form() -> None:
    streets = [f"{n[0]}{n[1]} Elm Street" for n in build.numbers(4)] + [
        f"Lindenstraße {n[:2]}" for n in build.numbers(5)
    ]
    assert told(verdict("col0", streets)) == (DIRECT, "address", False)
    floors = [f"Ronda de los Olmos {n[:2]} Piso {n[3]} Izquierda" for n in build.numbers(5)]
    assert told(verdict("col0", floors)) == (DIRECT, "address", False)


@pytest.mark.parametrize(
    ("name", "values", "declared", "expected"),
    [
        ("bal", [n[:4] + "." + n[4:] for n in build.numbers(6)], pa.float64(), (SENSITIVE, "balance", False)),
        ("col0", [n[:4] + "." + n[4:] for n in build.numbers(6)], pa.float64(), (SENSITIVE, "amount", True)),
        ("account", [n[:4] + "." + n[4:] for n in build.numbers(6)], pa.float64(), (SENSITIVE, "amount", True)),
        ("cust_no", [n[:4] + "." + n[4:] for n in build.numbers(6)], pa.float64(), (SENSITIVE, "amount", True)),
        ("months_since_late", [str(n % 90) for n in range(200)], pa.int64(), (SENSITIVE, "risk", False)),
        ("months_since_opening", [str(n % 90) for n in range(200)], pa.int64(), (PUBLIC, "duration", True)),
        ("col0", [str(100_000 + n) for n in range(200)], pa.int64(), (PUBLIC, "row_id", True)),
        ("kdnr", [str(100_000 + n) for n in range(200)], pa.int64(), (DIRECT, "customer", False)),
        ("txn_id", build.numbers(9), pa.int64(), (PUBLIC, "row_id", True)),
        ("col0", build.numbers(8), pa.int64(), (DIRECT, "identifier", True)),
        ("limit_no", build.numbers(8), pa.int64(), (DIRECT, "identifier", True)),
        ("yob", [v[:4] for v in build.births()], pa.int64(), (QUASI, "birth_year", False)),
        ("col0", [v[:4] for v in build.births()], pa.int64(), (QUASI, "birth_year", True)),
        ("num_cards", ["0", "1", "2", "3"] * 50, pa.int64(), (PUBLIC, "count", True)),
        ("age", [str(18 + n % 70) for n in range(200)], pa.int64(), (QUASI, "age", False)),
        ("rate", ["0.5", "1.25", "3.75"] * 60, pa.float64(), (PUBLIC, "rate", False)),
        (
            "col0",
            [n[:4] + "." + n[4:] + "00" for n in build.numbers(6)],
            pa.decimal128(14, 4),
            (SENSITIVE, "amount", True),
        ),
        ("bal", [n[:4] + "." + n[4:] + "00" for n in build.numbers(6)], pa.string(), (SENSITIVE, "balance", False)),
        ("huisnr", [str(1 + n % 180) for n in range(200)], pa.int64(), (QUASI, "house_number", False)),
        ("dni", [str(n % 90) for n in range(200)], pa.int64(), (PUBLIC, "number", True)),
    ],
)
def test_numbers(name: str, values: list[str], declared: pa.DataType, expected: tuple[str, str, bool]) -> None:
    assert told(verdict(name, values, declared=declared)) == expected


def test_a_uuid_is_a_row_s_or_a_customer_s() -> None:
    draw = build.chance()
    values = [str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(build.ROWS)]
    assert told(verdict("col0", values)) == (PUBLIC, "row_id", True)
    assert verdict("col0", values[:20] * 10).classification == DIRECT
    assert told(verdict("customer_uuid", values)) == (DIRECT, "customer", False)


def test_a_reference_to_an_identifier_is_one() -> None:
    values = [str(n % 50) for n in range(200)]
    one = classify(column("ref", values, declared=pa.int64(), references="public.customers.id"))[0]
    assert (one.classification, one.kind) == (DIRECT, "customer")
    assert "key" in {evidence.rule for evidence in one.evidence}
    office = classify(column("ref", values, declared=pa.int64(), references="public.branches.id"))[0]
    assert office.classification == PUBLIC


def test_a_comment_tells_where_the_name_does_not() -> None:
    values = build.numbers(5)
    assert verdict("f17", values, comment="Nettoeinkommen").classification == SENSITIVE
    assert verdict("plz", values, comment="Nettoeinkommen").kind == "postcode"


def test_an_unknown_code_in_a_table_of_people_describes_them() -> None:
    code = column("zzq", ["A", "B", "C"] * 60)
    alone = classify(code)[0]
    beside = classify(column("c1", build.people()), column("c2", build.births()), code)[2]
    assert (alone.classification, beside.classification) == (PUBLIC, QUASI)
    assert alone.needs_review
    assert beside.needs_review


def test_an_unknown_text_beside_a_postcode_is_its_town() -> None:
    towns = [f"Qx{chr(97 + n % 26)}{chr(97 + n // 26)}orf" for n in range(100)]
    codes = [f"{n} AB" for n in build.numbers(4, 100)]
    assert classify(column("c1", towns))[0].kind == "text"
    assert [one.kind for one in classify(column("c0", codes), column("c1", towns))] == ["postcode", "city"]


def test_dimensions_are_public_and_few() -> None:
    kind = verdict("account_type", ["A", "B"] * 50)
    assert kind.is_dimension
    assert not verdict("gender", ["M", "F"] * 50).is_dimension
    assert not verdict("account_type", build.numbers(6)).is_dimension


def test_what_is_public_without_a_name_is_always_to_be_reviewed() -> None:
    columns = {
        "text": column("c", ["A11", "A12", "A13"] * 30),
        "flag": column("c", ["true", "false"] * 30, declared=pa.bool_()),
        "number": column("c", ["1.5", "2.25", "7.125"] * 30, declared=pa.float64()),
        "date": column("c", build.recent(), declared=pa.date32()),
        "id": column("c", list(range(90)), declared=pa.int64()),
    }
    for what, one in columns.items():
        found = classify(one)[0]
        assert (what, found.classification, found.needs_review) == (what, PUBLIC, True)


def test_no_verdict_holds_a_value() -> None:
    values = [f"Secret{n}" for n in build.numbers(6)]
    for name in ("col0", "iban", "note", "name"):
        assert "Secret" not in repr(verdict(name, values))
    table = SampledTable(name="t", columns=(column("c", values),))
    assert "Secret" not in repr(table)


ODD = [
    "",
    "\x00",
    "nan",
    "inf",
    "1e400",
    "1_000",
    "٣٤٥",
    "²",
    "9" * 3_000,
    "99999999",
    "00.00.0000",
    "a@b",
    "****1234",
    "{}",
]
ODD += ["2024-02-30T25:99", "𝟙𝟚", "\u200b", "+" * 40, "x" * 40_000, "-5", "1,234.56", "0" * 13, None]


@pytest.mark.parametrize(
    "declared",
    [pa.string(), pa.int64(), pa.float64(), pa.bool_(), pa.date32(), pa.binary(), pa.null(), pa.list_(pa.int8())],
)
def test_no_value_of_any_type_raises(declared: pa.DataType) -> None:
    names = ("c", "iban", "betrag", "geb_datum", "flag", "note", "lat", "plz", "")
    rows = [ODD, ODD[:3], [None], *([one] * 60 for one in ODD)]
    for values in rows:
        found = classify(*(column(name, values, declared=declared) for name in names))
        assert [one.column for one in found] == list(names)


def test_a_table_of_two_thousand_columns() -> None:
    columns = [column(f"f{n}_betrag", ["1.50", "2.75", "300.10"] * 5, declared=pa.float64()) for n in range(2_000)]
    assert {one.kind for one in classify(*columns)} == {"amount"}
    assert classify() == []


def test_the_verdict_does_not_depend_on_the_order_of_rows() -> None:
    values = [*build.ibans(120), *build.numbers(10, 20)]
    shuffled = values[:]
    build.chance().shuffle(shuffled)
    assert dataclasses.replace(verdict("c", values), evidence=()) == dataclasses.replace(
        verdict("c", shuffled), evidence=()
    )


def test_a_site_s_words_and_values_count() -> None:
    lexicon = DEFAULT.extended("club: {class: sensitive, words: [zirkel], values: [rot weiss, blau]}")
    values = ["Rot-Weiss", "blau"] * 50
    assert classify(column("zirkel", build.numbers(4)), lexicon=lexicon)[0].classification == SENSITIVE
    assert classify(column("c", values), lexicon=lexicon)[0].kind == "club"
    assert classify(column("c", values))[0].kind == "category"
