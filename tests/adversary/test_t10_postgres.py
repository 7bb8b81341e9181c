"""T10: a row filter is only as exact as the source's comparison, so it is evaluated twice.

Each test makes PostgreSQL compare laxly, or look up something other than was meant, and expects hidden rows to stay
hidden.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import psycopg
import pyarrow as pa
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.errors import Integrity, Unavailable, Unsupported
from gateway.sources import PostgresSource
from gateway.sources.render import POSTGRES, rows
from gateway.sources.table import Filter, Stored, Table
from gateway.terms.dataset import Column
from gateway.terms.plan import GuardedScan, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Compare, OneOf, Predicate
from gateway.terms.streams import RawStream, Tally
from tests import scans
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.scans import column

pytestmark = pytest.mark.postgres

Bank = Callable[..., PostgresSource]

LAX = "CREATE COLLATION lax (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
ALIKE = "(1, 'acme'), (2, 'ACME'), (3, 'äcme')"


ID, REGION = column("id", pa.int64()), column("region", pa.string())


@pytest.fixture
def bank(postgres_url: str) -> Iterator[Bank]:  # noqa: F811 - a fixture
    def make(*statements: str, options: str = "", searched_last: str = "") -> PostgresSource:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            for statement in statements:
                try:
                    connection.execute(statement.encode())
                except psycopg.errors.FeatureNotSupported:
                    assert statement == LAX  # a server without ICU has no collation that is lax
                    pytest.skip("the server is built without ICU")
        own = str(conninfo_to_dict(postgres_url)["options"])
        own += f",{searched_last}" if searched_last else ""
        return PostgresSource("core", make_conninfo(postgres_url, options=f"{own} {options}".strip()))

    return make


def scan(
    predicate: Predicate | None, *, follow: Follow | None = None, table: str = "t", filtered: Column = REGION
) -> Scan:
    return scans.scan(ID, aux=(filtered,), rows=predicate, follow=follow, table=(table,))


def ids(source: PostgresSource, asked: Scan, tally: Tally | None = None) -> list[int]:
    session = source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=tally or Tally())
    try:
        return sorted(row["id"] for row in drained(session.scan(asked)))
    finally:
        session.close()


def drained(stream: RawStream) -> list[dict[str, int]]:
    with stream:
        return [row for batch in stream for row in batch.to_pylist()]


def test_a_lax_collation_of_the_column_does_not_widen_a_filter(bank: Bank) -> None:
    source = bank(LAX, "CREATE TABLE t (id integer, region text COLLATE lax)", f"INSERT INTO t VALUES {ALIKE}")
    tally = Tally()
    assert ids(source, scan(Compare("region", "=", "acme")), tally) == [1]
    assert ids(source, scan(OneOf("region", ("acme",))), tally) == [1]
    assert ids(source, scan(Compare("region", "<>", "acme")), tally) == [2, 3]
    assert tally.rejected_rows == 0  # the source's own comparison was exact too


def test_a_lax_collation_does_not_widen_a_follow(bank: Bank) -> None:
    source = bank(
        LAX,
        "CREATE TABLE people (key text COLLATE lax, ok boolean)",
        "INSERT INTO people VALUES ('acme', true)",
        "CREATE TABLE t (id integer, region text COLLATE lax)",
        f"INSERT INTO t VALUES {ALIKE}",
    )
    follow = Follow(
        column="region",
        dataset="core.people",
        table=("people",),
        source="core",
        key="key",
        predicate=Compare("ok", "=", True),
    )
    assert ids(source, scan(None, follow=follow)) == [1]


def test_a_lax_collation_does_not_join_groups(bank: Bank) -> None:
    source = bank(LAX, "CREATE TABLE t (id integer, region text COLLATE lax)", f"INSERT INTO t VALUES {ALIKE}")
    guarded = GuardedScan(scan=scan(None), subject="region", dimensions=(), measures=(), filter=None)
    session = source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    try:
        groups = drained(session.group(guarded))
    finally:
        session.close()
    assert {row["__subject"]: row["__rows"] for row in groups} == {"acme": 1, "ACME": 1, "äcme": 1}


def test_an_operator_of_somebodys_schema_is_not_called(bank: Bank) -> None:
    """Found first by the role's search path, `=` would keep every row; and it would run with the gateway's rights."""
    source = bank(
        "CREATE FUNCTION lax(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = lax)",
        "CREATE FUNCTION octet_length(text) RETURNS integer LANGUAGE sql AS 'SELECT 1/0'",
        "CREATE DOMAIN date AS pg_catalog.date CHECK (value > '2020-01-01')",
        "CREATE TABLE t (id integer, region text, d pg_catalog.date)",
        "INSERT INTO t VALUES (1, 'DE', '2000-01-01'), (2, 'FR', '2001-01-01')",
        searched_last="pg_catalog",
    )
    assert ids(source, scan(Compare("region", "=", "DE"))) == [1]


@pytest.mark.parametrize("option", ["-cstandard_conforming_strings=off", "-cbackslash_quote=on"])
def test_a_literal_cannot_end_early(bank: Bank, option: str) -> None:
    source = bank(
        "CREATE TABLE t (id integer, region text)", "INSERT INTO t VALUES (1, 'DE'), (2, 'FR')", options=option
    )
    for text in ("' OR '1'='1", "\\' OR 1=1 --", "\\", "''", "x'; DROP TABLE t; --", "/*", "$1", "$$", "%s", "{0}"):
        assert ids(source, scan(Compare("region", "=", text))) == []
    assert ids(source, scan(Compare("region", "<>", "\\' OR 1=1 --"))) == [1, 2]


def test_settings_of_the_role_do_not_change_what_null_means(bank: Bank) -> None:
    source = bank(
        "CREATE TABLE t (id integer, region text)",
        "INSERT INTO t VALUES (1, NULL), (2, 'DE')",
        options="-ctransform_null_equals=on -cTimeZone=Asia/Tokyo -cDateStyle=German",
    )
    assert ids(source, scan(Compare("region", "<>", "x"))) == [2]


def test_a_literal_with_a_nul_is_refused(bank: Bank) -> None:
    source = bank("CREATE TABLE t (id integer, region text)")
    with pytest.raises(Unsupported):
        ids(source, scan(Compare("region", "=", "DE\0x")))


@pytest.mark.parametrize("name", ["region", 'x" , ssn --', "o'hara", "x); DROP TABLE t; --", "select", "a b", "ü"])
def test_a_renamed_filter_column_is_an_error_and_no_string(bank: Bank, name: str) -> None:
    source = bank("CREATE TABLE t (id integer, area text)", "INSERT INTO t VALUES (1, 'DE')")
    with pytest.raises(Integrity, match="no such column"):
        ids(source, scan(Compare(name, "<>", "XX"), filtered=column(name, pa.string())))


@pytest.mark.parametrize("name", ['x" , ssn --', "o'hara", "x]; --", "ro`w", "ro%w", "ro{0}w", "$1"])
def test_a_hostile_column_name_stays_one_identifier(bank: Bank, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    source = bank(
        f"CREATE TABLE t (id integer, {quoted} text, ssn text)",
        "INSERT INTO t VALUES (1, 'DE', 'ZQX-SSN-000042'), (2, 'FR', 'DE')",
    )
    assert ids(source, scan(Compare(name, "=", "DE"), filtered=column(name, pa.string()))) == [1]


@pytest.mark.parametrize("name", ['t" , pg_authid --', "o'hara", "t; DROP TABLE t; --", "t{0}", "T"])
def test_a_hostile_table_name_stays_one_identifier(bank: Bank, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    source = bank(
        f"CREATE TABLE {quoted} (id integer, region text)",
        f"INSERT INTO {quoted} VALUES (1, 'DE')",
        "CREATE TABLE t (id integer, region text)",
        "INSERT INTO t VALUES (2, 'DE')",
    )
    assert ids(source, scan(Compare("region", "=", "DE"), table=name)) == [1]


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "", "a\u202eb", "a\x1b"])
def test_a_name_with_control_characters_is_refused(name: str) -> None:
    table = Table(path=("s", "t"), columns={name: Stored(column=column(name, pa.int64()), storage="int8")})
    with pytest.raises(Unsupported):
        rows(table, columns=[name], where=Filter(), dialect=POSTGRES)


def test_pad_spaces_of_a_char_are_nobodys_value(bank: Bank) -> None:
    """PostgreSQL compares char(n) without them, so the batch does too: no row is in one and out of the other."""
    source = bank(
        "CREATE TABLE t (id integer, region char(6))", "INSERT INTO t VALUES (1, 'acme'), (2, 'acme  '), (3, 'ACME')"
    )
    tally = Tally()
    assert ids(source, scan(Compare("region", "=", "acme")), tally) == [1, 2]
    assert ids(source, scan(Compare("region", "=", "acme  ")), tally) == []
    assert tally.rejected_rows == 0


def test_spaces_of_a_varchar_are_part_of_it(bank: Bank) -> None:
    source = bank("CREATE TABLE t (id integer, region varchar(6))", "INSERT INTO t VALUES (1, 'acme'), (2, 'acme ')")
    assert ids(source, scan(Compare("region", "=", "acme"))) == [1]


# To PostgreSQL NaN equals itself and is greater than every number; to IEEE 754, and the gateway, it is neither.
NANS = ("CREATE TABLE t (id integer, score float8)", "INSERT INTO t VALUES (1, 2.0), (2, 'NaN'), (3, 'NaN')")
SCORE = column("score", pa.float64())


def test_a_row_that_only_the_source_lets_through_is_dropped_and_counted(bank: Bank) -> None:
    tally = Tally()
    assert ids(bank(*NANS), scan(Compare("score", ">", 1.0), filtered=SCORE), tally) == [1]
    assert tally.rejected_rows == 2


def test_a_group_that_only_the_source_lets_through_is_dropped_and_counted(bank: Bank) -> None:
    tally = Tally()
    guarded = GuardedScan(
        scan=scan(Compare("score", ">", 1.0), filtered=SCORE), subject="id", dimensions=(), measures=(), filter=None
    )
    session = bank(*NANS).session(receipt="r_test", deadline=time.monotonic() + 30, tally=tally)
    try:
        assert drained(session.group(guarded)) == [{"__subject": 1, "__rows": 1}]
    finally:
        session.close()
    assert tally.rejected_rows == 2


def test_a_newest_value_that_only_the_source_lets_through_is_not_told(bank: Bank) -> None:
    source = bank(
        "CREATE TABLE t (d date, score float8)", "INSERT INTO t VALUES ('2026-01-01', 2.0), ('2026-02-02', 'NaN')"
    )
    asked = scan(Compare("score", ">", 1.0), filtered=SCORE)
    dated = Scan(**{f: getattr(asked, f) for f in asked.__slots__} | {"columns": (column("d", pa.date32()),)})
    session = source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    try:
        found = session.newest(dated)
    finally:
        session.close()
    assert found is not None
    assert (found.month, found.day) == (1, 1)


def test_a_key_that_only_the_source_lets_through_opens_no_row(bank: Bank) -> None:
    source = bank(*NANS, "CREATE TABLE u (id integer, region text)", "INSERT INTO u VALUES (1, 'a'), (2, 'b')")
    follow = Follow(
        column="id", dataset="core.t", table=("t",), source="core", key="id", predicate=Compare("score", ">", 1.0)
    )
    assert ids(source, scan(None, follow=follow, table="u")) == [1]


def test_code_that_a_table_brings_along_cannot_write(postgres_url: str) -> None:  # noqa: F811 - a fixture
    """A row policy's function runs inside the scan, with its role: here it may insert, and the transaction may not."""
    role = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        (schema,) = connection.execute("SELECT current_schema()").fetchone() or ("",)
        body = f"BEGIN INSERT INTO {schema}.seen VALUES (1); RETURN true; END"
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            "CREATE TABLE seen (id integer)",
            f"CREATE FUNCTION spy() RETURNS boolean LANGUAGE plpgsql VOLATILE AS '{body}'",
            "CREATE TABLE t (id integer, region text)",
            "INSERT INTO t VALUES (1, 'DE')",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY p ON t USING (spy())",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT ON t TO {role}",
            f"GRANT INSERT ON seen TO {role}",
        ):
            connection.execute(statement.encode())
        try:
            source = PostgresSource("core", make_conninfo(postgres_url, user=role))
            with pytest.raises(Unavailable):
                ids(source, scan(Compare("region", "=", "DE")))
            assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
        finally:
            connection.execute(f"DROP OWNED BY {role}".encode())
            connection.execute(f"DROP ROLE {role}".encode())
