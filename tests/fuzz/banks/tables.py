"""The tables of the four sources that are files, and the first world's rows of all sources."""

from __future__ import annotations

import decimal
import random
from collections.abc import Collection

import pyarrow as pa

from tests import bank
from tests.fuzz.banks.served import ODD, SERVED

CUSTOMERS = 64
SOURCES = {
    "core": "sqlite:///core.db",
    "crm": "sqlite:///crm.db",
    "lake": "parquet:///lake",
    "mart": "duckdb:///mart.db",
}
"""Name → URL, relative to a world's folder; those of servers stand in served.py."""
FILES = {"core": tuple(bank.DECLARED), "crm": ("leads",)}
"""Source → tables, of those that are SQLite files."""
LEADS = {
    "lead_id": "INTEGER",
    "customer_id": "INTEGER",
    "email": "TEXT",
    "iban": "TEXT",
    "score": "REAL",
    "rating": "INTEGER",
    "status": "TEXT",
    "is_open": "INTEGER",
    "born": "TEXT",
    "odd_on": "TEXT",
    "seen_at": "TEXT",
    "memo": "TEXT",
}
TYPED = {
    "visits": pa.schema(
        {
            "visit_id": pa.int64(),
            "customer_id": pa.int64(),
            "email": pa.string(),
            "page": pa.string(),
            "seconds": pa.int64(),
            "spent": pa.decimal128(12, 2),
            "at": pa.timestamp("us", "UTC"),
            "is_new": pa.bool_(),
            "agent": pa.string(),
        }
    ),
    "orders": pa.schema(
        {
            "order_id": pa.int64(),
            "customer_id": pa.int64(),
            "iban": pa.string(),
            "shop": pa.string(),
            "total": pa.decimal128(14, 2),
            "quantity": pa.int64(),
            "weight": pa.float64(),
            "placed_on": pa.date32(),
        }
    ),
}
"""Tables of sources that hold values of one type in a column."""


def first_world(seed: int, *, servers: Collection[str] = ()) -> bank.Tables:
    """Of the files, and of these sources that are servers."""
    draw = random.Random(f"first {seed}")
    tables = bank.first_world(customers=CUSTOMERS, seed=seed)
    tables["leads"] = [_lead(draw, number, tables) for number in range(CUSTOMERS // 2)]
    tables["visits"] = [_visit(draw, number, tables) for number in range(CUSTOMERS * 2)]
    tables["orders"] = [_order(draw, number, tables) for number in range(CUSTOMERS)]
    for name, table in SERVED.items():
        if table.source in servers:
            own = random.Random(f"first {seed} {name}")
            tables[name] = [table.row(own, number, tables) for number in range(table.rows_per_customer * CUSTOMERS)]
    return tables


def _visit(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    customer = draw.choice(tables["customers"])
    return {
        "visit_id": number,
        "customer_id": customer["customer_id"] if number % 7 else None,
        "email": customer["email"],
        "page": draw.choice(["home", "shop", "help"]),
        "seconds": draw.randrange(60),
        "spent": decimal.Decimal(draw.randrange(50_000)) / 100 if number % 5 else None,
        "at": customer["updated_at"],
        "is_new": number % 3 == 0,
        "agent": f"ZQX-AGENT-{number:06d}",
    }


def _order(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    account = draw.choice(tables["accounts"])
    return {
        "order_id": 990_000_000 + number * 17,
        "customer_id": account["customer_id"],
        "iban": account["iban"],
        "shop": draw.choice(["north", "south", "outlet"]),
        "total": decimal.Decimal(draw.randrange(-2_000, 90_000)) / 100,
        "quantity": draw.choice([1, 2, 3, 10, None]),
        "weight": draw.choice([0.1, 0.2, 0.7, 1e-3, 1e6, None]),
        "placed_on": account["opened_on"],
    }


def _lead(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    customer, account = draw.choice(tables["customers"]), draw.choice(tables["accounts"])
    return {
        "lead_id": number,
        "customer_id": customer["customer_id"] if number % 5 else None,
        "email": customer["email"],
        "iban": draw.choice([account["iban"], account["iban"], None]),
        "score": draw.choice([0.1, 0.2, 0.3, 1e-9, 123456.75, -2.5, None]),
        "rating": draw.choice([0, 1, 2, 3, -5, 2**40, None]),
        "status": ("new", "won", "lost")[number % 3],
        "is_open": number % 2,
        "born": customer["birth_date"],
        ODD: "ZQX-NO-DATE-0" if number == 3 else customer["birth_date"],
        "seen_at": tables["accounts"][number]["updated_at"],
        "memo": f"ZQX-MEMO-{number:06d}",
    }
