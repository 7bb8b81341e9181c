"""Logs and entries for tests: real store, real signer, fixed time, seeded entropy."""

from __future__ import annotations

import datetime
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from gateway.audit import MerkleLog
from gateway.keys import NoteSigner
from gateway.store import SqlLogStore, open_database, upgrade
from gateway.terms.audit import AccessEntry, Actor, ColumnAccess, DenialEntry, EventEntry, OutcomeEntry
from gateway.terms.key import Key

NOW = datetime.datetime(2026, 12, 1, 9, 0, 0, 123456, tzinfo=datetime.UTC)
SIGNER = NoteSigner("gateway.example/audit", seed=Key(b"k" * 32))
OTHER_SIGNER = NoteSigner("gateway.example/audit", seed=Key(b"o" * 32))
VKEY = SIGNER.verifier_key
ANA = Actor(principal="ana", environment="dev", roles=("data-scientist",), door="http")


class FixedClock:
    def now(self) -> datetime.datetime:
        return NOW


class SeededEntropy:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def draw(self, count: int) -> bytes:
        with self._lock:
            return self._random.randbytes(count)


def open_log(engine: sa.Engine, *, signer: Any = SIGNER, has_space: Any = lambda: True, seed: int = 1) -> MerkleLog:
    return MerkleLog(
        SqlLogStore(engine), signer=signer, clock=FixedClock(), entropy=SeededEntropy(seed), has_space=has_space
    )


def open_migrated(url: str, *, lock_seconds: float = 10) -> sa.Engine:
    engine = open_database(url, lock_seconds=lock_seconds)
    upgrade(engine)
    return engine


def column(name: str, *, level: str = "pseudonymized", grant: str = "credit-risk-dev") -> ColumnAccess:
    dataset, _, bare = name.rpartition(".")
    return ColumnAccess(dataset=dataset, column=bare, level=level, grant=grant)


def access(number: int = 0, **changes: Any) -> AccessEntry:
    fields: dict[str, Any] = {
        "receipt": f"access-{number}",
        "time": NOW + datetime.timedelta(seconds=number),
        "actor": ANA,
        "purpose": "credit-default-model",
        "project": "credit-risk",
        "columns": (column("core.customers.income", level="full"), column("core.customers.email")),
        "datasets": ("core.customers",),
        "digest": "d" * 64,
        "dynamic_grants": (),
        "shape": "SELECT email, income FROM core.customers WHERE region = ?",
        "sql_hmac": "a" * 64,
        "instance": "instance-1",
    }
    return AccessEntry(**{**fields, **changes})


def outcome(access_index: int, **changes: Any) -> OutcomeEntry:
    fields: dict[str, Any] = {
        "receipt": f"access-{access_index}",
        "time": NOW,
        "access_index": access_index,
        "result": "ok",
        "rows": 42,
        "body_hmac": "b" * 64,
        "code": "",
    }
    return OutcomeEntry(**{**fields, **changes})


def denial(number: int = 0, **changes: Any) -> DenialEntry:
    fields: dict[str, Any] = {
        "receipt": f"denial-{number}",
        "time": NOW,
        "actor": ANA,
        "purpose": "marketing",
        "datasets": ("core.loans",),
        "columns": (column("core.loans.amount", level="", grant=""),),
        "code": "denied.purpose",
        "reasons": ("grants.yaml:3 credit-risk-dev: not for this purpose",),
        "shape": "SELECT amount FROM core.loans",
        "digest": "d" * 64,
    }
    return DenialEntry(**{**fields, **changes})


def event(number: int = 0, **changes: Any) -> EventEntry:
    fields: dict[str, Any] = {
        "receipt": f"event-{number}",
        "time": NOW,
        "actor": Actor(principal="operator:root", environment="", roles=(), door="host"),
        "action": "token-create",
        "detail": {"token": "0123456789", "days": 30},
    }
    return EventEntry(**{**fields, **changes})


def fill(log: MerkleLog, count: int) -> None:
    """Append `count` entries of all kinds."""
    for at in range(count):
        match at % 4:
            case 0:
                log.append(access(at))
            case 1:
                log.append(outcome(at - 1))
            case 2:
                log.append(denial(at))
            case _:
                log.append(event(at))


def fill_together(log: MerkleLog, count: int) -> None:
    """Append `count` events from many threads: few batches, so few checkpoints."""
    with ThreadPoolExecutor(64) as threads:
        list(threads.map(lambda at: log.append(event(at)), range(count)))
