"""The SQLite file itself: missing, damaged, locked, written meanwhile."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import GatewayError, Integrity, Unavailable, Unsupported
from gateway.sources import SqliteSource
from gateway.terms.streams import Tally
from tests.scans import column, scan
from tests.unit.sources.sqlite_files import TYPES, file, values


def failure(path: Path) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        values(path, scan(column("i", TYPES["i"])))
    assert str(path.parent) not in str(caught.value)
    assert path.name not in str(caught.value)
    return caught.value


def test_a_missing_file_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "core.db"
    error = failure(path)
    assert isinstance(error, Unavailable)
    assert "does not exist" in error.message
    assert not path.exists()


def test_a_folder_in_place_of_the_file_is_unavailable(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path), Unavailable)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_unavailable(tmp_path: Path) -> None:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    path.chmod(0)
    assert isinstance(failure(path), Unavailable)


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(8192), b"SQLite format 3\0" + bytes(5000)])
def test_another_file_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "core.db"
    path.write_bytes(content)
    assert isinstance(failure(path), Integrity)


def filled(tmp_path: Path, rows: int = 200_000) -> Path:
    return file(
        tmp_path,
        "CREATE TABLE t (i INTEGER PRIMARY KEY, s TEXT)",
        f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows}) "
        "INSERT INTO t SELECT n, 'some text that takes some room' FROM c",
    )


def test_a_file_that_was_cut_is_damaged(tmp_path: Path) -> None:
    path = filled(tmp_path)
    os.truncate(path, path.stat().st_size // 2)
    assert isinstance(failure(path), Integrity)


def test_a_file_that_is_damaged_in_the_middle_fails_in_the_middle(tmp_path: Path) -> None:
    path = filled(tmp_path)
    with path.open("r+b") as damaged:
        damaged.seek(path.stat().st_size // 2)
        damaged.write(b"\xff" * 12_288)
    stream = (
        SqliteSource("core", path)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
        .scan(scan(column("i", TYPES["i"])))
    )
    read = 0
    with stream, pytest.raises(Integrity, match="damaged"):
        for batch in stream:
            read += batch.num_rows
    assert 0 < read < 200_000


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    path = file(tmp_path, "CREATE TABLE t (i INTEGER)")
    # In a process of its own: POSIX locks do not hold against the process that took them.
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "locked\n"
        yield path
        writer.communicate("")


def test_a_locked_file_is_unavailable(locked: Path) -> None:
    error = failure(locked)
    assert isinstance(error, Unavailable)
    assert "writer" in error.message


def test_a_scan_reads_one_state_though_a_writer_commits(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    stream = (
        SqliteSource("core", path)
        .session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
        .scan(scan(column("i", TYPES["i"])))
    )
    with stream:
        read = next(iter(stream)).num_rows
        script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('DELETE FROM t'); c.commit()"
        subprocess.run([sys.executable, "-c", script, str(path)], check=True)
        read += sum(batch.num_rows for batch in stream)
    assert read == 200_000


WRITE = (
    "import sqlite3, sys\n"
    "c = sqlite3.connect(sys.argv[1], timeout=0)\n"
    "try:\n"
    "    c.execute('DELETE FROM t WHERE i = 1'); c.commit()\n"
    "except sqlite3.OperationalError:\n"
    "    sys.exit(7)\n"
)


def test_nobody_writes_while_a_scan_reads_though_another_ended(tmp_path: Path) -> None:
    path = filled(tmp_path)
    source = SqliteSource("core", path)
    session = source.session(receipt="r_test", deadline=time.monotonic() + 30, tally=Tally())
    with session.scan(scan(column("i", TYPES["i"]))) as stream:
        next(iter(stream))
        assert len(values(path, scan(column("i", TYPES["i"])))) == 200_000  # another scan, which closes the file
        assert source.check() == []
        assert subprocess.run([sys.executable, "-c", WRITE, str(path)], check=False).returncode == 7
    assert subprocess.run([sys.executable, "-c", WRITE, str(path)], check=False).returncode == 0


def test_an_utf16_file_is_refused(tmp_path: Path) -> None:
    path = file(tmp_path, "PRAGMA encoding = 'UTF-16'", "CREATE TABLE t (i INTEGER)")
    assert isinstance(failure(path), Unsupported)


def test_check_finds_nothing_where_all_is_well(tmp_path: Path) -> None:
    assert SqliteSource("core", file(tmp_path, "CREATE TABLE t (i INTEGER)")).check() == []


def test_check_says_in_words_what_is_wrong(tmp_path: Path) -> None:
    assert SqliteSource("core", tmp_path / "no.db").check() == ["source core: the database file does not exist"]
    path = file(tmp_path, "PRAGMA user_version = 1")
    path.chmod(0o644)
    assert SqliteSource("core", path).check() == [
        "source core: the database holds no table",
        "source core: every user of this host can read the database file",
    ]
