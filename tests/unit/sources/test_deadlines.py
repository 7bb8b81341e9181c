"""One thread for all deadlines: each is met once, whatever another's act does."""

from __future__ import annotations

import threading
import time

from gateway.sources.reading import Deadlines


def within(seconds: float) -> float:
    return time.monotonic() + seconds


def test_what_is_due_is_done_once_and_what_is_forgotten_never() -> None:
    deadlines, done = Deadlines(), list[str]()
    forgotten = deadlines.watch(within(0.2), lambda: done.append("forgotten"))
    deadlines.watch(within(0.1), lambda: done.append("due"))
    deadlines.forget(forgotten)
    deadlines.forget(forgotten)
    time.sleep(0.6)
    assert done == ["due"]


def test_an_earlier_deadline_that_comes_later_is_met_first() -> None:
    deadlines, met = Deadlines(), threading.Event()
    deadlines.watch(within(60), lambda: None)
    time.sleep(0.1)  # the thread waits for that one
    deadlines.watch(within(0.05), met.set)
    assert met.wait(2)


def test_an_act_that_hangs_keeps_no_other_waiting() -> None:
    deadlines, hanging, met = Deadlines(), threading.Event(), threading.Event()
    deadlines.watch(within(0.05), lambda: hanging.wait(10) or None)
    deadlines.watch(within(0.1), met.set)
    assert met.wait(2)
    hanging.set()


def test_many_deadlines_take_one_thread() -> None:
    def count() -> int:
        return sum(thread.name == "source-deadlines" for thread in threading.enumerate())

    deadlines, before = Deadlines(), count()
    watches = [deadlines.watch(within(60), lambda: None) for _ in range(50)]
    assert count() == before + 1
    for watch in watches:
        deadlines.forget(watch)
