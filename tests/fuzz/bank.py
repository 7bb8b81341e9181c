"""A bank of four sources of three kinds, and the people who ask about it."""

from __future__ import annotations

import dataclasses
import decimal
import random
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gateway.terms.policy import ColumnDecision, DatasetDecision
from tests import bank
from tests.house import POLICIES

_OURS = Path(__file__).parent / "policies"
CUSTOMERS = 64
SOURCES = {
    "core": "sqlite:///core.db",
    "crm": "sqlite:///crm.db",
    "lake": "parquet:///lake",
    "mart": "duckdb:///mart.db",
}
"""Name → URL, relative to a world's folder."""
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
TABLES = (*bank.DECLARED, "leads", *TYPED)
ODD = "odd_on"
"""Holds one cell that no date is, other in every world: who reads it gets an error, and must not get its text."""


@dataclasses.dataclass(frozen=True)
class Person:
    """Who asks."""

    name: str
    role: str
    environment: str
    purpose: str
    share: int
    """Of a hundred queries."""


PEOPLE = (
    Person("ana", "credit-risk-scientist", "dev", "credit-default-model", 44),
    Person("mia", "churn-builder", "dev", "churn-model", 18),
    Person("fran", "fraud-analyst", "dev", "fraud-detection", 10),
    Person("rita", "reporting-analyst", "dev", "regulatory-reporting", 18),
    Person("otto", "data-owner", "prod", "data-quality", 10),
)
"""Pseudonyms behind a row filter (twice), without one, groups, and full with capped texts."""

Sight = Mapping[str, tuple[DatasetDecision, Mapping[str, ColumnDecision]]]
"""Dataset → its decision, and one for each column that is granted at all."""


def write_policies(folder: Path) -> Path:
    """The repository's own, with further sources and a role that sees columns at several levels."""
    shutil.copytree(POLICIES, folder)
    for name in ("crm", "lake", "mart"):
        shutil.copy2(_OURS / f"{name}.yaml", folder / "catalog")
    for name, more in (
        ("grants.yaml", (_OURS / "grants.yaml").read_text()),
        ("roles.yaml", "churn-builder: {}\n"),
        ("domains.yaml", "order: {canon: integer_text, mask: {name: pseudonym}}\n"),
    ):
        with (folder / name).open("a") as file:
            file.write(more)
    return folder


def first_world(seed: int) -> bank.Tables:
    draw = random.Random(f"first {seed}")
    tables = bank.first_world(customers=CUSTOMERS, seed=seed)
    tables["leads"] = [_lead(draw, number, tables) for number in range(CUSTOMERS // 2)]
    tables["visits"] = [_visit(draw, number, tables) for number in range(CUSTOMERS * 2)]
    tables["orders"] = [_order(draw, number, tables) for number in range(CUSTOMERS)]
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


def write(tables: bank.Tables, folder: Path) -> None:
    """As files of every source, in the tables' order of rows; files that are there are replaced at once."""
    for source, names in FILES.items():
        fresh = folder / f"{source}.new"
        fresh.unlink(missing_ok=True)
        with sqlite3.connect(fresh) as connection:
            for name in names:
                _write_rows(connection, name, tables[name])
        connection.close()
        fresh.replace(folder / f"{source}.db")
    typed = {name: pa.Table.from_pylist(tables[name], schema) for name, schema in TYPED.items()}
    (folder / "lake").mkdir(exist_ok=True)
    pq.write_table(typed["visits"], folder / "visits.new", row_group_size=16)
    (folder / "visits.new").replace(folder / "lake" / "visits.parquet")
    (folder / "mart.new").unlink(missing_ok=True)
    with duckdb.connect(folder / "mart.new") as mart:
        mart.register("rows", typed["orders"])
        mart.execute("CREATE TABLE orders AS SELECT * FROM rows")
    (folder / "mart.new").replace(folder / "mart.db")


def _write_rows(connection: sqlite3.Connection, name: str, rows: Sequence[bank.Row]) -> None:
    columns = LEADS if name == "leads" else bank.DECLARED[name]
    declared = ", ".join(f"{column} {kind.removesuffix(' PRIMARY KEY')}" for column, kind in columns.items())
    connection.execute(f"CREATE TABLE {name} ({declared})")
    marks = ", ".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO {name} VALUES ({marks})", [tuple(bank._stored(row[column]) for column in columns) for row in rows]
    )
