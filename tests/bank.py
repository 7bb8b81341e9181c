"""A small bank whose every protected cell is a canary, and a second world that differs only in what Ana may not see.

Ana is a credit-risk scientist in dev, purpose credit-default-model (policies/grants.yaml): rows of DE and FR, income
in full, identifiers as pseudonyms, the rest generalized or redacted.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import random
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.terms.policy import ColumnDecision, Decision

Row = dict[str, Any]
Tables = dict[str, list[Row]]
REGIONS = ("DE", "FR", "IT", "ES", "NL", "PL", "CZ", "AT")
VISIBLE = ("DE", "FR")
ANA = ("credit-risk-scientist", "credit-default-model")
_EPOCH = datetime.date(2020, 1, 1)

DECLARED: Mapping[str, Mapping[str, str]] = {
    "customers": {
        "customer_id": "INTEGER PRIMARY KEY",
        "full_name": "TEXT",
        "email": "TEXT",
        "phone": "TEXT",
        "iban": "TEXT",
        "birth_date": "TEXT",
        "street": "TEXT",
        "postcode": "TEXT",
        "city": "TEXT",
        "region": "TEXT",
        "segment": "TEXT",
        "income": "DECIMAL(12,2)",
        "updated_at": "TEXT",
    },
    "accounts": {
        "account_id": "INTEGER PRIMARY KEY",
        "customer_id": "INTEGER",
        "iban": "TEXT",
        "kind": "TEXT",
        "currency": "TEXT",
        "balance": "DECIMAL(14,2)",
        "opened_on": "TEXT",
        "updated_at": "TEXT",
    },
    "transactions": {
        "transaction_id": "INTEGER PRIMARY KEY",
        "account_id": "INTEGER",
        "customer_id": "INTEGER",
        "amount": "DECIMAL(14,2)",
        "currency": "TEXT",
        "merchant": "TEXT",
        "category": "TEXT",
        "channel": "TEXT",
        "counterparty_iban": "TEXT",
        "reference": "TEXT",
        "booked_at": "TEXT",
    },
    "loans": {
        "loan_id": "INTEGER PRIMARY KEY",
        "customer_id": "INTEGER",
        "account_id": "INTEGER",
        "amount": "DECIMAL(14,2)",
        "term_months": "INTEGER",
        "rate": "REAL",
        "granted_on": "TEXT",
        "loan_purpose": "TEXT",
        "defaulted": "INTEGER",
    },
    "call_notes": {
        "note_id": "INTEGER PRIMARY KEY",
        "customer_id": "INTEGER",
        "taken_at": "TEXT",
        "agent": "TEXT",
        "note": "TEXT",
    },
}


def first_world(*, customers: int = 48, seed: int = 1) -> Tables:
    """Deterministic; every text that Ana may not see begins with ZQX."""
    draw = random.Random(seed)
    tables: Tables = {name: [] for name in DECLARED}
    for number in range(customers):
        tables["customers"].append(_customer(draw, number))
    for number in range(customers * 2):
        owner = tables["customers"][number % customers]
        tables["accounts"].append(_account(draw, number, owner))
    for number in range(customers * 8):
        account = draw.choice(tables["accounts"])
        tables["transactions"].append(_transaction(draw, number, account))
    for number in range(customers // 2):
        account = draw.choice(tables["accounts"])
        tables["loans"].append(_loan(draw, number, account))
        tables["call_notes"].append(_note(draw, number, account))
    return tables


def write(tables: Tables, path: Path) -> Path:
    """As a SQLite file, tables declared as the embedded bank declares them."""
    with sqlite3.connect(path) as connection:
        for name, columns in DECLARED.items():
            declared = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            connection.execute(f"CREATE TABLE {name} ({declared})")
            marks = ", ".join("?" * len(columns))
            rows = [tuple(_stored(row[column]) for column in columns) for row in tables[name]]
            connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)
    connection.close()
    return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecondWorld:
    """What differs, and the way back."""

    tables: Tables
    back: Mapping[str, Mapping[Any, Any]]
    """Domain → this world's value → the first world's."""


def second_world(first: Tables, decision: Decision, *, seed: int = 7) -> SecondWorld:
    """The same visible world for the decision's principal; all else is other: identifiers through a bijection per
    domain, generalized values within their class, redacted cells and rows outside the row filter freely."""
    draw = random.Random(seed)
    forward = _bijections(first, decision, draw)
    hidden = {row["customer_id"] for row in first["customers"] if row["region"] not in VISIBLE}
    tables: Tables = {}
    for name, rows in first.items():
        dataset = decision.datasets.get(f"core.{name}")
        changed = []
        for row in rows:
            if row["customer_id"] in hidden and draw.random() < 0.3:
                continue  # rows outside the filter come and go
            other = dict(row)
            for column in dataset.columns.values() if dataset else ():
                other[column.column] = _moved(row[column.column], column, forward, draw)
            if row["customer_id"] in hidden:
                _disturb(other, draw)
            changed.append(other)
        tables[name] = changed
    back = {domain: {new: old for old, new in pairs.items()} for domain, pairs in forward.items()}
    return SecondWorld(tables=tables, back=back)


def canaries(tables: Tables) -> set[str]:
    """Every text and number of the bank that Ana may see in no output."""
    found = set()
    for rows in tables.values():
        for row in rows:
            for value in row.values():
                if isinstance(value, str) and value.upper().startswith("ZQX"):
                    found.add(value)
    found |= {str(row["customer_id"]) for row in tables["customers"]}
    return found


def _bijections(first: Tables, decision: Decision, draw: random.Random) -> dict[str, dict[Any, Any]]:
    values: dict[str, set[Any]] = {}
    for name, dataset in decision.datasets.items():
        for column in dataset.columns.values():
            if column.mask.name == "pseudonym" and column.domain:
                rows = first[name.removeprefix("core.")]
                values.setdefault(column.domain, set()).update(row[column.column] for row in rows)
    forward: dict[str, dict[Any, Any]] = {}
    for domain, known in sorted(values.items()):
        ordered = sorted((value for value in known if value is not None), key=str)
        others = [_stranger(value, number) for number, value in enumerate(ordered)]
        draw.shuffle(others)
        forward[domain] = dict(zip(ordered, others, strict=True))
    return forward


def _stranger(value: Any, number: int) -> Any:
    return 900_000_000 + number if isinstance(value, int) else f"ZQX-OTHER-{number:06d}"


def _moved(value: Any, column: ColumnDecision, forward: Mapping[str, Mapping[Any, Any]], draw: random.Random) -> Any:
    if column.mask.name == "redact":
        return _redrawn(value, draw)
    if value is None:
        return None
    match column.mask.name:
        case "pseudonym":
            return forward[column.domain or ""][value]
        case "truncate_date":
            return _within(value, str(column.mask.parameters["unit"]), draw)
        case "bucket":
            step = int(column.mask.parameters["step"])
            lower = (value // step) * step if value >= 0 else -((-value + step - 1) // step) * step
            return lower + decimal.Decimal(draw.randrange(step * 100)) / 100
        case _:
            return value


def _redrawn(value: Any, draw: random.Random) -> Any:
    return None if draw.random() < 0.2 else f"ZQX-FREE-{draw.randrange(10**9):09d}" if not isinstance(value, int) else 5


def _within(value: Any, unit: str, draw: random.Random) -> Any:
    day = value.date() if isinstance(value, datetime.datetime) else value
    match unit:
        case "year":
            day = datetime.date(day.year, 1, 1) + datetime.timedelta(days=draw.randrange(365))
        case "month":
            day = day.replace(day=draw.randrange(1, 29))
    if isinstance(value, datetime.datetime):
        return datetime.datetime.combine(day, datetime.time(draw.randrange(24), draw.randrange(60)), datetime.UTC)
    return day


def _disturb(row: Row, draw: random.Random) -> None:
    """Change what a row outside the filter says; it stays outside."""
    changes: Mapping[str, Callable[[], Any]] = {
        "income": lambda: decimal.Decimal(draw.randrange(10**7)) / 100,
        "amount": lambda: decimal.Decimal(draw.randrange(10**7)) / 100,
        "segment": lambda: draw.choice(["ZQX-SEGMENT", "retail"]),
        "category": lambda: "ZQX-CATEGORY",
        "region": lambda: draw.choice(REGIONS[2:]),
        "defaulted": lambda: draw.randrange(2),
    }
    for column, change in changes.items():
        if column in row:
            row[column] = change()


def _stored(value: Any) -> Any:
    match value:
        case datetime.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.%f")
        case datetime.date():
            return value.isoformat()
        case decimal.Decimal():
            return float(value)
        case _:
            return value


def _moment(draw: random.Random) -> datetime.datetime:
    seconds = draw.randrange(5 * 365 * 86_400)
    return datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)


def _money(draw: random.Random, low: int, high: int) -> decimal.Decimal:
    return decimal.Decimal(draw.randrange(low * 100, high * 100)) / 100


def _customer(draw: random.Random, number: int) -> Row:
    return {
        "customer_id": 770_000_000 + number * 37,
        "full_name": f"ZQX-NAME-{number:06d}",
        "email": f"zqx-email-{number:06d}@bank.example",
        "phone": f"ZQXPHONE{number:06d}" if number % 9 else None,
        "iban": f"ZQXIBAN{number:06d}",
        "birth_date": datetime.date(1940 + number % 60, 1 + number % 12, 1 + number % 28),
        "street": f"ZQX-STREET-{number:06d}",
        "postcode": f"ZQX-POSTCODE-{number:06d}",
        "city": f"ZQX-CITY-{number:06d}",
        "region": REGIONS[number % len(REGIONS)],
        "segment": ("retail", "affluent", "business")[number % 3],
        "income": None if number % 11 == 0 else _money(draw, 9_000, 180_000),
        "updated_at": _moment(draw),
    }


def _account(draw: random.Random, number: int, owner: Row) -> Row:
    return {
        "account_id": 550_000_000 + number * 13,
        "customer_id": owner["customer_id"],
        "iban": owner["iban"] if number % 2 else f"ZQXIBANB{number:06d}",
        "kind": ("current", "savings", "card")[number % 3],
        "currency": "EUR",
        "balance": _money(draw, -5_000, 90_000),
        "opened_on": _EPOCH + datetime.timedelta(days=draw.randrange(1500)),
        "updated_at": _moment(draw),
    }


def _transaction(draw: random.Random, number: int, account: Row) -> Row:
    return {
        "transaction_id": 330_000_000 + number * 7,
        "account_id": account["account_id"],
        "customer_id": account["customer_id"],
        "amount": _money(draw, -900, 2_500),
        "currency": "EUR",
        "merchant": f"ZQX-MERCHANT-{number % 40:06d}",
        "category": ("groceries", "rent", "salary", "leisure")[number % 4],
        "channel": ("card", "transfer", "cash")[number % 3],
        "counterparty_iban": f"ZQXPARTY{number % 25:06d}" if number % 4 else None,
        "reference": f"ZQX-REFERENCE-{number:06d}" if number % 3 else None,
        "booked_at": _moment(draw),
    }


def _loan(draw: random.Random, number: int, account: Row) -> Row:
    return {
        "loan_id": 440_000_000 + number * 3,
        "customer_id": account["customer_id"],
        "account_id": account["account_id"],
        "amount": _money(draw, 1_000, 50_000),
        "term_months": 12 * (1 + number % 7),
        "rate": 0.02 + (number % 10) / 100,
        "granted_on": _EPOCH + datetime.timedelta(days=draw.randrange(1500)),
        "loan_purpose": ("car", "home", "education")[number % 3],
        "defaulted": int(number % 5 == 0),
    }


def _note(draw: random.Random, number: int, account: Row) -> Row:
    return {
        "note_id": 660_000_000 + number,
        "customer_id": account["customer_id"],
        "taken_at": _moment(draw),
        "agent": "A-017",
        "note": f"ZQX-NOTE-{number:06d} customer called",
    }
