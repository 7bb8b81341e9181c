"""The Berka bank (PKDD'99) in a PostgreSQL, with policies of its own. Its files are no part of the repository."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import psycopg
import pyarrow.parquet as pq

from tests.house import POLICIES

FOLDER: Final = Path(__file__).parents[3] / "shared" / "data" / "berka"
ROLE: Final = "loan-modeller"
PURPOSE: Final = "loan-default-model"
LOANS: Final = 682
SQL: Final = """
    SELECT c.client_id, a.account_id, c.birth_date, c.is_female, a.frequency, a.opened_on,
           l.granted_on, l.amount, l.duration, l.payments, l.status IN ('B', 'D') AS is_default
    FROM core.loan AS l
    JOIN core.account AS a ON a.account_id = l.account_id
    JOIN core.disp AS d ON d.account_id = a.account_id AND d.type = 'OWNER'
    JOIN core.client AS c ON c.client_id = d.client_id
"""
_WOMEN: Final = 50
"""Is added to the month of their birth number."""
_TABLES: Final = (
    "CREATE TABLE client (client_id bigint PRIMARY KEY, birth_date date, is_female boolean, district_id bigint)",
    "CREATE TABLE disp (disp_id bigint PRIMARY KEY, client_id bigint, account_id bigint, type text)",
    "CREATE TABLE account (account_id bigint PRIMARY KEY, district_id bigint, frequency text, opened_on date)",
    (
        "CREATE TABLE loan (loan_id bigint PRIMARY KEY, account_id bigint, granted_on date, amount numeric(12, 2),"
        " duration bigint, payments numeric(12, 2), status text)"
    ),
)
_OWNERS: Final = (
    "ALTER TABLE {table} ADD COLUMN owner_id bigint",
    (
        "UPDATE {table} AS t SET owner_id = d.client_id FROM disp AS d"
        " WHERE d.account_id = t.account_id AND d.type = 'OWNER'"
    ),
    "ALTER TABLE {table} ALTER COLUMN owner_id SET NOT NULL",
)
"""A row's subject is a column of its table: an account is about its owner, and so is its loan."""


def _dataset(table: str, *columns: str) -> str:
    """In the catalog's words; the first column is the subject's."""
    head = (
        f"  core.{table}:\n    table: {table}\n    owner: loans\n    discoverable: true\n"
        f"    subject: {{column: {columns[0].partition(':')[0]}, domain: client}}\n    columns:\n"
    )
    return head + "".join(f"      {column}\n" for column in columns)


_POLICIES: Final = {
    "roles.yaml": f"{ROLE}: {{}}\nauditor: {{}}\n",
    "purposes.yaml": f'{PURPOSE}: {{project: loans, legal_basis: "GDPR 6(1)(f)", owner: loans, retention: 365d}}\n',
    "domains.yaml": "client: {canon: integer_text, mask: {name: pseudonym}}\n"
    "account: {canon: integer_text, mask: {name: pseudonym}}\n",
    "levels.yaml": "direct_identifier: {pseudonymized: domain, aggregated: deny, full: keep}\n"
    "quasi_identifier: {pseudonymized: redact, aggregated: dimension_if_declared, full: keep}\n"
    "sensitive: {pseudonymized: keep, aggregated: measure, full: keep}\n"
    "free_text: {pseudonymized: redact, aggregated: deny, full: keep}\n"
    "public: {pseudonymized: keep, aggregated: dimension_if_declared, full: keep}\n",
    "grants.yaml": f"- {{id: loans-dev, role: {ROLE}, environment: dev, purposes: [{PURPOSE}],"
    " datasets: [core.loan, core.account, core.disp, core.client], level: pseudonymized, expires: 2099-01-01}\n",
    "catalog/core.yaml": "source: core\ndatasets:\n"
    + _dataset(
        "client",
        "client_id: {type: int64, class: direct_identifier, domain: client}",
        "birth_date: {type: date32, class: quasi_identifier, mask: {name: truncate_date, unit: year}}",
        "is_female: {type: bool, class: public}",
        "district_id: {type: int64, class: quasi_identifier}",
    )
    + _dataset(
        "disp",
        "client_id: {type: int64, class: direct_identifier, domain: client}",
        "account_id: {type: int64, class: direct_identifier, domain: account}",
        "type: {type: string, class: public}",
    )
    + _dataset(
        "account",
        "owner_id: {type: int64, class: direct_identifier, domain: client}",
        "account_id: {type: int64, class: direct_identifier, domain: account}",
        "frequency: {type: string, class: public}",
        "opened_on: {type: date32, class: quasi_identifier, mask: {name: truncate_date, unit: month}}",
    )
    + _dataset(
        "loan",
        "owner_id: {type: int64, class: direct_identifier, domain: client}",
        "account_id: {type: int64, class: direct_identifier, domain: account}",
        "granted_on: {type: date32, class: quasi_identifier, mask: {name: truncate_date, unit: month}}",
        'amount: {type: "decimal128(12,2)", class: sensitive}',
        "duration: {type: int64, class: public}",
        'payments: {type: "decimal128(12,2)", class: sensitive}',
        "status: {type: string, class: sensitive}",
    ),
}


def load(url: str) -> None:
    """Make and fill the tables in the URL's schema."""
    with psycopg.connect(url) as connection:
        for statement in _TABLES:
            connection.execute(statement)
        for table, rows in (("client", _clients()), ("disp", _disps()), ("account", _accounts()), ("loan", _loans())):
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
        for table in ("account", "loan"):
            for statement in _OWNERS:
                connection.execute(statement.format(table=table))


def write_policies(folder: Path) -> Path:
    """A bundle for them."""
    (folder / "catalog").mkdir(parents=True)
    for name, text in _POLICIES.items():
        (folder / name).write_text(text)
    shutil.copy2(POLICIES / "model.conf", folder / "model.conf")
    return folder


def rows_of(table: str) -> list[dict[str, Any]]:
    """As the file has them."""
    return pq.read_table(FOLDER / f"{table}.parquet").to_pylist()


def day(number: int, *, century: int) -> datetime.date | None:
    """Of YYMMDD; None if there is no such day.

    In this copy of the data all accounts and loans are of a year 25, those of a 29 February too.
    """
    try:
        return datetime.date(century + number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        return None


def _clients() -> Iterator[tuple[object, ...]]:
    for row in rows_of("client"):
        number = row["birth_number"]
        is_female = number // 100 % 100 > _WOMEN
        born = day(number - _WOMEN * 100 * is_female, century=1900)
        yield row["client_id"], born, is_female, row["district_id"]


def _disps() -> Iterator[tuple[object, ...]]:
    for row in rows_of("disp"):
        yield row["disp_id"], row["client_id"], row["account_id"], row["type"]


def _accounts() -> Iterator[tuple[object, ...]]:
    for row in rows_of("account"):
        yield row["account_id"], row["district_id"], row["frequency"], day(row["date"], century=2000)


def _loans() -> Iterator[tuple[object, ...]]:
    for row in rows_of("loan"):
        granted, payments = day(row["date"], century=2000), Decimal(str(row["payments"]))
        yield row["loan_id"], row["account_id"], granted, row["amount"], row["duration"], payments, row["status"]
