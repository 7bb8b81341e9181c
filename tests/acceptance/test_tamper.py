"""Whatever somebody with write access changes in the log of a real session is found, and the command says so.

tests/unit/audit holds the same over a built log, and says where each finding points.
"""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Host
from gateway.audit import Verification, verify_log
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.store import SqlLogStore, open_database
from gateway.store.tables import metadata
from tests import bank
from tests.house import House, open_house, request
from tests.server import Server

TABLES = {name: [c.name for c in table.c] for name, table in metadata.tables.items() if name.startswith("audit_")}
COLUMNS = [(table, column) for table, columns in TABLES.items() for column in columns]
NUMBERED = [table for table, columns in TABLES.items() if "idx" in columns and table != "audit_open"]
ROWS = 6
"""Rows tried per column: first, last and some between."""


class Session:
    """A home whose log a session filled, and copies of it to tamper with."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.verifier_key = Host().verifier_key(settings)
        self._root = root
        self._copies = 0

    def keys_of(self, table: str) -> list[tuple[Any, ...]]:
        """Primary keys of some rows."""
        with contextlib.closing(sqlite3.connect(self.settings.home / "control.db")) as control:
            named = ", ".join(_key(table))
            keys = control.execute(f"SELECT {named} FROM {table} ORDER BY {named}").fetchall()
        draw = random.Random(table)
        return keys if len(keys) <= ROWS else [keys[0], keys[-1], *draw.sample(keys[1:-1], ROWS - 2)]

    def tampered(self, *statements: tuple[str, Sequence[Any]]) -> Settings:
        """A copy of the home in which the statements ran with all of SQLite's own guards off."""
        self._copies += 1
        home = self._root / f"copy-{self._copies}"
        shutil.copytree(self.settings.home, home)
        with contextlib.closing(sqlite3.connect(home / "control.db")) as control:
            control.execute("PRAGMA ignore_check_constraints = ON")
            for statement, values in statements:
                assert control.execute(statement, values).rowcount != 0, statement
            control.commit()
        return self.settings.model_copy(update={"home": home})

    def verified(self, *statements: tuple[str, Sequence[Any]], kept: Sequence[str] = ()) -> Verification:
        """What verification says of such a copy."""
        settings = self.tampered(*statements)
        engine = open_database(settings.control_database_url, lock_seconds=5)
        try:
            return verify_log(SqlLogStore(engine), verifier_key=self.verifier_key, kept=kept)
        finally:
            engine.dispose()
            shutil.rmtree(settings.home)

    def checkpoints(self) -> list[tuple[int, str]]:
        """(size, note), oldest first."""
        with contextlib.closing(sqlite3.connect(self.settings.home / "control.db")) as control:
            return control.execute("SELECT size, note FROM audit_checkpoint ORDER BY size").fetchall()


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    root = tmp_path_factory.mktemp("session")
    with open_house(root, bank=bank.write(bank.first_world(), root / "core.db"), sandbox_warm_children=1) as house:
        _work(house)
        settings = house.settings
    with contextlib.closing(sqlite3.connect(settings.home / "control.db")) as control:
        assert control.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    return Session(settings, root)


def _work(house: House) -> None:
    """Answers at three levels, failures, denials, an explanation, a revocation; one answer is never read."""
    ana = house.token("ana", bank.ANA[0])
    rita = house.token("rita", "reporting-analyst")
    otto = house.token("otto", "data-owner", environment="prod")
    for token, purpose, sql in (
        (ana, bank.ANA[1], "SELECT email, income FROM core.customers"),
        (rita, "regulatory-reporting", "SELECT segment, count(*), avg(income) FROM core.customers GROUP BY segment"),
        (otto, "data-quality", "SELECT * FROM core.accounts"),
        (ana, bank.ANA[1], "SELECT count(*) FROM core.loans"),
        (ana, bank.ANA[1], "SELECT CAST(email AS int) FROM core.customers"),
        (ana, bank.ANA[1], "SELECT note FROM core.call_notes"),
        (rita, "regulatory-reporting", "SELECT full_name, email FROM core.customers"),
        (otto, "no-such-purpose", "SELECT region FROM core.customers"),
        (ana, bank.ANA[1], "SELECT 1; SELECT 2"),
    ):
        with contextlib.suppress(GatewayError):
            house.ask(token, sql, purpose=purpose)
    house.explain(ana, "SELECT phone FROM core.customers", purpose=bank.ANA[1])
    with house.host.token_desk(house.settings) as (desk, actor):
        desk.revoke(actor, token=rita)
    house.enforcement.answer(request(ana, "SELECT iban FROM core.accounts", purpose=bank.ANA[1]), format="json")


def _key(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].primary_key]


def _changed(value: Any, draw: random.Random) -> Any:
    """The value with one byte, digit or bit of it changed."""
    match value:
        case int():
            return value ^ 1
        case str() if value:
            at = draw.randrange(len(value))
            return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
        case bytes() if value:
            at = draw.randrange(len(value))
            return value[:at] + bytes([value[at] ^ 1 << draw.randrange(8)]) + value[at + 1 :]
        case _:
            return "x"  # of NULL, or of an empty text


def _where(table: str) -> str:
    return " AND ".join(f"{name} = ?" for name in _key(table))


def test_an_untouched_copy_is_whole(session: Session) -> None:
    verified = session.verified()
    assert verified.findings == ()
    assert verified.size > 20


def test_the_session_left_rows_in_every_table(session: Session) -> None:
    assert not [table for table in TABLES if not session.keys_of(table)]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_byte_is_found(session: Session, table: str, column: str) -> None:
    draw = random.Random(f"{table}.{column}")
    with contextlib.closing(sqlite3.connect(session.settings.home / "control.db")) as control:
        found = [
            (key, control.execute(f"SELECT {column} FROM {table} WHERE {_where(table)}", key).fetchone()[0])
            for key in session.keys_of(table)
        ]
    for key, value in found:
        edit = f"UPDATE OR REPLACE {table} SET {column} = ? WHERE {_where(table)}"
        assert not session.verified((edit, [_changed(value, draw), *key])).ok, (key, value)


@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_row_is_found(session: Session, table: str) -> None:
    for key in session.keys_of(table):
        assert not session.verified((f"DELETE FROM {table} WHERE {_where(table)}", key)).ok, key


@pytest.mark.parametrize("table", NUMBERED)
def test_two_rows_that_changed_places_are_found(session: Session, table: str) -> None:
    with contextlib.closing(sqlite3.connect(session.settings.home / "control.db")) as control:
        told: dict[Any, list[Any]] = {}
        for idx, *rest in control.execute(f"SELECT * FROM {table} ORDER BY idx"):
            told.setdefault(idx, []).append(rest)
    first, second = next((a, b) for a in told for b in reversed(told) if told[a] != told[b])
    moves = [
        (f"UPDATE {table} SET idx = ? WHERE idx = ?", move) for move in ((-9, first), (first, second), (second, -9))
    ]
    assert not session.verified(*moves).ok


def test_two_whole_entries_that_changed_places_are_found(session: Session) -> None:
    moves = [
        (f"UPDATE {table} SET idx = ? WHERE idx = ?", move)
        for table in ("audit_entry", "audit_payload", "audit_search")
        for move in ((-9, 1), (1, 2), (2, -9))
    ]
    assert not session.verified(*moves).ok


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_was_emptied_is_found(session: Session, table: str) -> None:
    assert not session.verified((f"DELETE FROM {table}", [])).ok


def test_an_access_that_was_hidden_everywhere_but_in_the_tree_is_found(session: Session) -> None:
    """Its rows are gone from every table that search reads."""
    with contextlib.closing(sqlite3.connect(session.settings.home / "control.db")) as control:
        (hidden,) = control.execute("SELECT min(idx) FROM audit_search WHERE kind = 'access'").fetchone()
    verified = session.verified(*((f"DELETE FROM {table} WHERE idx = ?", [hidden]) for table in NUMBERED))
    assert {"audit_entry"} <= {finding.table for finding in verified.findings}


def test_a_truncated_log_is_found_with_a_kept_checkpoint(session: Session) -> None:
    """Cut back cleanly, it is whole in itself; a checkpoint that was kept elsewhere shows what is gone."""
    notes = session.checkpoints()
    size = 3  # init, its activation, the first token: no access is open there
    cut = [
        *((f"DELETE FROM {table} WHERE idx >= ?", [size]) for table in (*NUMBERED, "audit_open")),
        ("DELETE FROM audit_checkpoint WHERE size > ?", [size]),
        ("UPDATE audit_head SET size = ?", [size]),
        ("UPDATE audit_tile SET hashes = substr(hashes, 1, ?)", [size * 32]),
    ]
    assert session.verified(*cut).ok
    assert session.verified(*cut, kept=[note for at, note in notes if at <= size]).ok
    (finding,) = session.verified(*cut, kept=[notes[-1][1]]).findings
    assert "cut back" in finding.problem


def test_a_log_signed_anew_with_another_key_is_found(session: Session, tmp_path: Path) -> None:
    """Whoever rebuilds the whole log cannot sign it."""
    with open_house(
        tmp_path, bank=bank.write(bank.first_world(), tmp_path / "core.db"), sandbox_warm_children=1
    ) as house:
        _work(house)
        settings = house.settings
    assert not Host().verify(settings, verifier_key=session.verifier_key, progress=None).ok
    assert Host().verify(settings, verifier_key=None, progress=None).ok


def _verify_command(settings: Settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway", "audit", "verify", "--json"],
        env=Server(settings, stderr=Path()).environment(),
        cwd=settings.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def commands(session: Session) -> Iterator[list[subprocess.CompletedProcess[str]]]:
    edit = ("UPDATE audit_search SET principal = 'nobody' WHERE principal = 'otto'", [])
    copies = [session.tampered(), session.tampered(edit)]
    yield [_verify_command(settings) for settings in copies]
    for settings in copies:
        shutil.rmtree(settings.home)


def test_the_command_exits_with_0_only_for_the_untouched_log(
    commands: list[subprocess.CompletedProcess[str]],
) -> None:
    whole, edited = commands
    assert (whole.returncode, edited.returncode) == (0, 1)
    assert '"ok": true' in whole.stdout
    assert '"ok": false' in edited.stdout
