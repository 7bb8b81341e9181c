"""Production goes on: one more day of loans, transactions and changed customers."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path
from typing import Final

NEW_LOANS: Final = 40

_STATEMENTS: Final = (
    "UPDATE customers SET updated_at = :now WHERE customer_id % 50 = 0",
    "UPDATE accounts SET updated_at = :now WHERE account_id % 50 = 0",
    (
        "INSERT INTO transactions SELECT transaction_id + (SELECT max(transaction_id) FROM transactions), account_id,"
        " customer_id, amount, currency, merchant, category, channel, counterparty_iban, reference, :now"
        " FROM transactions WHERE transaction_id <= 500"
    ),
    (
        "INSERT INTO loans SELECT loan_id + (SELECT max(loan_id) FROM loans), customer_id, account_id, amount,"
        " term_months, rate, :today, loan_purpose, 0 FROM loans WHERE loan_id <= :loans"
    ),
)


def move_on(bank: Path, *, now: datetime.datetime) -> None:
    """Write a day's changes into the embedded bank."""
    values = {"now": now.strftime("%Y-%m-%d %H:%M:%S.%f"), "today": now.date().isoformat(), "loans": NEW_LOANS}
    connection = sqlite3.connect(bank, timeout=30)
    try:
        with connection:
            for statement in _STATEMENTS:
                connection.execute(statement, values)
    finally:
        connection.close()
