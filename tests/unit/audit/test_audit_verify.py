"""Whatever is changed in the log's tables is found, and the finding says where."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.audit import MerkleLog, Verification, verify_log
from gateway.errors import Invalid, Unavailable
from gateway.store import SqlLogStore, open_database
from gateway.store.tables import Octets, metadata
from gateway.terms.log import Checkpoint
from tests.unit.audit.building import OTHER_SIGNER, VKEY, access, event, fill, fill_together, open_log, open_migrated

TABLES = {name: table for name, table in metadata.tables.items() if name.startswith("audit_")}
ENTRIES = 300
"""More than a tile."""
COLUMNS = [(name, column.name) for name, table in TABLES.items() for column in table.c]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "control.db"
    engine = open_migrated(f"sqlite:///{file}")
    log = open_log(engine)
    fill(log, 20)
    fill_together(log, ENTRIES - 33)  # few checkpoints: verifying a signature is most of a test's time
    fill(log, 12)
    log.append(access(ENTRIES - 1))
    log.close()
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # SQLite does not truncate its log within a transaction
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return file


@pytest.fixture
def tampered(template: Path, tmp_path: Path) -> Iterator[Callable[..., Verification]]:
    """Runs statements with all guards off, as somebody with write access would; then verifies."""
    engines = []

    def run(*statements: sa.Executable | str, **options: Any) -> Verification:
        file = tmp_path / f"{len(engines)}.db"
        shutil.copy(template, file)
        engines.append(engine := open_database(f"sqlite:///{file}", lock_seconds=5))
        with engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("BEGIN")
            for statement in statements:
                executable = sa.text(statement) if isinstance(statement, str) else statement
                connection.execute(executable)
            connection.commit()
        return verify_log(SqlLogStore(engine), verifier_key=VKEY, **options)

    yield run
    for engine in engines:
        engine.dispose()


def test_an_untouched_log_is_whole(tampered: Callable[..., Verification]) -> None:
    steps: list[tuple[int, int]] = []
    verified = tampered(progress=lambda done, total: steps.append((done, total)))
    assert verified.ok
    assert verified.findings == ()
    assert (verified.size, verified.entries, verified.tiles) == (ENTRIES, ENTRIES, 3)
    assert verified.checkpoints >= 33
    assert steps == [(ENTRIES, ENTRIES)]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_value_is_found_in_its_table(
    table: str, column: str, template: Path, tampered: Callable[..., Verification]
) -> None:
    changed = TABLES[table]
    for key in some_keys(template, changed):
        verified = tampered(
            changed.update().where(sa.tuple_(*changed.primary_key.columns) == key).values(change(changed.c[column]))
        )
        assert table in {finding.table for finding in verified.findings}, (table, column, key, verified.findings)
        assert len(verified.findings) <= 4, verified.findings
        assert any(str(key[0]) in f"{finding.where} {finding.problem}" for finding in verified.findings)


@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_row_is_found_in_its_table(table: str, template: Path, tampered: Callable[..., Verification]) -> None:
    changed = TABLES[table]
    for key in some_keys(template, changed):
        verified = tampered(changed.delete().where(sa.tuple_(*changed.primary_key.columns) == key))
        named = {"audit_checkpoint", "audit_head"} if table == "audit_checkpoint" else {table}
        assert named & {finding.table for finding in verified.findings}, (key, verified.findings)


@pytest.mark.parametrize("table", TABLES)
def test_an_added_row_is_found_in_its_table(table: str, tampered: Callable[..., Verification]) -> None:
    changed = TABLES[table]
    row = {
        column.name: 0 if column.name == "level" and table == "audit_tile" else added(column) for column in changed.c
    }
    verified = tampered(changed.insert().values(row))
    named = {"audit_checkpoint", "audit_head"} if table == "audit_checkpoint" else {table}
    assert named & {finding.table for finding in verified.findings}, verified.findings


@pytest.mark.parametrize("table", [name for name, table in TABLES.items() if "idx" in table.c and name != "audit_open"])
def test_rows_that_changed_places_are_found(table: str, tampered: Callable[..., Verification]) -> None:
    moves = [f"UPDATE {table} SET idx = {new} WHERE idx = {old}" for old, new in ((0, 999), (256, 0), (999, 256))]
    if table.startswith("audit_search_"):  # entries 0 and 256 are accesses of the same columns
        moves = [f"UPDATE {table} SET idx = {new} WHERE idx = {old}" for old, new in ((0, 999), (2, 0), (999, 2))]
    verified = tampered(*moves)
    assert table in {finding.table for finding in verified.findings} or table.startswith("audit_search_dataset")
    assert not verified.ok


def test_an_entry_rewritten_with_its_tile_is_found(tampered: Callable[..., Verification]) -> None:
    """Whoever changes an entry and mends what hangs on it still has no signature."""
    verified = tampered(
        "UPDATE audit_entry SET leaf = (SELECT leaf FROM audit_entry WHERE idx = 2) WHERE idx = 6",
        "UPDATE audit_tile SET hashes = substr(hashes, 1, 192) || substr(hashes, 65, 32) || substr(hashes, 225)"
        " WHERE level = 0 AND number = 0",
    )
    assert "audit_checkpoint 7" in str(verified.findings[-1]) or any(
        finding.table == "audit_checkpoint" for finding in verified.findings
    )


def test_a_log_cut_back_is_found_by_a_kept_checkpoint(template: Path, tampered: Callable[..., Verification]) -> None:
    engine = open_database(f"sqlite:///{template}", lock_seconds=5)
    kept = SqlLogStore(engine).checkpoint().note
    older = SqlLogStore(engine).checkpoint(size=10).note
    engine.dispose()
    cut = [
        *(f"DELETE FROM {name} WHERE idx >= 16" for name, table in TABLES.items() if "idx" in table.c),
        "DELETE FROM audit_checkpoint WHERE size > 16",
        "UPDATE audit_head SET size = 16",
        "UPDATE audit_tile SET hashes = substr(hashes, 1, 512) WHERE level = 0 AND number = 0",
        "DELETE FROM audit_tile WHERE level > 0 OR number > 0",
    ]
    assert tampered(*cut).ok, "a shorter log is whole in itself: that is why checkpoints are kept elsewhere"
    assert tampered(*cut, kept=[older]).ok
    (finding,) = tampered(*cut, kept=[kept]).findings
    assert "cut back" in str(finding)


def test_another_history_under_the_same_key_is_found_by_a_kept_checkpoint(
    tampered: Callable[..., Verification], tmp_path: Path
) -> None:
    engine = open_migrated(f"sqlite:///{tmp_path / 'other.db'}")
    log = open_log(engine, seed=9)
    fill(log, 10)
    log.close()
    kept = SqlLogStore(engine).checkpoint().note
    engine.dispose()
    (finding,) = tampered(kept=[kept]).findings
    assert (finding.table, finding.where) == ("audit_checkpoint", "10")


def test_a_kept_checkpoint_that_is_none_is_a_finding(tampered: Callable[..., Verification]) -> None:
    assert [finding.where for finding in tampered(kept=["nonsense"]).findings] == ["kept"]


def test_a_log_of_another_key_is_not_whole(engine: sa.Engine) -> None:
    log = open_log(engine, signer=OTHER_SIGNER)
    log.append(event())
    log.close()
    (finding,) = verify_log(SqlLogStore(engine), verifier_key=VKEY).findings
    assert "another key" in finding.problem


def test_an_erased_payload_is_a_finding_until_erasures_are_entries(tampered: Callable[..., Verification]) -> None:
    (finding,) = tampered("DELETE FROM audit_payload WHERE idx = 5").findings
    assert str(finding).startswith("audit_payload 5: payload erased without an erasure entry")


def test_a_lost_end_of_the_log_is_one_finding_per_table(tampered: Callable[..., Verification]) -> None:
    verified = tampered("DELETE FROM audit_entry")
    assert [(f.table, f.where) for f in verified.findings if f.table == "audit_entry"] == [("audit_entry", "0…")]


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("audit_entry", "leaf", "idx = 7"),
        ("audit_payload", "salt", "idx = 7"),
        ("audit_search", "time", "idx = 7"),
        ("audit_search", "kind", "idx = 7"),
        ("audit_tile", "hashes", "level = 0 AND number = 0"),
        ("audit_checkpoint", "note", "size = 7"),
        ("audit_checkpoint", "note", "size = 300"),
        ("audit_checkpoint", "previous", "size = 7"),
        ("audit_head", "size", "id = 1"),
    ],
)
@pytest.mark.parametrize("value", ["'text'", "CAST(x'ff00fe' AS TEXT)", "x'ff00'", "1e300"])
def test_a_value_of_another_type_is_found(
    table: str, column: str, where: str, value: str, tampered: Callable[..., Verification]
) -> None:
    assert not tampered(f"UPDATE {table} SET {column} = {value} WHERE {where}").ok


def test_a_head_row_twice_is_found(tampered: Callable[..., Verification]) -> None:
    assert "audit_head" in str(tampered("INSERT INTO audit_head (id, size) VALUES (2, 300)").findings[0])


def test_a_huge_size_ends_soon(tampered: Callable[..., Verification]) -> None:
    verified = tampered(f"UPDATE audit_checkpoint SET size = {10**15}, note = 'x' WHERE size = {ENTRIES}")
    assert not verified.ok


def test_findings_are_capped(tmp_path: Path) -> None:
    engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}")
    log = open_log(engine)
    fill_together(log, 1100)
    log.close()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_search SET code = 'x'")
    assert len(verify_log(SqlLogStore(engine), verifier_key=VKEY).findings) == 1000
    engine.dispose()


def test_a_log_that_grows_meanwhile_is_whole(engine: sa.Engine) -> None:
    log = open_log(engine)
    fill(log, 10)

    class Growing(SqlLogStore):
        def rows(self, *, first: int, count: int):
            found = super().rows(first=first, count=count)
            log.append(event())
            return found

    verified = verify_log(Growing(engine), verifier_key=VKEY)
    assert (verified.findings, verified.size) == ((), 10)
    log.close()


def test_an_absent_database_is_not_taken_for_damage(engine: sa.Engine) -> None:
    log: MerkleLog = open_log(engine)
    fill(log, 3)
    log.close()

    class Away(SqlLogStore):
        def rows(self, *, first: int, count: int):
            raise Unavailable("away")

        def checkpoint(self, *, size: int | None = None) -> Checkpoint | None:
            if size == 0:
                raise Unavailable("away")
            return super().checkpoint(size=size)

    with pytest.raises(Unavailable):
        verify_log(Away(engine), verifier_key=VKEY)


@pytest.mark.parametrize("key", ["", "a+b", "a b+00000000+AQ==", VKEY[:-1], VKEY.replace("+", "+0", 1)])
def test_a_verifier_key_of_another_form_is_invalid(engine: sa.Engine, key: str) -> None:
    with pytest.raises(Invalid):
        verify_log(SqlLogStore(engine), verifier_key=key)


def some_keys(template: Path, table: sa.Table) -> list[tuple[Any, ...]]:
    """The first, a middle and the last row's."""
    engine = open_database(f"sqlite:///{template}", lock_seconds=5)
    with engine.connect() as connection:
        key = tuple(table.primary_key.columns)
        keys = [tuple(row) for row in connection.execute(sa.select(*key).order_by(*key))]
    engine.dispose()
    return list(dict.fromkeys([keys[0], keys[len(keys) // 2], keys[-1]]))


def change(column: sa.Column[Any]) -> dict[str, Any]:
    """One byte, one character, one step; or far away, so that a key meets no other row."""
    kind = column.type
    if column.name == "time":
        return {column.name: sa.literal_column("time + 1")}
    if isinstance(kind, Octets):
        return {column.name: sa.literal_column(f"CAST(x'00' || substr({column.name}, 2) AS BLOB)")}
    if isinstance(kind, sa.Text):
        return {column.name: sa.literal_column(f"coalesce({column.name}, '') || 'x'")}
    far = 1000 if column.primary_key else 1
    return {column.name: sa.literal_column(f"coalesce({column.name}, 0) + {far}")}


def added(column: sa.Column[Any]) -> Any:
    if column.name == "time":
        return sa.literal_column("1")
    if isinstance(column.type, Octets):
        return b"x"
    return "x" if isinstance(column.type, sa.Text) else 1000
