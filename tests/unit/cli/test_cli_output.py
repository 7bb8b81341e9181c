from __future__ import annotations

import json

import pytest

from gateway.cli.output import column_rows, complain, exit_codes, leak_rows, print_json, safe, stdout, table
from gateway.client import Incomplete, Refused, Unreachable
from gateway.errors import Denied, Exhausted, Integrity, Invalid, Unauthenticated, Unavailable, Unsupported

ACTING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9\ud800\U000e0041",
]


@pytest.mark.parametrize("character", ACTING, ids=ascii)
def test_what_acts_on_a_terminal_is_shown_as_an_escape(character: str) -> None:
    assert safe(f"a{character}b") == f"a\\u{ord(character):04x}b"


@pytest.mark.parametrize("text", ["Zoë Müller", "東京", "naïve — 5 €", "😀", "عربي", "a b"])
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_nothing_is_shown_for_nothing() -> None:
    assert safe(None) == ""


@pytest.mark.parametrize("character", ACTING, ids=ascii)
def test_json_is_plain_on_a_terminal_and_parses_to_the_same(character: str, capsys: pytest.CaptureFixture[str]) -> None:
    document = {"x": [f"a{character}b", "ü"]}
    print_json(document)
    told = capsys.readouterr().out
    assert character == "\n" or character not in told.rstrip("\n")
    assert json.loads(told) == document


def test_a_table_takes_no_markup_from_its_cells(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.print(table(("a",), [("[red]x[/red]",), ("[/]",)], title="[bold]t"))
    told = capsys.readouterr().out
    assert "[red]x[/red]" in told
    assert "[/]" in told


CODES = (
    (Invalid("x"), 2),
    (Unsupported("x"), 2),
    (Unauthenticated("x"), 1),
    (Denied("x"), 1),
    (Exhausted("x"), 1),
    (Integrity("x"), 1),
    (Unavailable("x"), 3),
    (Unreachable("x"), 3),
    (Incomplete("x"), 3),
    *((Refused({}, status=status), code) for status, code in {422: 2, 400: 2, 404: 2, 503: 3}.items()),
    *((Refused({}, status=status), 1) for status in (401, 403, 429, 500, 418, 499)),
)


@pytest.mark.parametrize(("error", "code"), CODES, ids=[f"{type(error).__name__}-{code}" for error, code in CODES])
def test_each_error_has_its_exit_code_and_leaves_stdout_alone(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left, exit_codes():
        raise error
    told = capsys.readouterr()
    assert left.value.code == code
    assert told.out == ""
    assert told.err.startswith("error")


def test_an_error_that_nobody_foresaw_is_not_swallowed() -> None:
    with pytest.raises(KeyError), exit_codes():
        raise KeyError("x")


def test_a_complaint_says_what_why_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    complain("no\x1b[2J", code="denied.x", reasons=("because\r",), fix="ask", receipt="r_1")
    told = capsys.readouterr().err
    assert all(part in told for part in ("denied.x", "no\\u001b[2J", "because\\u000d", "ask", "receipt r_1"))


def test_a_problem_of_any_shape_becomes_a_message() -> None:
    """What answers at the URL may be no gateway at all."""
    for problem in ({}, {"reasons": "x", "fix": None, "code": 5}, {"reasons": [1, None]}):
        refused = Refused(problem, status=502)
        assert isinstance(refused.code, str)
        assert all(isinstance(reason, str) for reason in refused.reasons)


def test_an_explanation_says_once_for_each_mask_what_it_still_tells() -> None:
    def column(mask: str, leaks: list[str], use: str = "value", **parameters: object) -> dict[str, object]:
        return {"mask": mask, "leaks": leaks, "use": use, "parameters": parameters, "domain": "person"}

    told = leak_rows(
        {
            "columns": [
                column("pseudonym", ["equality", "null"]),
                column("pseudonym", ["equality", "null"]),
                column("redact", []),
                column("keep", ["value"]),
                column("keep", ["value"], use="measure"),
                column("generalize", ["range"], table={"Ulm": ["South"], "Kiel": ["North"]}, level=2),
            ]
        }
    )
    assert told == [
        ("generalize(table=2 values, level=2)", "range"),
        ("pseudonym", "equality, null"),
        ("redact", "nothing"),
    ]


def test_an_explanation_says_what_is_looked_for_in_a_text() -> None:
    column = {"dataset": "core.notes", "column": "note", "level": "pseudonymized", "mask": "text", "leaks": ["part"]}
    column |= {
        "use": "value",
        "parameters": {},
        "domain": None,
        "grant": "g",
        "rule": "r",
        "looked_for": ["iban", "name"],
    }
    assert column_rows({"columns": [column]})[0][2] == "text, knows iban, name"
    assert leak_rows({"columns": [column]}) == [("text", "part")]
