"""T8: dates that are shifted by data subject, to somebody who may not see the subjects.

The mask reads each row's subject beside the date. Two banks that differ only in their subjects' identifiers give the
same answers, explanations and statements, behind a shim that brings the second bank's identifiers back: what they
tell is which shift a row has, and that only by the shifted date itself.
"""

from __future__ import annotations

import datetime
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gateway import serving
from gateway.errors import Denied, Integrity
from gateway.sources import render
from gateway.terms.policy import ColumnDecision
from gateway.terms.streams import RawStream, ReleasedStream
from tests import bank
from tests.house import POLICIES, House, open_house

SHIFT = "mask: {name: date_shift, window_days: 120}"
REDACTED = "mask: {name: redact}"
AWAY = 900_000_000
QUERIES = [
    "SELECT granted_on, amount FROM core.loans ORDER BY granted_on, amount",
    "SELECT granted_on FROM core.loans WHERE granted_on > DATE '2020-06-01' ORDER BY granted_on LIMIT 5",
    "SELECT date_part('year', opened_on) AS year, count(*) FROM core.accounts GROUP BY 1 ORDER BY 1",
    "SELECT max(booked_at), min(booked_at), count(*) FROM core.transactions",
    "SELECT count(DISTINCT granted_on) FROM core.loans",
    "SELECT 1 FROM core.loans WHERE granted_on = DATE '2020-01-01'",
]


def policies_in(root: Path) -> Path:
    """The bank's, but that all dates of customers are shifted or gone, and that nobody sees a customer's number."""
    folder = root / "policies"
    shutil.copytree(POLICIES, folder)
    shutil.rmtree(folder / "tests")
    catalog = folder / "catalog" / "core.yaml"
    text = re.sub(
        r'(updated_at|taken_at): \{type: "timestamp\[us, tz=UTC\]", class: \w+.*\}',
        rf'\1: {{type: "timestamp[us, tz=UTC]", class: quasi_identifier, {REDACTED}}}',
        catalog.read_text(),
    )
    text = re.sub(r"(birth_date: .*?)mask: \{.*?\}", rf"\1{REDACTED}", text)
    text = re.sub(r"((?:granted_on|opened_on|booked_at): .*?)mask: \{.*?\}", rf"\1{SHIFT}", text)
    catalog.write_text(text)
    grants = folder / "grants.yaml"
    grants.write_text(
        grants.read_text()
        + "- {id: no-customers, effect: deny, role: credit-risk-scientist, environment: dev, purposes: ['*'],"
        " datasets: [core.accounts, core.loans, core.transactions], columns: [customer_id]}\n"
    )
    return folder


class Banks:
    """Two gateways with equal keys and policies; the second bank's customers have other numbers."""

    def __init__(self, houses: tuple[House, House]) -> None:
        self.houses = houses
        self.tokens = tuple(house.token("ana", bank.ANA[0]) for house in houses)

    def tell(self, number: int, sql: str) -> dict[str, object]:
        """Everything that reaches the asker, the sandbox or the source."""
        released: list[str] = []
        statements: list[str] = []
        real_apply, real_rows = serving.masks.apply, render.rows

        def apply(raw: RawStream, decisions: tuple[ColumnDecision, ...], **more: Any) -> ReleasedStream:
            stream = real_apply(_brought_back(raw) if number else raw, decisions, **more)
            return ReleasedStream(stream.schema, _noted(stream, released), close=stream.close)

        def rows(*given: Any, **more: Any) -> Any:
            statements.append(repr(real_rows(*given, **more)))
            return real_rows(*given, **more)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(serving.masks, "apply", apply)
            patch.setattr(render, "rows", rows)
            body, _ = self.houses[number].ask(self.tokens[number], sql, purpose=bank.ANA[1])
        answer = json.loads(body)
        explained = self.houses[number].explain(self.tokens[number], sql, purpose=bank.ANA[1])
        return {
            "columns": answer["columns"],
            "rows": answer["rows"],
            "explained": repr(explained),
            "released": sorted(released),
            "source": statements,
        }


def _noted(stream: ReleasedStream, into: list[str]) -> Iterator[pa.RecordBatch]:
    for batch in stream:
        into.extend(map(repr, batch.to_pylist()))
        yield batch


def _brought_back(raw: RawStream) -> RawStream:
    def batches() -> Iterator[pa.RecordBatch]:
        for batch in raw:
            columns = [
                pa.array([number - AWAY for number in column.to_pylist()], column.type)
                if name == "customer_id"
                else column
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=batch.schema)

    return RawStream(raw.schema, batches(), close=raw.close)


@pytest.fixture(scope="module")
def banks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Banks]:
    root = tmp_path_factory.mktemp("shifted")
    policies = policies_in(root)
    first = bank.first_world()
    second = {name: [{**row, "customer_id": row["customer_id"] + AWAY} for row in rows] for name, rows in first.items()}
    folders = [root / name for name in ("seed", "first", "second")]
    for folder in folders:
        folder.mkdir()
    with open_house(folders[0], bank=bank.write(first, folders[0] / "core.db"), policies=policies) as seed:
        seed.ask(seed.token("ana", bank.ANA[0]), QUERIES[0], purpose=bank.ANA[1])
        settings = seed.settings
    with (
        open_house(
            folders[1], bank=bank.write(first, folders[1] / "core.db"), policies=policies, twin_of=settings
        ) as one,
        open_house(
            folders[2], bank=bank.write(second, folders[2] / "core.db"), policies=policies, twin_of=settings
        ) as two,
    ):
        yield Banks((one, two))


@pytest.mark.parametrize("sql", QUERIES)
def test_t8_two_banks_answer_alike_whatever_their_customers_numbers(banks: Banks, sql: str) -> None:
    assert banks.tell(0, sql) == banks.tell(1, sql)


def test_t8_without_the_shim_only_the_shifts_differ(banks: Banks) -> None:
    """So the shim is what makes them equal, and the subject is what the shift goes by."""
    sql = "SELECT granted_on, amount FROM core.loans ORDER BY amount"
    first, second = (
        json.loads(house.ask(token, sql, purpose=bank.ANA[1])[0])["rows"]
        for house, token in zip(banks.houses, banks.tokens, strict=True)
    )
    assert [row[1] for row in first] == [row[1] for row in second]
    assert [row[0] for row in first] != [row[0] for row in second]


def test_t8_a_customer_has_one_shift_and_no_date_is_the_true_one(banks: Banks) -> None:
    house, token = banks.houses[0], banks.tokens[0]
    true = {row["loan_id"]: row for row in bank.first_world()["loans"]}
    names = json.loads(
        house.ask(token, "SELECT granted_on, amount, term_months, rate FROM core.loans", purpose=bank.ANA[1])[0]
    )["rows"]
    visible = {row["customer_id"] for row in bank.first_world()["customers"] if row["region"] in bank.VISIBLE}
    known = {
        (f"{row['amount']:.2f}", row["term_months"]): row for row in true.values() if row["customer_id"] in visible
    }
    shifts: dict[int, set[int]] = {}
    for granted_on, amount, term, _ in names:
        row = known[f"{float(amount):.2f}", term]
        moved = (datetime.date.fromisoformat(granted_on) - row["granted_on"]).days
        shifts.setdefault(row["customer_id"], set()).add(moved)
    assert shifts
    assert all(len(moved) == 1 and 1 <= abs(next(iter(moved))) <= 120 for moved in shifts.values())
    assert len({next(iter(moved)) for moved in shifts.values()}) > 1


def test_t8_the_subject_is_read_and_cannot_be_asked_for(banks: Banks) -> None:
    seen = banks.tell(0, QUERIES[0])
    assert any("customer_id" in statement for statement in seen["source"])  # type: ignore[attr-defined]  # a list
    assert not any("customer_id" in row for row in seen["released"])  # type: ignore[attr-defined]
    with pytest.raises(Denied):
        banks.tell(0, "SELECT customer_id FROM core.loans")
    with pytest.raises(Denied):
        banks.tell(0, "SELECT granted_on FROM core.loans ORDER BY customer_id")


def test_t8_closed_when_a_source_delivers_a_subject_of_another_type(
    banks: Banks, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = serving.masks.apply

    def apply(raw: RawStream, decisions: tuple[ColumnDecision, ...], **more: Any) -> ReleasedStream:
        place = raw.schema.get_field_index("customer_id")
        schema = raw.schema.set(place, pa.field("customer_id", pa.string()))
        return real(RawStream(schema, (batch.cast(schema) for batch in raw), close=raw.close), decisions, **more)

    monkeypatch.setattr(serving.masks, "apply", apply)
    with pytest.raises(Integrity, match="not of the type"):
        banks.houses[0].ask(banks.tokens[0], QUERIES[0], purpose=bank.ANA[1])
