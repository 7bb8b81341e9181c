"""Search and rows of the log, on both databases."""

from __future__ import annotations

import datetime
import itertools
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit import verify_log
from gateway.errors import Invalid
from gateway.store import SqlLogStore
from gateway.store.audit_log.search import search_statement
from gateway.terms.audit import Actor, EntryFilter
from tests.unit.audit.building import NOW, VKEY, access, column, denial, event, open_log, open_migrated, outcome

BEN = Actor(principal="ben", environment="prod", roles=("auditor",), door="cli")


@pytest.fixture
def store(engine: sa.Engine) -> SqlLogStore:
    """0 access (ok) · 1 outcome · 2 access of ben (open) · 3 denial · 4 event · 5 access of no column · 6 outcome."""
    log = open_log(engine)
    mixed = (column("core.customers.income", level="full", grant="g1"), column("core.customers.email", grant="g2"))
    log.append(access(0, columns=mixed))
    log.append(outcome(0))
    loans = (column("core.loans.amount", level="full", grant="g2"),)
    log.append(access(2, actor=BEN, purpose="marketing", columns=loans, datasets=("core.loans", "core.customers")))
    log.append(denial(3, time=NOW + datetime.timedelta(seconds=3)))
    log.append(event(4, time=NOW + datetime.timedelta(seconds=4)))
    log.append(access(5, columns=(), datasets=("core.accounts",)))
    log.append(outcome(5, result="cut", code="exhausted.time", rows=7))
    log.close()
    return SqlLogStore(engine)


@pytest.mark.parametrize(
    ("wanted", "indices"),
    [
        ({}, [0, 2, 3, 4, 5]),
        ({"kind": "access"}, [0, 2, 5]),
        ({"kind": "outcome"}, [1, 6]),
        ({"kind": "denial"}, [3]),
        ({"kind": "event"}, [4]),
        ({"principal": "ana"}, [0, 3, 5]),
        ({"principal": "ben"}, [2]),
        ({"purpose": "marketing"}, [2, 3]),
        ({"purpose": "marketing", "kind": "denial"}, [3]),
        ({"action": "token-create"}, [4]),
        ({"action": ""}, []),
        ({"receipt": "access-0"}, [0]),
        ({"receipt": "access-0", "kind": "outcome"}, [1]),
        ({"receipt": "access-0", "principal": "ben"}, []),
        ({"result": "ok"}, [0]),
        ({"result": "cut"}, [5]),
        ({"result": "denied"}, [3]),
        ({"result": "failed"}, []),
        ({"result": "ok", "kind": "outcome"}, [1]),
        ({"dataset": "core.customers"}, [0, 2]),
        ({"dataset": "core.accounts"}, [5]),
        ({"dataset": "core.loans"}, [2, 3]),
        ({"column": "core.customers.income"}, [0]),
        ({"column": "income", "dataset": "core.customers"}, [0]),
        ({"column": "core.customers.income", "dataset": "core.customers"}, [0]),
        ({"column": "core.customers.income", "dataset": "core.loans"}, []),
        ({"column": "core.loans.amount"}, [2, 3]),
        ({"level": "full"}, [0, 2]),
        ({"level": "full", "dataset": "core.loans"}, [2]),
        ({"level": "pseudonymized"}, [0]),
        ({"grant": "g2"}, [0, 2]),
        ({"grant": "g2", "level": "full"}, [2]),  # in entry 0 g2 gives email, which is not full
        ({"grant": "g1", "column": "core.customers.email"}, []),
        ({"level": "aggregated"}, []),
        ({"since": NOW + datetime.timedelta(seconds=3)}, [3, 4, 5]),
        ({"until": NOW + datetime.timedelta(seconds=3)}, [0, 2]),
        ({"since": NOW + datetime.timedelta(seconds=2), "until": NOW + datetime.timedelta(seconds=4)}, [2, 3]),
        ({"after": 2}, [3, 4, 5]),
        ({"limit": 2}, [0, 2]),
        ({"after": 2, "limit": 1}, [3]),
        ({"principal": "' OR 1=1 --"}, []),
    ],
    ids=str,
)
def test_search_finds(store: SqlLogStore, wanted: dict, indices: list[int]) -> None:
    assert [entry.index for entry in store.search(EntryFilter(**wanted))] == indices


def test_an_access_is_shown_with_its_outcome(store: SqlLogStore) -> None:
    ended, running, refused, *_ = store.search(EntryFilter())
    assert (ended.result, ended.outcome["rows"], ended.payload["purpose"]) == ("ok", 42, "credit-default-model")
    assert (running.result, running.outcome, running.payload["actor"]["principal"]) == (None, None, "ben")
    assert (refused.result, refused.outcome, refused.time) == ("denied", None, NOW + datetime.timedelta(seconds=3))


def test_an_erased_payload_is_none(store: SqlLogStore, engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_payload")
    first, *_ = store.search(EntryFilter())
    assert (first.payload, first.outcome, first.result) == (None, None, "ok")
    assert {(row.payload, row.salt) for row in store.rows(first=0, count=10)} == {(b"", b"")}


@pytest.mark.parametrize(
    "wanted",
    [
        {"limit": 0},
        {"limit": 1001},
        {"since": NOW.replace(tzinfo=None)},
        {"until": NOW.replace(tzinfo=None)},
        {"column": "income"},
    ],
    ids=str,
)
def test_a_question_that_means_nothing_is_invalid(store: SqlLogStore, wanted: dict) -> None:
    with pytest.raises(Invalid):
        store.search(EntryFilter(**wanted))


values = {
    "principal": ["ana", "ben"],
    "dataset": ["core.customers", "core.loans"],
    "column": ["core.customers.income", "core.loans.amount"],
    "purpose": ["marketing", "credit-default-model"],
    "grant": ["g1", "g2"],
    "level": ["full", "pseudonymized"],
    "result": ["ok", "denied"],
    "kind": ["access", "outcome", "denial", "event"],
    "since": [NOW + datetime.timedelta(seconds=1)],
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_more_filters_never_find_more(store: SqlLogStore, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(values)), unique=True, min_size=1, max_size=4))
    wanted = {name: data.draw(st.sampled_from(values[name])) for name in names}
    found = {entry.index for entry in store.search(EntryFilter(**wanted))}
    for fewer in itertools.combinations(names, len(names) - 1):
        if "kind" in names and "kind" not in fewer:
            continue  # kind=None lists outcomes with their accesses only
        wider = {entry.index for entry in store.search(EntryFilter(**{name: wanted[name] for name in fewer}))}
        assert found <= wider


@pytest.mark.parametrize(
    "wanted",
    [
        {"principal": "ana"},
        {"purpose": "marketing"},
        {"receipt": "access-0"},
        {"kind": "event", "action": "token-create"},
        {"dataset": "core.loans"},
        {"column": "core.customers.income"},
        {"level": "full"},
        {"grant": "g1"},
        {"result": "cut"},
    ],
    ids=str,
)
def test_sqlite_answers_by_an_index(tmp_path: Path, wanted: dict) -> None:
    engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}")
    statement = search_statement(EntryFilter(**wanted)).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
    engine.dispose()
    assert not [step for step in plan if step.startswith("SCAN")], plan


def test_rows_come_back_as_they_were_appended(store: SqlLogStore) -> None:
    rows = store.rows(first=0, count=100)
    assert [row.index for row in rows] == list(range(7))
    assert [column.column for column in rows[0].columns] == ["email", "income"]
    assert rows[2].datasets == ("core.customers", "core.loans")
    assert store.rows(first=7, count=5) == []


def test_verification_holds_on_either_database(store: SqlLogStore) -> None:
    verified = verify_log(store, verifier_key=VKEY)
    assert (verified.findings, verified.size) == ((), 7)


def test_checkpoints_are_one_per_batch(store: SqlLogStore) -> None:
    assert [previous for previous, _ in store.checkpoints(after=2, until=5)] == [2, 3, 4]
    assert store.checkpoint(size=3).size == 3
    assert store.checkpoint(size=99) is None
