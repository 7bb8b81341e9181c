"""Rows taken interactively: charged to every dataset or to none, never more than allowed, on both databases."""

from __future__ import annotations

import datetime
import threading
import time
from pathlib import Path

import sqlalchemy as sa

from gateway.errors import Unavailable
from gateway.store import Allowances
from gateway.store.allowance import row_allowance
from gateway.store.database import writing
from tests.unit.audit.building import open_migrated

DAY = datetime.date(2026, 12, 1)


def take(allowances: Allowances, rows: int, *datasets: str, by: str = "ana", day: datetime.date = DAY) -> bool:
    return allowances.take(principal=by, datasets=datasets or ("core.a",), day=day, rows=rows, allowance=100)


def taken(allowances: Allowances, dataset: str = "core.a", *, by: str = "ana", day: datetime.date = DAY) -> int:
    return allowances.taken(principal=by, dataset=dataset, day=day)


def test_rows_add_up_to_the_allowance_and_no_further(engine: sa.Engine) -> None:
    allowances = Allowances(engine)
    assert [take(allowances, rows) for rows in (60, 40, 1)] == [True, True, False]
    assert taken(allowances) == 100


def test_what_is_refused_is_not_charged(engine: sa.Engine) -> None:
    allowances = Allowances(engine)
    assert not take(allowances, 101)
    assert taken(allowances) == 0
    assert take(allowances, 60)
    assert not take(allowances, 41)
    assert taken(allowances) == 60


def test_principals_datasets_and_days_are_counted_apart(engine: sa.Engine) -> None:
    allowances = Allowances(engine)
    assert take(allowances, 100)
    assert take(allowances, 100, "core.b")
    assert take(allowances, 100, by="bob")
    assert take(allowances, 100, day=DAY + datetime.timedelta(days=1))
    assert not take(allowances, 1)


def test_one_dataset_that_is_short_leaves_all_uncharged(engine: sa.Engine) -> None:
    allowances = Allowances(engine)
    assert take(allowances, 90, "core.b")
    for datasets in (("core.a", "core.b", "core.c"), ("core.c", "core.b", "core.a")):
        assert not take(allowances, 20, *datasets)
    assert [taken(allowances, name) for name in ("core.a", "core.b", "core.c")] == [0, 90, 0]


def test_concurrent_takers_never_overdraw(url: str) -> None:
    """Two processes' worth of engines, in both orders of datasets: no deadlock, and no row too many."""
    open_migrated(url).dispose()
    got: list[int] = []
    begin = threading.Barrier(4)

    def taker(datasets: tuple[str, ...]) -> None:
        engine = open_migrated(url)
        allowances = Allowances(engine)
        begin.wait()
        got.extend(7 for _ in range(10) if take(allowances, 7, *datasets))
        engine.dispose()

    orders = [("core.a", "core.b"), ("core.b", "core.a")] * 2
    threads = [threading.Thread(target=taker, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine = open_migrated(url)
    assert sum(got) == 98, "14 times 7: the fifteenth is above 100"
    assert taken(Allowances(engine)) == taken(Allowances(engine), "core.b") == 98
    engine.dispose()


def test_it_outlives_the_process(url: str) -> None:
    first = open_migrated(url)
    assert take(Allowances(first), 95)
    first.dispose()
    second = open_migrated(url)
    assert not take(Allowances(second), 6)
    assert taken(Allowances(second)) == 95
    second.dispose()


def begin_takers(
    count: int, took: list[bool | str], allowances: Allowances, *, rows: int = 7
) -> list[threading.Thread]:
    def taker() -> None:
        try:
            took.append(take(allowances, rows))
        except Unavailable as error:
            took.append(error.code)

    threads = [threading.Thread(target=taker) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_charges_that_wait_are_committed_together(engine: sa.Engine) -> None:
    """Each gets its own answer, once it is durable; the disk is waited for a few times and not for each."""
    allowances, took, commits = Allowances(engine), list[bool | str](), []
    sa.event.listen(engine, "commit", commits.append)
    with writing(engine) as connection:  # nobody else commits meanwhile
        connection.execute(row_allowance.insert().values(principal="ana", dataset="core.a", day=DAY, taken=0))
        threads = begin_takers(16, took, allowances)
        time.sleep(0.3)
        assert not took
    for thread in threads:
        thread.join()
    assert sorted(took) == [False] * 2 + [True] * 14, "14 times 7: the fifteenth is above 100"
    assert taken(allowances) == 98
    assert len(commits) - 1 <= 3, "one was under way, the others waited"


def test_a_commit_that_fails_is_told_to_all_that_waited_for_it(tmp_path: Path) -> None:
    engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}", lock_seconds=0.4)
    allowances, took = Allowances(engine), list[bool | str]()
    with writing(engine):
        for thread in begin_takers(6, took, allowances):
            thread.join()
    assert took == ["unavailable.control"] * 6
    assert taken(allowances) == 0
    assert take(allowances, 100), "the next one is not kept waiting"
    engine.dispose()


def test_batches_of_two_processes_do_not_wait_for_each_other(url: str) -> None:
    """Each locks its rows in one order, whatever the order of the charges in it."""
    open_migrated(url).dispose()
    engines = [open_migrated(url) for _ in range(2)]
    errors: list[Exception] = []

    def taker(allowances: Allowances, names: tuple[str, ...]) -> None:
        try:
            for _ in range(10):
                assert take(allowances, 1, *names, by="-".join(names[:1]))
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            errors.append(error)

    orders = [("core.a", "core.b"), ("core.b", "core.a"), ("core.c", "core.a"), ("core.a", "core.c")]
    both = [Allowances(engine) for engine in engines]
    threads = [threading.Thread(target=taker, args=(allowances, names)) for allowances in both for names in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert taken(both[0], by="core.a") == 40
    for engine in engines:
        engine.dispose()
