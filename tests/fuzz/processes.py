"""Blocks of questions dealt to processes, each with worlds of its own; a file keeps what was asked."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import multiprocessing as mp
import os
import queue
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from tests.fuzz.campaign import How, Report, blocks, run_block
from tests.fuzz.worlds import open_worlds

_LOOK_SECONDS = 2.0
"""How often it is looked whether the processes are alive."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Campaign:
    """What is asked; a file of another one is not gone on with."""

    queries: int
    seed: int
    people: tuple[str, ...]
    postgres: str | None = None
    mariadb: str | None = None

    @property
    def title(self) -> dict[str, object]:
        """Without the servers' addresses."""
        return {
            "queries": self.queries,
            "seed": self.seed,
            "people": list(self.people),
            "servers": [self.postgres is not None, self.mariadb is not None],
        }


class Kept:
    """A file with a line for each block that was asked and found nothing; one that found something is asked again."""

    def __init__(self, path: Path | None, campaign: Campaign) -> None:
        """Read it.

        Raises:
            ValueError: it is another campaign's.
        """
        self._path = path
        self.reports: dict[int, Report] = {}
        if path is None:
            return
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines:
            self._add(campaign.title)
        elif json.loads(lines[0]) != campaign.title:
            raise ValueError(f"{path} belongs to another campaign: {lines[0]}")
        for line in map(json.loads, lines[1:]):
            self.reports[line["block"]] = _read(line, seed=campaign.seed)

    def add(self, block: int, report: Report) -> None:
        if not report.findings:
            self._add({"block": block} | _written(report))

    def _add(self, line: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")


def _written(report: Report) -> dict[str, Any]:
    known = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
    return {name: sorted(value) if name == "texts" else value for name, value in known.items() if name != "findings"}


def _read(line: dict[str, Any], *, seed: int) -> Report:
    counted = {name: collections.Counter(line[name]) for name in ("codes", "of_source", "answered_of")}
    plain = {name: line[name] for name in ("asked", "answered", "seconds")}
    return Report(seed, **plain, **counted, texts=set(line["texts"]))


def run_all(
    campaign: Campaign, *, how: How, processes: int = 1, kept: Path | None = None, only: int | None = None
) -> Report:
    """All blocks, or `only` this one, that the file does not hold yet; and those that it does, in the sum.

    Raises:
        ValueError: the file is another campaign's.
        RuntimeError: a process ended before its time.
    """
    file = Kept(kept, campaign)
    total, began = Report(campaign.seed), time.monotonic()
    for report in file.reports.values():
        total += report
        total.seconds += report.seconds
    before = total.seconds
    if file.reports:
        how.tell(f"{len(file.reports)} blocks are kept: {total}")
    left = [b for b in blocks(campaign.queries) if b[0] not in file.reports and only in (None, b[0])]
    with contextlib.closing(_dealt(campaign, left, processes=processes, how=how)) as reports:
        for block, report in reports:
            file.add(block, report)
            total += report
            total.seconds = before + time.monotonic() - began
            for finding in report.findings:
                how.tell(str(finding))
            how.tell(str(total))
            if len(total.findings) >= how.stop_at:
                break
    return total


def _dealt(
    campaign: Campaign, left: list[tuple[int, int]], *, processes: int, how: How
) -> Generator[tuple[int, Report], None, None]:
    """Reports as they come. When nobody listens any more, processes that still ask are interrupted, and tidy up."""
    context = mp.get_context("spawn")
    tasks, told = context.Queue(), context.Queue()
    quiet = dataclasses.replace(how, tell=_unheard)
    work = functools.partial(_work, campaign, quiet)
    children = [context.Process(target=work, args=(tasks, told)) for _ in range(min(processes, len(left)))]
    for block in left:
        tasks.put(block)
    for _ in children:
        tasks.put(None)
    for child in children:
        child.start()
    try:
        for _ in left:
            yield _next(told, children)
    except BaseException:  # of the one who listens too
        for child in children:
            _interrupt(child)
        raise
    finally:
        for child in children:
            _join(child, told)
        tasks.cancel_join_thread()  # what nobody took holds nobody up


def _interrupt(child: Any) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGINT)


def _unheard(_: str) -> None:
    """What a process tells is told again by the one that deals."""


def _next(told: Any, children: list[Any]) -> tuple[int, Report]:
    while True:
        try:
            answer = told.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if any(child.exitcode for child in children):
                raise RuntimeError("a process ended before its time") from None
            continue
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer


def _drain(tasks: Any) -> None:
    while True:
        try:
            tasks.get(timeout=0.1)
        except queue.Empty:
            return


def _join(child: Any, told: Any) -> None:
    """What it still tells is thrown away: a process does not end before its queue is empty."""
    while child.is_alive():
        child.join(0.2)
        _drain(told)


def _work(campaign: Campaign, how: How, tasks: Any, told: Any) -> None:
    answer: Callable[[Any], None] = told.put
    try:
        with (
            tempfile.TemporaryDirectory() as root,
            open_worlds(Path(root), postgres=campaign.postgres, mariadb=campaign.mariadb) as worlds,
        ):
            for block, count in iter(tasks.get, None):
                answer((block, run_block(worlds, block=block, count=count, seed=campaign.seed, how=how)))
    except KeyboardInterrupt:
        return
    except Exception:  # noqa: BLE001 - the parent raises it
        answer(traceback.format_exc())
