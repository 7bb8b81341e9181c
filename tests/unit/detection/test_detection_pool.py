"""The gateway's side: workers that die, hang or lie cost what made them, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from gateway.detection import DetectorPool, worker
from gateway.detection.lane import MAX_DEATHS
from gateway.errors import Unavailable
from gateway.terms.recognition import Found, NameList, Note, SampledColumn, SampledTable, Span
from tests.unit.detection.pools import actor, notes, opened, told

WHOLE = Found(is_whole=True)
FIRST = Found(spans=(Span(start=0, end=1, kind="person", same_as=1),), language="en")


def find(pool: DetectorPool, *texts: str, names: NameList | None = None) -> list[Found]:
    return pool.find(notes(*texts), names=names, is_strict=False)


def test_nothing_starts_before_the_first_text(tmp_path: Path) -> None:
    before = threading.active_count()
    with opened(python=actor(tmp_path)) as pool:
        assert find(pool, "", "") == [Found(), Found()]
        assert (told(tmp_path), threading.active_count()) == ([], before)
        assert find(pool, "Bo") == [FIRST]
        assert told(tmp_path) == ["born"]


def test_answers_come_in_order_whatever_worker_gives_them(tmp_path: Path) -> None:
    texts = ["x" if row % 3 else "Bo" for row in range(3_000)]
    with opened(python=actor(tmp_path), workers=2) as pool:
        found = find(pool, *texts)
    assert found == [FIRST if text == "Bo" else Found(language="en") for text in texts]


def test_several_callers_share_the_workers(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path), workers=2) as pool, ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda row: find(pool, *["Bo"] * (row * 100 + 1)), range(8)))
    assert answers == [[FIRST] * (row * 100 + 1) for row in range(8)]


@pytest.mark.parametrize("bad", ["die", "spin", "lie", "flood"])
def test_a_text_that_ends_its_worker_costs_itself_alone(bad: str, tmp_path: Path) -> None:
    texts = ["Bo"] * 300
    texts[40] = texts[299] = bad
    with opened(python=actor(tmp_path)) as pool:
        found = find(pool, *texts)
        counts = pool.counts()
    assert [place for place, each in enumerate(found) if each == WHOLE] == [40, 299]
    assert all(each == FIRST for place, each in enumerate(found) if place not in {40, 299})
    assert counts["blamed"] == 2
    assert counts[{"die": "died", "spin": "stuck"}.get(bad, "malformed")] == 4, "once in a crowd, once alone"
    assert counts["started"] == told(tmp_path).count("born")


def test_a_lost_worker_is_logged_by_reason_and_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with opened(python=actor(tmp_path)) as pool:
        find(pool, "Bo", "die", "x" * 40_000)
    said = [record.getMessage() for record in caplog.records if record.name == "gateway.detection"]
    assert said == [
        "a worker was lost (died); since the start: {'too_long': 1, 'started': 1, 'died': 1}",
        "a worker was lost (died); since the start: {'too_long': 1, 'started': 2, 'died': 2}",
    ]


def test_a_worker_that_waits_for_ever_is_ended_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "STILL_SECONDS", 0.2)
    with opened(python=actor(tmp_path)) as pool:
        assert find(pool, "Bo", "stop", "Bo") == [FIRST, WHOLE, FIRST]
        assert pool.counts()["stuck"] == 2


def test_many_such_texts_end_their_piece_not_the_batch(tmp_path: Path) -> None:
    texts = ["die"] * 256 + ["Bo"] * 300
    with opened(python=actor(tmp_path)) as pool:
        found = find(pool, *texts)
        counts = pool.counts()
    assert found == [WHOLE] * 256 + [FIRST] * 300
    assert counts["died"] == MAX_DEATHS
    assert counts["blamed"] + counts["given_up"] == 256


def test_a_text_above_32_kib_is_never_sent(tmp_path: Path) -> None:
    limit = 32 << 10
    texts = ["x" * limit, "x" * (limit + 1), "é" * (limit // 2), "é" * (limit // 2) + "x", "x" * (10 << 20)]
    with opened(python=actor(tmp_path)) as pool:
        assert find(pool, *texts) == [FIRST, WHOLE, FIRST, WHOLE, WHOLE]
        assert pool.counts()["too_long"] == 3


def test_a_known_value_that_is_no_value_is_never_sent(tmp_path: Path) -> None:
    note = Note(text="Bo", known={"name": "n" * 1_001, "email": "", "iban": "i" * 1_000})
    with opened(python=actor(tmp_path)) as pool:
        assert pool.find([note], names=None, is_strict=False) == [FIRST]


def test_a_list_of_names_is_sent_once_to_a_worker(tmp_path: Path) -> None:
    lists = [NameList(id=f"n{number}", parts=frozenset({"anna", str(number)})) for number in range(5)]
    with opened(python=actor(tmp_path)) as pool:
        for _ in range(3):
            find(pool, "Bo", names=lists[0])
        assert told(tmp_path) == ["born", "names n0 2"]
        for names in (*lists[1:], lists[4], lists[0]):
            find(pool, "Bo", names=names)
        assert told(tmp_path)[2:] == ["names n1 2", "names n2 2", "names n3 2", "names n4 2", "names n0 2"], "four stay"


def test_a_long_list_of_names_goes_in_parts(tmp_path: Path) -> None:
    names = NameList(id="n", parts=frozenset(map(str, range(250_000))))
    with opened(python=actor(tmp_path)) as pool:
        assert find(pool, "Bo", names=names) == [FIRST]
    assert told(tmp_path) == ["born", "names n 100000", "names n 100000", "names n 50000"]


def test_an_idle_worker_ends_and_the_next_text_starts_another(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path), idle_seconds=0.05) as pool:
        find(pool, "Bo")
        wait_until(lambda: pool._lanes[0]._worker is None)
        assert find(pool, "Bo") == [FIRST]
    assert told(tmp_path) == ["born", "born"]


def test_a_worker_killed_from_outside_is_replaced(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path)) as pool:
        find(pool, "Bo")
        running = pool._lanes[0]._worker
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        assert find(pool, "Bo", "Cy") == [FIRST, FIRST]


@pytest.mark.parametrize("begin", ["os._exit(1)", "send(1, b'no report')", "send(9, b'')", "send(1, b'[' * 60000)"])
def test_workers_that_do_not_start_are_told_after_three(begin: str, tmp_path: Path) -> None:
    with opened(python=actor(tmp_path, begin=begin)) as pool, pytest.raises(Unavailable) as refused:
        find(pool, "Bo")
    assert refused.value.code == "unavailable.detection"
    assert told(tmp_path) == ["born"] * 3


def test_an_interpreter_that_is_not_there_is_told() -> None:
    with opened(python="/nowhere/python") as pool, pytest.raises(Unavailable) as refused:
        find(pool, "Bo")
    assert "No such file" in refused.value.message


def test_without_seccomp_nothing_is_looked_at(tmp_path: Path) -> None:
    begin = 'send(1, json.dumps({"seccomp": False, "landlock": True, "reason": "not here"}).encode())'
    with opened(python=actor(tmp_path, begin=begin)) as pool, pytest.raises(Unavailable) as refused:
        find(pool, "Bo")
    assert refused.value.code == "unavailable.isolation"
    assert "not here" in refused.value.message
    accepting = actor(tmp_path, begin="")
    with opened(python=accepting, kernel_isolation="accept_none") as pool:
        assert find(pool, "Bo") == [FIRST]


def test_what_a_worker_lacks_is_told_at_once(tmp_path: Path) -> None:
    begin = 'send(1, json.dumps({"refused": "the model x is missing", "fix": "install x"}).encode())'
    with opened(python=actor(tmp_path, begin=begin)) as pool, pytest.raises(Unavailable) as refused:
        find(pool, "Bo")
    assert (refused.value.code, refused.value.fix) == ("unavailable.model", "install x")
    assert told(tmp_path) == ["born"], "a second one would lack it too"


@pytest.mark.parametrize("text", ["spin", "stop"])
def test_closing_ends_a_worker_and_who_waits_for_it(text: str, tmp_path: Path) -> None:
    with opened(python=actor(tmp_path)) as pool, ThreadPoolExecutor(4) as callers:
        waiting = [callers.submit(find, pool, *[text] * 2_000) for _ in range(4)]
        wait_until(lambda: bool(told(tmp_path)))
        begin = time.monotonic()
        pool.close()
        took = time.monotonic() - begin
        for each in waiting:
            with pytest.raises(Unavailable) as refused:
                each.result(5)
            assert refused.value.code == "unavailable.stopping"
    assert took < 5, "seconds on a loaded machine; it is a kill"
    assert not any(lane.thread.is_alive() for lane in pool._lanes)


def test_closing_ends_a_worker_that_starts(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path, begin="time.sleep(60)")) as pool, ThreadPoolExecutor(1) as caller:
        waiting = caller.submit(find, pool, "Bo")
        wait_until(lambda: bool(told(tmp_path)))
        pool.close()
        with pytest.raises(Unavailable):
            waiting.result(5)


def test_a_closed_pool_takes_no_text(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path)) as pool:
        pool.close()
        with pytest.raises(Unavailable):
            find(pool, "Bo")
        pool.close()
    assert told(tmp_path) == []


def test_a_worker_gets_no_environment_and_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "x")
    begin = "note(json.dumps([sorted(os.environ), sorted(map(int, os.listdir('/proc/self/fd')))]))"
    with (tmp_path / "open").open("w") as held, opened(python=actor(tmp_path, begin=begin)) as pool:
        os.set_inheritable(held.fileno(), True)
        find(pool, "Bo")
    environment, descriptors = json.loads(told(tmp_path)[1])
    assert set(environment) <= {*worker.ONE_THREAD, "LC_CTYPE"}
    assert len(descriptors) == 5, "the three of every process, the socket, and the list itself"


TABLE = SampledTable(
    name="t",
    columns=tuple(SampledColumn(name=name, type=pa.string(), values=("x", None)) for name in ("a", "b")),
)


def test_a_table_that_ends_its_workers_stays_unclassified(tmp_path: Path) -> None:
    with opened(python=actor(tmp_path)) as pool:
        verdicts = pool.classify(TABLE)
    assert [(each.column, each.classification, each.confidence) for each in verdicts] == [
        ("a", "direct_identifier", 0.0),
        ("b", "direct_identifier", 0.0),
    ]
    assert all(each.needs_review for each in verdicts)
    assert told(tmp_path).count("table") == 3, "whole, then column by column"


def test_a_table_costs_a_bounded_number_of_workers(tmp_path: Path) -> None:
    column = TABLE.columns[0]
    wide = SampledTable(name="t", columns=(column,) * 100)
    with opened(python=actor(tmp_path)) as pool:
        assert len(pool.classify(wide)) == 100
    assert told(tmp_path).count("born") == MAX_DEATHS


def wait_until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)
