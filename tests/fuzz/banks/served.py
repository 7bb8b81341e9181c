"""Tables of the sources that are servers: `care` in PostgreSQL, `fund` in MariaDB.

Their types are those that only these servers have, and so is what stands in cells that nobody may see: infinite
dates, NaN in a numeric, zero dates, numbers beyond an int64, texts that a collation takes for equal.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import random
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from tests import bank

ODD = "odd_on"
"""Holds one cell that no date is, other in every world: who reads it gets an error, and must not get its text."""
_ENDLESS = ("infinity", "-infinity", "12345-06-07", "0044-03-15 BC")
_ZERO = ("0000-00-00", "2021-00-07", "2021-04-00")
_MOMENT = pa.timestamp("us", "UTC")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """One table."""

    source: str
    columns: Mapping[str, tuple[pa.DataType, str]]
    """Name → the catalog's type and the server's."""
    wild: Mapping[str, Sequence[object]]
    """What else the server takes in a column, of those whose values are not any of the catalog's type."""
    row: Callable[[random.Random, int, bank.Tables], bank.Row]
    rows_per_customer: int


def _money(draw: random.Random, low: int, high: int) -> decimal.Decimal:
    return decimal.Decimal(draw.randrange(low, high)) / 100


def _day(draw: random.Random) -> datetime.date:
    return datetime.date(2018, 1, 1) + datetime.timedelta(days=draw.randrange(2_000))


def _client(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    customer = tables["customers"][number]
    return {
        "customer_id": customer["customer_id"],
        "email": customer["email"],
        "tier": ("gold", "GOLD ", "gold", "Gold", "basic")[number % 5],
        "visits": draw.randrange(6),
        "joined_on": _day(draw),
    }


def _ticket(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    account = draw.choice(tables["accounts"])
    return {
        "ticket_id": number,
        "customer_id": account["customer_id"] if number % 7 else None,
        "iban": account["iban"],
        "status": ("open", "solved", "lost")[number % 3],
        "queue": draw.choice(["cards", "loans", "legal"]),
        "priority": draw.choice([0, 1, 2, 3, -5, None]),
        "cost": _money(draw, 0, 50_000) if number % 5 else None,
        "refund": _money(draw, -2_000, 90_000),
        "hours": draw.choice([0.1, 0.2, 0.7, 1e-3, 1e6, None]),
        "is_open": number % 2 == 0,
        ODD: _ENDLESS[0] if number == 3 else _day(draw),
        "opened_at": bank._moment(draw),
        "memo": f"ZQX-TICKET-{number:06d}",
    }


def _holder(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    account = tables["accounts"][number]
    return {
        "customer_id": account["customer_id"],
        "iban": account["iban"],
        "profile": ("calm", "Calm", "bold", "bold ")[number % 4],
        "since": _day(draw),
    }


def _trade(draw: random.Random, number: int, tables: bank.Tables) -> bank.Row:
    customer = draw.choice(tables["customers"])
    return {
        "trade_id": number,
        "customer_id": customer["customer_id"] if number % 6 else None,
        "email": customer["email"],
        "venue": draw.choice(["lisbon", "Lisbon", "LISBON", "lisbon ", "porto"]),
        "side": ("buy", "sell")[number % 2],
        "units": draw.randrange(9),
        "amount": _money(draw, -90_000, 90_000),
        "fee": _money(draw, 0, 5_000) if number % 5 else None,
        "price": draw.choice([0.1, 0.2, 0.7, 1e-3, 1e6, None]),
        "is_open": number % 3 == 0,
        ODD: _ZERO[0] if number == 3 else _day(draw),
        "made_at": bank._moment(draw),
        "memo": f"ZQX-TRADE-{number:06d}",
    }


SERVED: Mapping[str, Served] = {
    "clients": Served(
        source="care",
        columns={
            "customer_id": (pa.int64(), "bigint"),
            "email": (pa.string(), "varchar(400)"),
            "tier": (pa.string(), "varchar(40)"),
            "visits": (pa.int64(), "bigint"),
            "joined_on": (pa.date32(), "date"),
        },
        wild={"joined_on": _ENDLESS},
        row=_client,
        rows_per_customer=1,
    ),
    "tickets": Served(
        source="care",
        columns={
            "ticket_id": (pa.int64(), "integer"),
            "customer_id": (pa.int64(), "bigint"),
            "iban": (pa.string(), "text"),
            "status": (pa.string(), "state"),
            "queue": (pa.string(), "text"),
            "priority": (pa.int64(), "smallint"),
            "cost": (pa.decimal128(12, 2), "numeric(12, 2)"),
            "refund": (pa.decimal128(14, 2), "numeric"),
            "hours": (pa.float64(), "double precision"),
            "is_open": (pa.bool_(), "boolean"),
            ODD: (pa.date32(), "date"),
            "opened_at": (_MOMENT, "timestamptz"),
            "memo": (pa.string(), "text"),
        },
        wild={
            "ticket_id": (-(2**31), 2**31 - 1),
            "status": ("open", "solved", "lost"),
            "priority": (-(2**15), 2**15 - 1, 7),
            "cost": ("NaN", decimal.Decimal("0.01")),
            "refund": ("NaN", "1e60", "0.001", decimal.Decimal("-5.5")),
            ODD: _ENDLESS,
            "opened_at": _ENDLESS,
        },
        row=_ticket,
        rows_per_customer=2,
    ),
    "holders": Served(
        source="fund",
        columns={
            "customer_id": (pa.int64(), "BIGINT"),
            "iban": (pa.string(), "VARCHAR(400)"),
            "profile": (pa.string(), "VARCHAR(40)"),
            "since": (pa.date32(), "DATE"),
        },
        wild={"since": _ZERO},
        row=_holder,
        rows_per_customer=1,
    ),
    "trades": Served(
        source="fund",
        columns={
            "trade_id": (pa.int64(), "INT"),
            "customer_id": (pa.int64(), "BIGINT"),
            "email": (pa.string(), "LONGTEXT"),
            "venue": (pa.string(), "VARCHAR(40)"),
            "side": (pa.string(), "ENUM('buy', 'sell')"),
            "units": (pa.int64(), "BIGINT UNSIGNED"),
            "amount": (pa.decimal128(14, 2), "DECIMAL(14, 2)"),
            "fee": (pa.decimal128(12, 2), "DECIMAL(12, 2)"),
            "price": (pa.float64(), "DOUBLE"),
            "is_open": (pa.bool_(), "TINYINT(1)"),
            ODD: (pa.date32(), "DATE"),
            "made_at": (_MOMENT, "DATETIME(3)"),
            "memo": (pa.string(), "LONGTEXT"),
        },
        wild={
            "trade_id": (-(2**31), 2**31 - 1),
            "side": ("buy", "sell"),
            "units": (0, 5, 2**63, 2**64 - 1),
            "price": (1e300, -0.0, 5e-324, 0.3),
            "is_open": (0, 1, 7, -3),
            ODD: _ZERO,
            "made_at": ("0000-00-00 00:00:00", "2021-00-00 10:00:00", "2021-05-05 10:00:00.123"),
        },
        row=_trade,
        rows_per_customer=2,
    ),
}
SUBJECTS = ("customers", "clients", "holders")
"""Tables with one row for each customer, which others' rows follow."""
ODDS: Mapping[str, Sequence[str]] = {"tickets": _ENDLESS[1:], "trades": _ZERO[1:]}
"""What stands in the other world's odd cell; a file takes any text."""
