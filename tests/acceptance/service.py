"""What a served gateway and all its children use, as the kernel counts it."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one process and everything below it."""

    processes: int
    zombies: int
    threads: int
    descriptors: int
    """Of the first process alone: children have theirs from their spawn."""
    sockets: int
    """Of those."""
    own_mb: float
    """PSS of the first process alone."""
    pss_mb: float


def usage(pid: int) -> Usage:
    """Now. A process that ends meanwhile counts as gone."""
    tree = _tree(pid)
    states = [_stat(each)[0] for each in tree]
    return Usage(
        processes=len(tree),
        zombies=states.count("Z"),
        threads=len(list((_PROC / str(pid) / "task").iterdir())),
        descriptors=len(list((_PROC / str(pid) / "fd").iterdir())),
        sockets=sum(_target(each).startswith("socket:") for each in (_PROC / str(pid) / "fd").iterdir()),
        own_mb=_pss_kb(pid) / 1024,
        pss_mb=sum(_pss_kb(each) for each in tree) / 1024,
    )


class Peak:
    """The largest sum of PSS that was seen."""

    def __init__(self) -> None:
        self.mb = 0.0


@contextlib.contextmanager
def watched(pid: int, *, seconds: float = 0.05) -> Iterator[Peak]:
    """Look at the tree's memory every so often."""
    peak, done = Peak(), threading.Event()

    def look() -> None:
        while not done.wait(seconds):
            peak.mb = max(peak.mb, sum(_pss_kb(each) for each in _tree(pid)) / 1024)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def settled(pid: int, *, seconds: float = 10) -> Usage:
    """Once two looks, half a second apart, find as many processes, threads and descriptors, and no zombie."""
    end = time.monotonic() + seconds
    before = usage(pid)
    while True:
        time.sleep(0.5)
        now = usage(pid)
        same = (before.processes, before.threads, before.descriptors) == (now.processes, now.threads, now.descriptors)
        if (same and not now.zombies) or time.monotonic() > end:
            return now
        before = now


def _tree(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            _, parent = _stat(int(folder.name))
            children.setdefault(parent, []).append(int(folder.name))
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += children.get(found[-1], [])
    return found


def _stat(pid: int) -> tuple[str, int]:
    """State and parent; of a process that is gone `?` and 0."""
    try:
        state, parent = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:
        return "?", 0
    return state, int(parent)


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


def _pss_kb(pid: int) -> int:
    """0 for what is gone or has no memory of its own any more."""
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
