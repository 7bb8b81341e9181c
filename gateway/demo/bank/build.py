"""Builds the embedded bank."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway.demo.bank.accounts import account_ibans, account_tables, draw_accounts
from gateway.demo.bank.behaviour import DAYS, FEES, RETURNED, draw_events
from gateway.demo.bank.loans import loan_table
from gateway.demo.bank.notes import note_count, note_tables
from gateway.demo.bank.people import Integers, customer_tables, draw_people
from gateway.demo.bank.transactions import Ledger
from gateway.demo.bank.write import Loading
from gateway.errors import Invalid

Progress = Callable[[str, int, int], None]
"""Told the table, its rows written so far, and its rows in the end."""

UNTIL: Final = datetime.date(2026, 1, 1)
"""The first day that the bank has not seen."""
FEWEST_CUSTOMERS: Final = 1_000
TRANSACTIONS_PER_CUSTOMER: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BankSummary:
    """What was built."""

    path: Path
    rows: Mapping[str, int]
    """By table."""
    since: datetime.date
    """Of the first transaction, at the earliest."""
    until: datetime.date
    """Every transaction is before this day."""


def build_bank(
    path: Path,
    *,
    transactions: int = 100_000,
    seed: int = 20260101,
    until: datetime.date = UNTIL,
    progress: Progress | None = None,
) -> BankSummary:
    """Write a bank's production database as a SQLite file, replacing what is there; equal arguments, equal tables.

    Memory grows with the customers (one for every 20 transactions, at least 1000), not with the transactions.

    Args:
        until: the first day after the bank's 24 months.

    Raises:
        Invalid: fewer than one transaction.
    """
    if transactions < 1:
        raise Invalid("a bank has at least one transaction", code="demo")
    customers = max(FEWEST_CUSTOMERS, transactions // TRANSACTIONS_PER_CUSTOMER)
    rows = _load(path, _tables(customers, transactions, seed=seed, until=until), progress)
    return BankSummary(path=path, rows=rows, since=until - datetime.timedelta(days=DAYS), until=until)


def _tables(
    customers: int, transactions: int, *, seed: int, until: datetime.date
) -> Mapping[str, tuple[Iterable[pa.Table], int]]:
    """Each table's parts, drawn as they are asked for, and how many rows to expect."""
    people = draw_people(customers, seed=seed, until=until)
    accounts = draw_accounts(people, seed=seed)
    events = draw_events(people, transactions=transactions, seed=seed)
    overdrafts, returned = (events.count(kind, customers=customers) for kind in (FEES, RETURNED))
    loans = loan_table(people, accounts, overdrafts=overdrafts, returned=returned, seed=seed, until=until)
    ledger = Ledger(people, accounts, events=events, seed=seed, until=until)

    def ibans(places: Integers) -> pa.Array:
        return account_ibans(accounts, people, accounts.first[places])

    return {
        "customers": (customer_tables(people, ibans=ibans, seed=seed, until=until), customers),
        "accounts": (account_tables(accounts, people, seed=seed, until=until), len(accounts)),
        "transactions": (ledger.tables(transactions), transactions),
        "loans": ([loans], loans.num_rows),
        "call_notes": (note_tables(people, accounts, seed=seed, until=until), note_count(people)),
    }


def _load(
    path: Path, tables: Mapping[str, tuple[Iterable[pa.Table], int]], progress: Progress | None
) -> Mapping[str, int]:
    rows = dict.fromkeys(tables, 0)
    with Loading(path) as loading:
        for name, (parts, expected) in tables.items():
            for done in loading.load(name, parts):
                rows[name] = done
                if progress is not None:
                    progress(name, done, expected)
        loading.index()
    return rows
