"""What is known of a row's own subject comes with the row, in the same statement, on every source."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from gateway.errors import Integrity
from gateway.terms.plan import MAX_TEXT_CHARACTERS
from gateway.terms.policy import KnownColumn
from gateway.terms.predicate import Compare
from tests.conformance.plans import follow_of, scan_of
from tests.conformance.tables import SOURCE, Adapter, Rows, column
from tests.conformance.test_scan import scanned

PEOPLE = Rows(
    (column("id", "int64"), column("branch", "string"), column("full_name", "string"), column("born", "date")),
    [
        (1, "a", "Ana Novák", datetime.date(1980, 2, 29)),
        (2, "a", "Bo 'O''Hara\" é", None),
        (3, "b", None, datetime.date(1999, 12, 31)),
        (4, "A", "Same Number", datetime.date(2000, 1, 1)),
        (4, "a ", "Other Number", datetime.date(2001, 1, 1)),
    ],
)
NOTES = Rows(
    (column("n", "int64"), column("owner", "int64"), column("place", "string"), column("note", "string")),
    [
        (n, owner, place, f"note {n}")
        for n, (owner, place) in enumerate([(1, "a"), (2, "a"), (3, "b"), (9, "a"), (4, "a")])
    ]
    + [(5, None, "a", "of nobody")],
)

TEXTS = frozenset({"note"})


def known(name: str, *, on: tuple[tuple[str, str], ...] = (("owner", "id"),)) -> KnownColumn:
    return KnownColumn(
        role="name",
        dataset=f"{SOURCE}.people",
        table=("people",),
        column=name,
        type=PEOPLE.column(name).type,
        on=on,
        mask=None,
        domain=None,
        canon=None,
    )


def test_each_row_brings_what_is_known_of_its_subject(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    name, born = known("full_name"), known("born")
    scan = dataclasses.replace(scan_of(NOTES, "n", "note", aux=["owner"]), known=(name, born))
    got = {row["n"]: (row[name.alias], row[born.alias]) for row in scanned(adapter.source(), scan, deadline)}
    assert got[0] == ("Ana Novák", datetime.date(1980, 2, 29))
    assert got[1] == ("Bo 'O''Hara\" é", None)
    assert got[2] == (None, datetime.date(1999, 12, 31))
    assert got[3] == got[5] == (None, None)


def test_two_keys_of_a_row_bring_two_people(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    table = Rows((*NOTES.columns, column("other", "int64")), [(0, 1, "a", "note", 2)])
    adapter.create("t", table)
    one, other = known("full_name"), known("full_name", on=(("other", "id"),))
    scan = dataclasses.replace(scan_of(table, "n", aux=["owner", "other"]), known=(one, other))
    (row,) = scanned(adapter.source(), scan, deadline)
    assert (row[one.alias], row[other.alias]) == ("Ana Novák", "Bo 'O''Hara\" é")


def test_a_text_to_be_masked_is_cut_and_costs_no_answer(adapter: Adapter, deadline: float) -> None:
    texts = ["short", "é" * MAX_TEXT_CHARACTERS, "x" * (MAX_TEXT_CHARACTERS + 1), "x" * 2_000_000, "", None]
    table = Rows((column("n", "int64"), column("note", "string")), list(enumerate(texts)))
    adapter.create("t", table)
    scan = scan_of(table, "n", "note")
    got = {row["n"]: row["note"] for row in scanned(adapter.source(), dataclasses.replace(scan, texts=TEXTS), deadline)}
    assert [got[n] for n in range(len(texts))] == [text and text[: MAX_TEXT_CHARACTERS + 1] for text in texts]
    with pytest.raises(Integrity):
        scanned(adapter.source(), scan, deadline)


def test_a_subject_that_is_there_twice_doubles_no_row(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    scan = dataclasses.replace(scan_of(NOTES, "n", aux=["owner"]), known=(known("full_name"),))
    rows = scanned(adapter.source(), scan, deadline)
    assert sorted(row["n"] for row in rows) == [0, 1, 2, 3, 4, 5]
    assert [row[known("full_name").alias] for row in rows if row["n"] == 4] == ["Other Number"]


def test_subjects_are_the_same_by_all_their_keys_byte_for_byte(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    name = known("full_name", on=(("owner", "id"), ("place", "branch")))
    scan = dataclasses.replace(scan_of(NOTES, "n", aux=["owner", "place"]), known=(name,))
    got = {row["n"]: row[name.alias] for row in scanned(adapter.source(), scan, deadline)}
    assert got == {0: "Ana Novák", 1: "Bo 'O''Hara\" é", 2: None, 3: None, 4: None, 5: None}


def test_filters_are_about_the_rows_and_not_about_what_is_known(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    scan = scan_of(
        NOTES,
        "n",
        aux=["owner", "place"],
        rows=Compare("place", "=", "a"),
        pushed=Compare("n", "<", 2),
        follow=follow_of("owner", Compare("branch", "=", "a")),
    )
    scan = dataclasses.replace(scan, known=(known("full_name"),))
    got = [(row["n"], row[known("full_name").alias]) for row in scanned(adapter.source(), scan, deadline)]
    assert sorted(got)[:2] == [(0, "Ana Novák"), (1, "Bo 'O''Hara\" é")]


def test_a_known_column_that_is_of_another_type_fails_the_scan(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    wrong = dataclasses.replace(known("full_name"), type=PEOPLE.column("id").type)
    scan = dataclasses.replace(scan_of(NOTES, "n", aux=["owner"]), known=(wrong,))
    with pytest.raises(Integrity, match=r"people\.full_name"):
        scanned(adapter.source(), scan, deadline)


def test_a_scan_that_does_not_carry_the_key_fails(adapter: Adapter, deadline: float) -> None:
    adapter.create("people", PEOPLE)
    adapter.create("t", NOTES)
    scan = dataclasses.replace(scan_of(NOTES, "n"), known=(known("full_name"),))
    with pytest.raises(Integrity, match="owner"):
        scanned(adapter.source(), scan, deadline)
