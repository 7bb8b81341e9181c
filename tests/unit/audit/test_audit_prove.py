"""Proofs as JSON: checkable from the object and the public key alone."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.audit import (
    Verifier,
    is_consistent,
    is_included,
    leaf_hash,
    open_checkpoint,
    prove_consistency,
    prove_inclusion,
)
from gateway.audit.entry import commitment_of
from gateway.errors import Integrity, Invalid
from gateway.store import SqlLogStore, open_database
from tests.unit.audit.building import VKEY, fill, open_log, open_migrated

VERIFIER = Verifier.parse(VKEY)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 300 entries, each its own batch: a checkpoint of every size."""
    file = tmp_path_factory.mktemp("template") / "control.db"
    engine = open_migrated(f"sqlite:///{file}")
    log = open_log(engine)
    fill(log, 300)
    log.close()
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    engine.dispose()
    return file


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> Iterator[sa.Engine]:
    engine = open_database(f"sqlite:///{shutil.copy(template, tmp_path)}", lock_seconds=5)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: sa.Engine) -> SqlLogStore:
    return SqlLogStore(engine)


def hashes(proof: dict) -> list[bytes]:
    return [base64.b64decode(hashed) for hashed in proof["hashes"]]


@pytest.mark.parametrize(("index", "size"), [(0, None), (299, None), (255, 256), (256, 300), (0, 1), (17, 200)])
def test_an_inclusion_proof_is_checked_from_its_own_json(store: SqlLogStore, index: int, size: int | None) -> None:
    proof = json.loads(json.dumps(prove_inclusion(store, index=index, size=size)))
    tree = open_checkpoint(proof["checkpoint"], verifier=VERIFIER)
    leaf = proof["leaf"].encode()
    assert tree.size == proof["size"] == (size or 300)
    assert is_included(index, size=tree.size, leaf=leaf_hash(leaf), proof=hashes(proof), root=tree.root)
    commitment = commitment_of(proof["payload"].encode(), salt=base64.b64decode(proof["salt"]))
    assert json.loads(leaf)["commitment"] == commitment


@pytest.mark.parametrize(("old", "size"), [(1, None), (300, None), (256, 257), (200, 299)])
def test_a_consistency_proof_is_checked_from_its_own_json(store: SqlLogStore, old: int, size: int | None) -> None:
    proof = json.loads(json.dumps(prove_consistency(store, old=old, size=size)))
    before = open_checkpoint(proof["old_checkpoint"], verifier=VERIFIER)
    tree = open_checkpoint(proof["checkpoint"], verifier=VERIFIER)
    assert is_consistent(before.size, size=tree.size, old_root=before.root, root=tree.root, proof=hashes(proof))


def test_a_proof_of_an_erased_entry_still_holds(store: SqlLogStore, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_payload WHERE idx = 9")
    proof = prove_inclusion(store, index=9)
    assert (proof["payload"], proof["salt"]) == (None, None)
    tree = open_checkpoint(str(proof["checkpoint"]), verifier=VERIFIER)
    leaf = leaf_hash(str(proof["leaf"]).encode())
    assert is_included(9, size=300, leaf=leaf, proof=hashes(dict(proof)), root=tree.root)


@pytest.mark.parametrize(("index", "size"), [(300, None), (-1, None), (250, 200), (0, 1000)])
def test_no_inclusion_proof_of_what_is_not_there(store: SqlLogStore, index: int, size: int | None) -> None:
    with pytest.raises(Invalid):
        prove_inclusion(store, index=index, size=size)


@pytest.mark.parametrize(("old", "size"), [(0, None), (-1, None), (301, None), (10, 5), (1, 1000)])
def test_no_consistency_proof_of_what_is_not_there(store: SqlLogStore, old: int, size: int | None) -> None:
    with pytest.raises(Invalid):
        prove_consistency(store, old=old, size=size)


def test_an_empty_log_proves_nothing(tmp_path: Path) -> None:
    engine = open_migrated(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Invalid):
        prove_inclusion(SqlLogStore(engine), index=0)
    engine.dispose()


@pytest.mark.parametrize("table", ["audit_entry", "audit_tile"])
def test_a_damaged_log_proves_nothing(store: SqlLogStore, engine: sa.Engine, table: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM {table}")
    with pytest.raises(Integrity):
        prove_inclusion(store, index=9)


def test_a_size_between_batches_has_a_proof_only_under_a_signed_checkpoint(
    store: SqlLogStore, engine: sa.Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_checkpoint WHERE size = 100")
    assert prove_consistency(store, old=100)["old_checkpoint"] is None
    with pytest.raises(Invalid):
        prove_inclusion(store, index=1, size=100)
