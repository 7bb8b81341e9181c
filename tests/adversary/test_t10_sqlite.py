"""T10: a row filter is only as exact as the source's comparison, so it is evaluated twice.

Each test makes SQLite compare laxly, or look up something other than a column, and expects hidden rows to stay hidden.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.errors import GatewayError, Integrity, Unsupported
from gateway.sources import SqliteSource
from gateway.sources.render import SQLITE, rows
from gateway.sources.table import Filter, Stored, Table
from gateway.terms.plan import GuardedScan, Scan
from gateway.terms.policy import Follow
from gateway.terms.predicate import Compare, OneOf, Predicate
from gateway.terms.streams import Tally
from tests import scans
from tests.scans import column

ID, REGION = column("id", pa.int64()), column("region", pa.string())


def bank(tmp_path: Path, *statements: str) -> SqliteSource:
    path = tmp_path / "core.db"
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return SqliteSource("core", path)


def scan(predicate: Predicate | None, *, follow: Follow | None = None, table: str = "t") -> Scan:
    return scans.scan(ID, aux=(REGION,), rows=predicate, follow=follow, table=(table,))


def ids(source: SqliteSource, asked: Scan) -> list[int]:
    with source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally()).scan(asked) as stream:
        return sorted(i for batch in stream for i in batch.column("id").to_pylist())


@pytest.mark.parametrize("collation", ["NOCASE", "RTRIM"])
def test_a_lax_collation_of_the_column_does_not_widen_a_filter(tmp_path: Path, collation: str) -> None:
    source = bank(
        tmp_path,
        f"CREATE TABLE t (id INTEGER, region TEXT COLLATE {collation})",
        "INSERT INTO t VALUES (1, 'acme'), (2, 'ACME'), (3, 'acme '), (4, 'äcme')",
    )
    assert ids(source, scan(Compare("region", "=", "acme"))) == [1]
    assert ids(source, scan(OneOf("region", ("acme",)))) == [1]


@pytest.mark.parametrize("collation", ["NOCASE", "RTRIM"])
def test_a_lax_collation_does_not_widen_a_follow(tmp_path: Path, collation: str) -> None:
    source = bank(
        tmp_path,
        f"CREATE TABLE people (key TEXT COLLATE {collation}, ok INTEGER)",
        "INSERT INTO people VALUES ('acme', 1)",
        f"CREATE TABLE t (id INTEGER, region TEXT COLLATE {collation})",
        "INSERT INTO t VALUES (1, 'acme'), (2, 'ACME'), (3, 'acme ')",
    )
    follow = Follow(
        column="region",
        dataset="core.people",
        table=("people",),
        source="core",
        key="key",
        predicate=Compare("ok", "=", 1),
    )
    assert ids(source, scan(None, follow=follow)) == [1]


@pytest.mark.parametrize("name", ["region", 'x" , ssn --', "o'hara", "x); DROP TABLE t; --", "select", "a b", "ü"])
def test_a_renamed_filter_column_is_an_error_and_no_string(tmp_path: Path, name: str) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, area TEXT)", "INSERT INTO t VALUES (1, 'DE')")
    asked = scan(Compare(name, "<>", "XX"))
    renamed = Scan(**{f: getattr(asked, f) for f in asked.__slots__} | {"aux_columns": (column(name, pa.string()),)})
    with pytest.raises(Integrity, match="no such column"):
        ids(source, renamed)


@pytest.mark.parametrize("name", ['x" , ssn --', "o'hara", "x]; --", "ro`w", "ro%w"])
def test_a_hostile_column_name_stays_one_identifier(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    source = bank(
        tmp_path,
        f"CREATE TABLE t (id INTEGER, {quoted} TEXT, ssn TEXT)",
        "INSERT INTO t VALUES (1, 'DE', 'ZQX-SSN-000042'), (2, 'FR', 'DE')",
    )
    hostile = column(name, pa.string())
    asked = scan(Compare(name, "=", "DE"))
    renamed = Scan(**{f: getattr(asked, f) for f in asked.__slots__} | {"aux_columns": (hostile,)})
    with source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally()).scan(renamed) as stream:
        assert [row for batch in stream for row in batch.to_pylist()] == [{"id": 1, name: "DE"}]


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "", "a\u202eb", "a\x1b"])
def test_a_name_with_control_characters_is_refused(name: str) -> None:
    table = Table(path=("t",), columns={name: Stored(column=column(name, pa.int64()), storage="integer")})
    with pytest.raises(Unsupported):
        rows(table, columns=[name], where=Filter(), dialect=SQLITE)


@pytest.mark.parametrize("name", ["t\0", "t\n", ""])
def test_a_table_name_with_control_characters_is_refused(tmp_path: Path, name: str) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)")
    with pytest.raises(GatewayError):
        ids(source, scan(None, table=name))


def test_a_literal_cannot_end_early(tmp_path: Path) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, 'DE'), (2, 'FR')")
    for text in ("' OR '1'='1", "\\' OR 1=1 --", "''", "x'; DROP TABLE t; --", "/*", "?1"):
        assert ids(source, scan(Compare("region", "=", text))) == []
    assert ids(source, scan(Compare("region", "<>", "' OR '1'='1"))) == [1, 2]


def test_a_literal_with_a_nul_is_refused(tmp_path: Path) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)")
    with pytest.raises(Unsupported):
        ids(source, scan(Compare("region", "=", "DE\0x")))


def test_a_number_does_not_match_a_text_of_it(tmp_path: Path) -> None:
    source = bank(
        tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, '1'), (2, '1.0'), (3, '01')"
    )
    assert ids(source, scan(Compare("region", "=", "1"))) == [1]


def test_a_blob_in_a_text_column_is_never_let_through_by_the_filter(tmp_path: Path) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, 'DE'), (2, x'4445')")
    assert ids(source, scan(Compare("region", "=", "DE"))) == [1]


# To SQLite the bytes x'4445' are greater than any text, so not 'DE'; delivered as text they are 'DE'.
LAX = ("CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, 'FR'), (2, x'4445'), (3, x'4445')")


def test_a_row_that_only_the_source_lets_through_is_dropped_and_counted(tmp_path: Path) -> None:
    tally = Tally()
    stream = (
        bank(tmp_path, *LAX)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=tally)
        .scan(scan(Compare("region", "<>", "DE")))
    )
    with stream:
        assert [i for batch in stream for i in batch.column("id").to_pylist()] == [1]
    assert tally.rejected_rows == 2


def test_a_group_that_only_the_source_lets_through_is_dropped_and_counted(tmp_path: Path) -> None:
    tally = Tally()
    guarded = GuardedScan(
        scan=scan(Compare("region", "<>", "DE")), subject="id", dimensions=(), measures=(), filter=None
    )
    stream = bank(tmp_path, *LAX).session(receipt="r_test", deadline=time.monotonic() + 30, tally=tally).group(guarded)
    with stream:
        assert [row for batch in stream for row in batch.to_pylist()] == [{"__subject": 1, "__rows": 1}]
    assert tally.rejected_rows == 2


def test_a_key_that_only_the_source_lets_through_opens_no_row(tmp_path: Path) -> None:
    source = bank(tmp_path, *LAX, "CREATE TABLE u (id INTEGER, region TEXT)", "INSERT INTO u VALUES (1, 'a'), (2, 'b')")
    follow = Follow(
        column="id",
        dataset="core.t",
        table=("t",),
        source="core",
        key="id",
        predicate=Compare("region", "<>", "DE"),
    )
    assert ids(source, scan(None, follow=follow, table="u")) == [1]


def test_a_misfit_in_a_row_that_nobody_may_see_stays_unseen(tmp_path: Path) -> None:
    """An error from a hidden row would tell of it (ATTACKS B3)."""
    source = bank(
        tmp_path,
        "CREATE TABLE t (id INTEGER, region TEXT, born TEXT)",
        "INSERT INTO t VALUES (1, 'FR', '2000-01-01'), (2, 'DE', 'not a date'), (3, x'4445', 'neither')",
    )
    asked = scan(Compare("region", "<>", "DE"))
    dated = Scan(**{f: getattr(asked, f) for f in asked.__slots__} | {"columns": (ID, column("born", pa.date32()))})
    assert ids(source, dated) == [1]


def test_rowid_is_no_way_to_an_unlisted_column(tmp_path: Path) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, 'DE')")
    for hidden in ("rowid", "_rowid_", "oid"):
        asked = scan(None)
        hidden_scan = Scan(
            **{f: getattr(asked, f) for f in asked.__slots__} | {"columns": (column(hidden, pa.int64()),)}
        )
        with pytest.raises(Integrity, match="no such column"):
            ids(source, hidden_scan)


def test_the_file_cannot_be_written_through_the_source(tmp_path: Path) -> None:
    source = bank(tmp_path, "CREATE TABLE t (id INTEGER, region TEXT)", "INSERT INTO t VALUES (1, 'DE')")
    before = (tmp_path / "core.db").read_bytes()
    assert ids(source, scan(None)) == [1]
    assert (tmp_path / "core.db").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["core.db"]
