"""A production table for the extract benches, its policies, and a process that makes one extract of it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psycopg

from gateway import delivery
from tests.house import open_house, request

SCHEMA: Final = "gateway_bench"
PURPOSE: Final = "bench-model"
CUSTOMERS: Final = 50_000

PLAIN: Final = """
    SELECT payment_id, customer_id, iban, email, birth_date, booked_at, amount, currency, channel, score
    FROM core.payments
"""
"""Four of the ten columns are masked: customer_id, iban and email get pseudonyms, birth_date becomes a year."""
JOINED: Final = """
    SELECT c.customer_id, c.segment, count(*) AS payments, sum(p.amount) AS total, max(p.booked_at) AS latest
    FROM core.payments p JOIN core.holders c ON c.customer_id = p.customer_id
    GROUP BY c.customer_id, c.segment
"""
QUERIES: Final = {"plain": PLAIN, "joined": JOINED}

_TABLES: Final = f"""
    DROP SCHEMA IF EXISTS {SCHEMA} CASCADE;
    CREATE SCHEMA {SCHEMA};
    CREATE TABLE {SCHEMA}.holders AS
        SELECT n::bigint AS customer_id, (ARRAY['private', 'premium', 'student', 'business'])[n % 4 + 1] AS segment
        FROM generate_series(1, {CUSTOMERS}) n;
    CREATE TABLE {SCHEMA}.payments AS
        SELECT n::bigint AS payment_id,
               (n::bigint * 7919 % {CUSTOMERS} + 1)::bigint AS customer_id,
               'DE' || lpad((n::bigint * 1000003 % 100000000000000000)::text, 20, '0') AS iban,
               'person' || (n::bigint * 7919 % {CUSTOMERS} + 1) || '@mail' || n % 97 || '.example' AS email,
               date '1940-01-01' + (n::bigint * 7919 % {CUSTOMERS} % 23000)::int AS birth_date,
               timestamptz '2025-01-01 00:00:00+00' + n * interval '17 seconds' AS booked_at,
               ((n::bigint * 104729 % 1000000) / 100.0)::numeric(12, 2) AS amount,
               (ARRAY['EUR', 'CHF', 'CZK', 'PLN'])[n % 4 + 1] AS currency,
               (ARRAY['card', 'transfer', 'debit', 'cash', 'app'])[n % 5 + 1] AS channel,
               (n::bigint * 31337 % 1000000) / 1000000.0::double precision AS score
        FROM generate_series(1, %(rows)s) n;
    ANALYZE {SCHEMA}.payments;
"""

_POLICIES: Final = {
    "roles.yaml": "modeller: {}\n",
    "purposes.yaml": f'{PURPOSE}: {{project: bench, legal_basis: "GDPR 6(1)(f)", owner: bench, retention: 30d}}\n',
    "domains.yaml": "customer: {canon: integer_text, mask: {name: pseudonym}}\n"
    "payment: {canon: integer_text, mask: {name: pseudonym}}\n"
    "email: {canon: trim_nfc_casefold, mask: {name: pseudonym}}\n"
    "iban: {canon: alnum_upper, mask: {name: pseudonym}}\n",
    "levels.yaml": "direct_identifier: {pseudonymized: domain, aggregated: deny, full: keep}\n"
    "quasi_identifier: {pseudonymized: redact, aggregated: dimension_if_declared, full: keep}\n"
    "sensitive: {pseudonymized: keep, aggregated: measure, full: keep}\n"
    "free_text: {pseudonymized: redact, aggregated: deny, full: keep}\n"
    "public: {pseudonymized: keep, aggregated: dimension_if_declared, full: keep}\n",
    "grants.yaml": "- {id: bench-dev, role: modeller, environment: dev, datasets: [core.payments, core.holders], "
    f"purposes: [{PURPOSE}], level: pseudonymized, expires: 2099-01-01}}\n",
    "catalog/core.yaml": f"""
source: core
datasets:
  core.holders:
    table: {SCHEMA}.holders
    owner: bench
    discoverable: true
    subject: {{column: customer_id, domain: customer}}
    columns:
      customer_id: {{type: int64, class: direct_identifier, domain: customer}}
      segment: {{type: string, class: public}}
  core.payments:
    table: {SCHEMA}.payments
    owner: bench
    discoverable: true
    subject: {{column: customer_id, domain: customer}}
    columns:
      payment_id: {{type: int64, class: public}}
      customer_id: {{type: int64, class: direct_identifier, domain: customer}}
      iban: {{type: string, class: direct_identifier, domain: iban}}
      email: {{type: string, class: direct_identifier, domain: email}}
      birth_date: {{type: date32, class: quasi_identifier, mask: {{name: truncate_date, unit: year}}}}
      booked_at: {{type: "timestamp[us, tz=UTC]", class: public}}
      amount: {{type: "decimal128(12,2)", class: sensitive}}
      currency: {{type: string, class: public}}
      channel: {{type: string, class: public}}
      score: {{type: float64, class: public}}
""",
}


def fill(url: str, *, rows: int) -> None:
    """Make the tables anew."""
    with psycopg.connect(url) as connection:
        for statement in _TABLES.split(";"):
            if statement.strip():
                connection.execute(statement.replace("%(rows)s", str(rows)))


def empty(url: str) -> None:
    """Drop them."""
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def write_policies(folder: Path) -> Path:
    """A bundle for them."""
    for name, text in _POLICIES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    shutil.copy2(Path(__file__).parents[2] / "policies" / "model.conf", folder / "model.conf")
    return folder


def extract(url: str, query: str, *, runs: int) -> list[float]:
    """Make the extract so many times through the enforcement point; the seconds of each."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        more = {"policies": write_policies(root / "policies"), "requests_per_minute": 100_000}
        with open_house(root, bank=root / "none.db", source_url=url, **more) as house:
            token = house.token("modeller-1", "modeller")
            for run in range(runs):
                target = root / f"run-{run}"
                target.mkdir(mode=0o700)
                begin = time.perf_counter()
                into = delivery.Folder(path=target, subject="customer_id")
                asked = request(token, QUERIES[query], purpose=PURPOSE)
                answer = house.enforcement.answer(asked, format="dataset", into=into)
                with answer.body as body:
                    lines = [json.loads(line) for line in body]
                    body.finish()
                seconds.append(time.perf_counter() - begin)
                assert lines[-1]["trailer"]["status"] == "complete"
                shutil.rmtree(target)
    return seconds


if __name__ == "__main__":
    print(json.dumps(extract(sys.argv[1], sys.argv[2], runs=1)))
