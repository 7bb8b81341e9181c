"""One customer number in five kinds of database, of five types: one pseudonym, and one query over all of them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import decimal
import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway.app import Control, Gateway, Host
from gateway.cli.group import cli
from gateway.client import Gateway as Client
from gateway.settings import Settings
from gateway.sources import open_sources
from tests.house import POLICIES, House
from tests.maria import Database, mariadb  # noqa: F401 - a fixture
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.http.door import open_door

pytestmark = [pytest.mark.postgres, pytest.mark.mariadb]

ROLE: Final = "modeller"
PURPOSE: Final = "churn-model"
NUMBERS: Final = range(880_000_001, 880_000_041)
REGIONS: Final = ("DE", "FR")
_CATALOG: Final = """
source: {source}
datasets:
  {source}.{name}:
    table: {name}
    owner: us
    discoverable: true
    subject: {{column: {key}, domain: customer}}
    columns:
      {key}: {{type: {type}, class: direct_identifier, domain: customer}}
{columns}
"""
_TABLES: Final = (
    (
        "crm",
        "people",
        "customer_id",
        "int64",
        """      name: {type: string, class: direct_identifier}
      born: {type: date32, class: quasi_identifier, mask: {name: truncate_date, unit: year}}""",
    ),
    ("cards", "payments", "holder", '"decimal128(12,0)"', '      amount: {type: "decimal128(12,2)", class: sensitive}'),
    ("desk", "calls", "caller", "string", "      note: {type: string, class: free_text}"),
    ("risk", "scores", "person", "int64", "      score: {type: float64, class: sensitive}"),
    (
        "web",
        "visits",
        "visitor",
        "int32",
        """      pages: {type: int64, class: public}
      region: {type: string, class: public, dimension: true}""",
    ),
)


def born(number: int) -> datetime.date:
    return datetime.date(1950 + number % 40, 1 + number % 12, 1 + number % 28)


def write_policies(folder: Path) -> Path:
    (folder / "catalog").mkdir(parents=True)
    for source, name, key, kind, columns in _TABLES:
        text = _CATALOG.format(source=source, name=name, key=key, type=kind, columns=columns)
        (folder / "catalog" / f"{source}.yaml").write_text(text)
    for name in ("model.conf", "levels.yaml"):
        shutil.copy2(POLICIES / name, folder / name)
    (folder / "domains.yaml").write_text("customer: {canon: integer_text, mask: {name: pseudonym}}\n")
    (folder / "roles.yaml").write_text(f"{ROLE}: {{}}\n")
    (folder / "purposes.yaml").write_text(
        f'{PURPOSE}: {{project: churn, legal_basis: "GDPR 6(1)(a)", owner: us, retention: 30d}}\n'
    )
    names = ", ".join(f"{source}.{name}" for source, name, *_ in _TABLES)
    (folder / "grants.yaml").write_text(
        f"- {{id: churn-dev, role: {ROLE}, environment: dev, purposes: [{PURPOSE}], datasets: [{names}],"
        " level: pseudonymized, expires: 2099-01-01}\n"
    )
    return folder


def write_databases(folder: Path, *, postgres: str, maria: Database) -> dict[str, str]:
    """The same numbers everywhere; URLs by source."""
    with psycopg.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE people (customer_id integer, name text, born date)")
        cursor.executemany("INSERT INTO people VALUES (%s, %s, %s)", [(n, f"ZQX-NAME-{n}", born(n)) for n in NUMBERS])
    maria.run("CREATE TABLE payments (holder DECIMAL(12,0), amount DECIMAL(12,2))")
    maria.run("INSERT INTO payments VALUES (%s, %s)", rows=[(n, decimal.Decimal(n % 1000) / 4) for n in NUMBERS])
    with contextlib.closing(sqlite3.connect(folder / "desk.db")) as file, file:
        file.execute("CREATE TABLE calls (caller TEXT, note TEXT)")
        file.executemany("INSERT INTO calls VALUES (?, ?)", [(str(n), f"ZQX-NOTE-{n}") for n in NUMBERS])
    with duckdb.connect(folder / "risk.duckdb") as store:
        store.execute("CREATE TABLE scores (person BIGINT, score DOUBLE)")
        store.executemany("INSERT INTO scores VALUES (?, ?)", [[n, n % 8 / 8] for n in NUMBERS])
    for place, region in enumerate(REGIONS):
        part = [n for n in NUMBERS if n % len(REGIONS) == place]
        target = folder / "lake" / "visits" / f"region={region}"
        target.mkdir(parents=True)
        pages = pa.array([n % 7 for n in part], pa.int64())
        pq.write_table(pa.table({"visitor": pa.array(part, pa.int32()), "pages": pages}), target / "a.parquet")
    return {
        "crm": postgres,
        "cards": maria.url,
        "desk": "sqlite:///desk.db",
        "risk": "duckdb:///risk.duckdb",
        "web": "parquet:///lake",
    }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Five:
    """A gateway over five databases."""

    house: House
    token: str
    folder: Path
    postgres: str

    def rows(self, sql: str) -> list[dict[str, Any]]:
        body, answer = self.house.ask(self.token, sql, purpose=PURPOSE, form="arrow")
        assert answer.snapshot == ("per-scan" if "JOIN" in sql else "single-scan")
        return list(pa.ipc.open_stream(body).read_all().to_pylist())


@pytest.fixture
def five(tmp_path: Path, postgres_url: str, mariadb: Database) -> Iterator[Five]:  # noqa: F811 - the fixtures
    urls = write_databases(tmp_path, postgres=postgres_url, maria=mariadb)
    (tmp_path / "sources.yaml").write_text("".join(f'{name}: {{url: "{url}"}}\n' for name, url in urls.items()))
    policies = write_policies(tmp_path / "policies")
    settings = Settings(
        home=tmp_path / "home", policies=policies, sources=tmp_path / "sources.yaml", rows_per_day=10**9
    )
    host = Host()
    host.initialize(settings)
    gateway = Gateway(Control(settings), sources=open_sources(settings.sources))
    with contextlib.closing(gateway):
        gateway.start()
        house = House(gateway=gateway, host=host, settings=settings)
        yield Five(house=house, token=house.token("mo", ROLE), folder=tmp_path, postgres=postgres_url)


KEYS = {f"{source}.{name}": key for source, name, key, *_ in _TABLES}
JOIN = """
    SELECT p.customer_id, p.born, c.amount, n.note, s.score, v.pages, v.region,
           p.customer_id = c.holder AND c.holder = n.caller AND n.caller = s.person AND s.person = v.visitor AS is_same
    FROM crm.people AS p
    JOIN cards.payments AS c ON c.holder = p.customer_id
    JOIN desk.calls AS n ON n.caller = p.customer_id
    JOIN risk.scores AS s ON s.person = n.caller
    JOIN web.visits AS v ON v.visitor = s.person
"""


def test_one_number_has_one_pseudonym_in_every_database(five: Five) -> None:
    seen = {}
    for dataset, key in KEYS.items():
        found = [row[key] for row in five.rows(f"SELECT {key} FROM {dataset}")]
        assert len(found) == len(set(found)) == len(NUMBERS)
        assert not any(str(number) in text for number in NUMBERS for text in found)
        seen[dataset] = set(found)
    assert len(set(map(frozenset, seen.values()))) == 1


def test_one_query_joins_all_five(five: Five) -> None:
    got = five.rows(JOIN)
    assert len(got) == len(NUMBERS)
    assert all(row["is_same"] for row in got)
    assert {row["note"] for row in got} == {None}
    figures = sorted((row["born"], row["amount"], row["score"], row["pages"], row["region"]) for row in got)
    assert figures == sorted(
        (born(n).replace(month=1, day=1), decimal.Decimal(n % 1000) / 4, n % 8 / 8, n % 7, REGIONS[n % 2])
        for n in NUMBERS
    )


def test_the_door_answers_the_same(five: Five) -> None:
    sql = f"SELECT region, count(*) AS n, sum(amount) AS total FROM ({JOIN}) AS q WHERE region = 'DE' GROUP BY region"
    with open_door(five.house.gateway.services()) as url, Client(url, token=five.token) as client:
        (row,) = client.query(sql, purpose=PURPOSE).to_arrow().to_pylist()
    german = [n for n in NUMBERS if n % 2 == 0]
    assert row == {"region": "DE", "n": len(german), "total": sum(decimal.Decimal(n % 1000) / 4 for n in german)}


def check(five: Five) -> tuple[int, dict[str, list[str]]]:
    settings = five.house.settings
    environment = {
        "GATEWAY_HOME": str(settings.home),
        "GATEWAY_POLICIES": str(settings.policies),
        "GATEWAY_SOURCES": str(settings.sources),
        "GATEWAY_KEK_FILE": str(settings.kek_path),
    }
    done = CliRunner().invoke(cli, ["source", "check", "--json"], obj=Host(), env=environment)
    assert not isinstance(done.exception, Exception), done.exception
    found = json.loads(done.stdout)
    found.pop("sandbox")
    return done.exit_code, found


def drifted(found: dict[str, list[str]]) -> list[str]:
    return [text for texts in found.values() for text in texts if not text.startswith("source ")]


def test_source_check_finds_no_drift_where_tables_are_as_declared(five: Five) -> None:
    _, found = check(five)
    assert list(found) == ["crm", "cards", "desk", "risk", "web"]
    assert drifted(found) == []


def test_source_check_tells_drift_from_the_active_catalog(five: Five) -> None:
    with psycopg.connect(five.postgres) as connection:
        connection.execute("ALTER TABLE people ADD COLUMN iban text")
        connection.execute("ALTER TABLE people RENAME COLUMN name TO full_name")
    with contextlib.closing(sqlite3.connect(five.folder / "desk.db")) as file, file:
        file.execute("DROP TABLE calls")
    with duckdb.connect(five.folder / "risk.duckdb") as store:
        store.execute("ALTER TABLE scores ALTER COLUMN score TYPE VARCHAR")
    (five.folder / "policies" / "catalog" / "web.yaml").unlink()  # not active: it has no say
    (five.folder / "sources.yaml").write_text((five.folder / "sources.yaml").read_text().replace("web:", "other:"))
    code, found = check(five)
    assert code == 1
    assert {text.partition(": ")[0] for text in drifted(found)} == {
        "crm.people.name",
        "crm.people.full_name",
        "crm.people.iban",
        "desk.calls",
        "risk.scores.score",
    }
    texts = "\n".join(drifted(found))
    assert "crm.people.iban: the table has it and the catalog does not: nobody reads it until it is classified" in texts
    assert "risk.scores.score: declared double, but the table has varchar there" in texts
    assert "desk.calls: the source has no such table" in texts
    assert found["web"] == ["source web: the catalog has datasets of it, and sources.yaml does not bind it"]
