"""An entry as bytes: canonical, capped, escaped, and derivable."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import entry as entries
from gateway.audit import escaped
from gateway.errors import Invalid
from tests.unit.audit.building import NOW, access, column, denial, event, outcome

SALT = bytes(range(32))


def payload(entry: object) -> dict:
    return json.loads(entries.payload_of(entry))


def test_the_payload_of_an_outcome_is_this_text() -> None:
    assert entries.payload_of(outcome(7)) == (
        b'{"access_index":7,"body_hmac":"' + b"b" * 64 + b'","code":"","kind":"outcome","receipt":"access-7",'
        b'"result":"ok","rows":42,"subjects":{},"suppressed_rows":0,"time":"2026-12-01T09:00:00.123456+00:00"}'
    )


def test_the_leaf_commits_to_the_payload_and_shows_nothing_of_it() -> None:
    row = entries.encode(access(1), salt=SALT)
    leaf = json.loads(row.leaf)
    assert leaf == {
        "version": 1,
        "kind": "access",
        "time": "2026-12-01T09:00:01.123456+00:00",
        "receipt": "access-1",
        "commitment": entries.commitment_of(row.payload, salt=SALT),
    }
    assert row.leaf == entries.canonical(leaf)


@pytest.mark.parametrize("entry", [access(), outcome(0), denial(), event()], ids=lambda entry: entry.kind)
def test_a_row_is_derived_from_its_payload(entry: object) -> None:
    row = entries.encode(entry, salt=SALT)
    assert entries.row_of(row.payload, salt=SALT, index=entries.UNNUMBERED) == row
    assert (row.kind, row.time) == (entry.kind, NOW)


def test_search_fields_of_each_kind() -> None:
    row = entries.encode(access(dynamic_grants=("g1",)), salt=SALT)
    assert (row.principal, row.purpose, row.instance) == ("ana", "credit-default-model", "instance-1")
    assert (row.result, row.access_index, row.datasets) == (None, None, ("core.customers",))
    row = entries.encode(outcome(3, result="cut", code="exhausted.time"), salt=SALT)
    assert (row.result, row.access_index, row.code, row.principal) == ("cut", 3, "exhausted.time", "")
    row = entries.encode(denial(), salt=SALT)
    assert (row.result, row.code, row.purpose) == ("denied", "denied.purpose", "marketing")
    row = entries.encode(event(), salt=SALT)
    assert (row.result, row.action, row.principal) == (None, "token-create", "operator:root")


def test_a_column_read_twice_is_one_search_row() -> None:
    twice = (column("core.b.y"), column("core.a.x"), column("core.b.y"), column("core.b.y", level="full"))
    row = entries.encode(access(columns=twice, datasets=("core.b", "core.a", "core.b")), salt=SALT)
    assert [(c.dataset, c.level) for c in row.columns] == [
        ("core.a", "pseudonymized"),
        ("core.b", "full"),
        ("core.b", "pseudonymized"),
    ]
    assert row.datasets == ("core.a", "core.b")
    assert len(payload(access(columns=twice))["columns"]) == 4


def test_times_are_stored_in_utc() -> None:
    berlin = datetime.timezone(datetime.timedelta(hours=1))
    assert payload(event(time=NOW.astimezone(berlin))) == payload(event())


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(Invalid):
        entries.encode(event(time=NOW.replace(tzinfo=None)), salt=SALT)


@pytest.mark.parametrize("value", [1.5, b"bytes", {1, 2}, object()])
def test_a_value_that_is_not_plain_is_refused_and_not_repeated(value: object) -> None:
    with pytest.raises(Invalid) as refused:
        entries.encode(event(detail={"x": value}), salt=SALT)
    assert str(value) not in str(refused.value)


def test_a_shape_keeps_16_kib_in_an_access() -> None:
    kept = payload(access(shape="é" * 20_000))["shape"]
    assert 16_380 <= len(kept.encode()) <= 16_384
    assert kept.endswith(entries.CUT)
    assert payload(access(shape="x" * 16_384))["shape"] == "x" * 16_384


def test_a_denial_keeps_little() -> None:
    kept = payload(
        denial(
            shape="x" * 5000,
            reasons=("r" * 1000,) * 20,
            columns=tuple(column(f"core.loans.c{at}", level="", grant="") for at in range(1000)),
        )
    )
    assert len(kept["shape"].encode()) == 4096
    assert (len(kept["reasons"]), kept["reasons_cut"]) == (8, 12)
    assert all(len(reason.encode()) <= 512 for reason in kept["reasons"])
    assert (len(kept["columns"]), kept["columns_cut"]) == (64, 936)
    assert len(entries.payload_of(denial(shape="x" * 5000))) < 6000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ümläut, 漢字, 🦉", "plain, ümläut, 漢字, 🦉"),
        ("a\r\nb\tc\0", r"a\x0d\x0ab\x09c\x00"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("user\u202enimda", r"user\u202enimda"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("\ud800 lone", r"\ud800 lone"),
        ("tag\U000e0041", r"tag\U000e0041"),
    ],
)
def test_what_acts_on_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown


@settings(max_examples=150)
@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    row = entries.encode(event(action=text, detail={text: text}, receipt=text), salt=SALT)
    assert row.payload.decode().isprintable()
    assert row.leaf.decode().isprintable()
    assert row.action.isprintable()
    assert len(row.action.encode()) <= 512
    assert entries.row_of(row.payload, salt=SALT, index=-1) == row


@settings(max_examples=100)
@given(st.text(alphabet="aé漢🦉"), st.integers(16, 64))
def test_a_cap_is_kept_in_whole_characters(text: str, max_bytes: int) -> None:
    kept = entries.capped(text, max_bytes=max_bytes)
    assert len(kept.encode()) <= max_bytes
    assert text.startswith(kept.removesuffix(entries.CUT))
