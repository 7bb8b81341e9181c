"""A PostgreSQL server and its role: receipts, waits, breaks, rights."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from psycopg.conninfo import make_conninfo

from gateway.errors import Exhausted, GatewayError, Invalid, Unavailable
from gateway.sources import PostgresSource, open_sources
from tests.scans import column
from tests.unit.sources.postgres_scans import Run, scan
from tests.unit.sources.sessions import first, session

pytestmark = pytest.mark.postgres


def test_a_receipt_that_is_no_plain_name_is_refused(source: PostgresSource) -> None:
    for receipt in ("", "R", "r'", "r\n", "r x", "r" * 56, "r;"):
        with pytest.raises(Invalid, match="receipt"):
            session(source, receipt=receipt)


def test_the_server_sees_the_receipt_and_cannot_be_written(run: Run, source: PostgresSource) -> None:
    receipt = f"r_{secrets.token_hex(8)}"
    run("CREATE TABLE t (v text)", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 50000)")
    reads = session(source, receipt=receipt)
    try:
        with reads.scan(scan(column("v", pa.string()))) as stream:
            next(iter(stream))
            found = run(f"SELECT query FROM pg_stat_activity WHERE application_name = 'gateway {receipt}'")
            assert len(found) == 2
            assert any('"t"' in str(query) for (query,) in found)
    finally:
        reads.close()


def test_a_statement_that_waits_too_long_is_exhausted(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v text)")
    reads = session(source, seconds=0.5)
    try:
        run("BEGIN", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with reads.scan(scan(column("v", pa.string()))) as stream, pytest.raises(Exhausted) as caught:
            list(stream)
        assert time.monotonic() - began < 2
        assert caught.value.code == "exhausted.time"
    finally:
        run("ROLLBACK")
        reads.close()


def test_a_server_that_goes_away_is_never_a_short_result(run: Run, source: PostgresSource) -> None:
    receipt = f"r_{secrets.token_hex(8)}"
    run("CREATE TABLE t (v text)", "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
    reads = session(source, receipt=receipt)
    try:
        with reads.scan(scan(column("v", pa.string()))) as stream:
            next(iter(stream))
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gateway {receipt}'")
            with pytest.raises(Unavailable):
                list(stream)
    finally:
        reads.close()


def test_a_read_that_waits_for_the_server_is_ended_from_another_thread(run: Run, source: PostgresSource) -> None:
    run("CREATE TABLE t (v integer)")
    caught: list[GatewayError] = []
    reads = session(source)

    def drain() -> None:
        try:
            list(reads.scan(scan(column("v", pa.int64()))))
        except GatewayError as error:
            caught.append(error)

    run("BEGIN", "LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    try:
        thread = threading.Thread(target=drain)
        thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        reads.close()
        thread.join(10)
        assert time.monotonic() - began < 1
        assert [error.code for error in caught] == ["unavailable.closed"]
    finally:
        run("ROLLBACK")


SECRET = "s3cr3t-Zq"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://who:{SECRET}@127.0.0.1:1/db",
        f"postgresql://who:{SECRET}@host.invalid/db?connect_timeout=2",
    ],
)
def test_a_server_that_is_not_there_is_named_without_its_url(url: str) -> None:
    source = PostgresSource("core", url)
    with pytest.raises(Unavailable, match=r"^source core: ") as caught:
        first(source, scan(column("v", pa.int64())))
    texts = [str(caught.value), caught.value.fix, *source.check()]
    assert len(texts) == 3
    assert not any(word in text for text in texts for word in (SECRET, "127.0.0.1", "host.invalid", "who"))


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    for url in (f"postgresql://u:{SECRET}@h/db?nope=1", f"postgresql://u:{SECRET}@[h/db", f"postgresql://u:%{SECRET}"):
        with pytest.raises(Invalid, match="source core") as caught:
            PostgresSource("core", url)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None


# The role


@pytest.fixture
def role(run: Run, postgres_url: str) -> Iterator[tuple[str, str]]:
    """A login role that may do nothing yet, and the URL by which it connects to the test's schema."""
    name = f"test_{secrets.token_hex(8)}"
    run(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 20")
    run(f"ALTER ROLE {name} SET default_transaction_read_only = on")
    try:
        yield name, make_conninfo(postgres_url, user=name, password=SECRET)
    finally:
        run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_a_role_that_may_only_read_gives_no_finding(run: Run, role: tuple[str, str]) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer, w integer)", f"GRANT USAGE ON SCHEMA {schema} TO {name}")
    run(f"GRANT SELECT (v) ON t TO {name}")
    assert own(PostgresSource("core", conninfo).check(), run) == []


def own(findings: Sequence[str], run: Run) -> list[str]:
    """Findings that the test's role earned: other schemas of a shared server may be open to everybody."""
    open_to_all = run(
        "SELECT 1 FROM pg_namespace WHERE has_schema_privilege('public', oid, 'CREATE') AND nspname NOT LIKE 'pg\\_%'"
    )
    return [f for f in findings if not (open_to_all and "create objects" in f)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("GRANT INSERT ON t TO {role}", "may write"),
        ("GRANT UPDATE (v) ON t TO {role}", "may write"),
        ("GRANT CREATE ON SCHEMA {schema} TO {role}", "may create objects"),
        ("ALTER ROLE {role} CONNECTION LIMIT -1", "no CONNECTION LIMIT"),
        ("ALTER ROLE {role} SUPERUSER", "is a superuser"),
        ("ALTER ROLE {role} BYPASSRLS", "bypass row security"),
        ("GRANT pg_read_server_files TO {role}", "acts on the server"),
        ("ALTER ROLE {role} RESET default_transaction_read_only", "default_transaction_read_only"),
        ("ALTER ROLE {role} NOLOGIN", "refuses the gateway's role|could not be read"),
    ],
)
def test_a_role_that_may_too_much_is_a_finding(run: Run, role: tuple[str, str], change: str, says: str) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer)", change.format(role=name, schema=schema))
    findings = PostgresSource("core", conninfo).check()
    assert any(f.startswith("source core: ") for f in findings)
    assert any(word in finding for finding in findings for word in says.split("|")), findings
    assert not any(SECRET in finding or name in finding for finding in findings)


def test_a_column_grant_is_enough_to_read_and_a_missing_one_is_named(run: Run, role: tuple[str, str]) -> None:
    name, conninfo = role
    (schema,) = run("SELECT current_schema()")[0]
    run("CREATE TABLE t (v integer, w integer)", "INSERT INTO t VALUES (1, 2)")
    source = PostgresSource("core", conninfo)
    with pytest.raises(Unavailable, match="may not read") as caught:
        first(source, scan(column("v", pa.int64()), table=(str(schema), "t")))
    assert "GRANT" in caught.value.fix
    run(f"GRANT USAGE ON SCHEMA {schema} TO {name}", f"GRANT SELECT (v) ON t TO {name}")
    assert first(source, scan(column("v", pa.int64()))) == [1]
    with pytest.raises(Unavailable, match=r"core\.t\.w: the gateway's role may not read it"):
        first(source, scan(column("w", pa.int64())))


def test_the_sources_file_opens_it(run: Run, postgres_url: str, tmp_path: Path) -> None:
    run("CREATE TABLE t (v integer)", "INSERT INTO t VALUES (7)")
    path = tmp_path / "sources.yaml"
    (tmp_path / "core.url").write_text(postgres_url)
    path.write_text("core: {url: 'file:core.url'}")
    source = open_sources(path)["core"]
    assert isinstance(source, PostgresSource)
    assert source.consistency == "exported"
    assert first(source, scan(column("v", pa.int64()))) == [7]
