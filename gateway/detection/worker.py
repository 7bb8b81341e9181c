"""One worker: spawned from a clean interpreter, asked one thing at a time, killed when it is stuck."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from gateway.detection import answers, questions
from gateway.detection.child.frames import (
    CHUNK_CHARACTERS,
    CLASSIFY,
    FIND,
    FOUND,
    KEPT_LISTS,
    MODEL_CHARACTERS,
    NAMES,
    TAKEN,
    VERDICTS,
)
from gateway.detection.limits import DetectionLimits, Knowledge
from gateway.errors import Unavailable
from gateway.isolation import process as isolation
from gateway.isolation.frames import READY
from gateway.isolation.wire import Channel, Ended, Malformed
from gateway.terms.recognition import ColumnVerdict, Found, NameList, Note, SampledTable

CHILD_FOLDER: Final = Path(__file__).with_name("child")
START_SECONDS: Final = 120.0
"""A worker is ready within seconds; with several language models on a loaded machine it takes longer."""
MAX_BYTES: Final = {READY: isolation.MAX_REPORT_BYTES, TAKEN: 0, FOUND: 8 << 20, VERDICTS: 64 << 20}
"""Kinds that a worker may send, and how large each may be."""
STUCK_FACTOR: Final = 10
"""A worker ends a slow text by itself. One that has used so many times the limit without an answer is stuck."""
STILL_SECONDS: Final = 30.0
"""Without an answer, by the clock: for one that waits for what never comes, or on a machine that has no time for it."""
TABLE_SECONDS: Final = 5.0
"""Of the processor, for one table, besides its columns."""
COLUMN_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 0.05
ONE_THREAD: Final[Mapping[str, str]] = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""All of a worker's environment: there are as many workers as processors, and a model's own threads would stand
in each other's way."""


class Gone(Exception):
    """The worker can be asked no more. `reason`: died, stuck, malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Worker:
    """A process with its socket, and which lists of names it has. Owned by one thread, which MUST outlive it."""

    def __init__(self, limits: DetectionLimits, knowledge: Knowledge, *, python: str) -> None:
        """Start it; `await_ready` MUST come next.

        Raises:
            Unavailable: no descriptor or no process is left.
        """
        self._limits = limits
        self._has_models = bool(knowledge.models)
        self._lists: OrderedDict[str, None] = OrderedDict()
        self._pages = 0
        self.isolation: Mapping[str, bool] = {}
        """What it achieved, by its own report before any text."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            try:
                own, end = socket.socketpair()
                ours.callback(own.close)
                theirs.callback(end.close)
                self._process = _start(end.fileno(), limits, knowledge, python=python)
            except OSError as error:
                raise Unavailable(f"no worker could be started: {error.strerror}", code="detection") from None
            ours.pop_all()
        self._control = Channel(own, max_bytes=MAX_BYTES)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def await_ready(self) -> None:
        """Wait until it has loaded all that it needs and given up the rest.

        Raises:
            Unavailable: it ended before, or lacks isolation; `unavailable.model`: something to load is missing.
        """
        report = isolation.report_of(self._control, seconds=START_SECONDS)
        refused = report.get("refused") if report else None
        if isinstance(refused, str):  # its own words, said before it was sent any text
            fix = str(report.get("fix", "")) if report else ""
            raise Unavailable(refused, code="model", fix=fix)
        self.isolation = isolation.achieved(
            report, needs=("seccomp",), isolation=self._limits.kernel_isolation, what="detection"
        )
        self._control.limit(STILL_SECONDS)
        self._pages = _mapped_pages(self.pid)

    @property
    def has_grown(self) -> bool:
        """Whether it has used up half of what it may map: time for another one."""
        grown = (_mapped_pages(self.pid) - self._pages) * resource.getpagesize()
        return grown > self._limits.memory_mb << 19

    def find(
        self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool, alone: bool
    ) -> Iterator[list[tuple[str, Found]]]:
        """Outcome and what was found, for the notes in order, some at a time.

        Raises:
            Gone: at the next of the notes that have no answer yet, or near it unless asked one by one.
        """
        with _gone_when_broken():
            if names:
                self._give(names)
            self._control.write(FIND, questions.find(notes, names=names, is_strict=is_strict, alone=alone))
            rest = notes
            while rest:
                payload = self._answer(FOUND, seconds=STUCK_FACTOR * self._text_seconds(rest[0]))
                found = answers.found(payload, notes=rest)
                rest = rest[len(found) :]
                yield found

    def classify(self, table: SampledTable) -> list[ColumnVerdict] | None:
        """One verdict for each column; None: it could not.

        Raises:
            Gone: it ended, or took too long.
        """
        with _gone_when_broken():
            self._control.write(CLASSIFY, questions.classify(table))
            payload = self._answer(VERDICTS, seconds=TABLE_SECONDS + COLUMN_SECONDS * len(table.columns))
            return answers.verdicts(payload, table=table)

    def kill(self) -> None:
        """SIGKILL, from any thread; whoever reads from it sees its end."""
        self._process.kill()

    def end(self) -> None:
        """Kill it, wait for its end, and close its socket."""
        self.kill()
        self._process.wait()
        self._control.close()

    def _text_seconds(self, first: Note) -> float:
        """Of the processor, at most, by the worker's own alarm, for the chunk that begins with this note."""
        characters = max(CHUNK_CHARACTERS, len(first.text)) if self._has_models else 0
        return self._limits.value_seconds * (1 + characters / MODEL_CHARACTERS)

    def _give(self, names: NameList) -> None:
        if names.id not in self._lists:
            for payload in questions.names_in_parts(names):
                self._control.write(NAMES, payload)
                self._answer(TAKEN, seconds=STILL_SECONDS)
            self._lists[names.id] = None
            while len(self._lists) > KEPT_LISTS:
                self._lists.popitem(last=False)
        self._lists.move_to_end(names.id)

    def _answer(self, kind: int, *, seconds: float) -> pa.Buffer:
        begin, until = _cpu_seconds(self.pid), time.monotonic() + STILL_SECONDS + seconds
        while not self._control.has_answer(within=LOOK_SECONDS):
            if _cpu_seconds(self.pid) - begin > seconds or time.monotonic() > until:
                raise Gone("stuck")
        came, payload = self._control.read()
        if came != kind:
            raise Malformed("an answer of another kind")
        return payload


@contextlib.contextmanager
def _gone_when_broken() -> Iterator[None]:
    try:
        yield
    except Ended:
        raise Gone("died") from None
    except Malformed:
        raise Gone("malformed") from None


def _start(number: int, limits: DetectionLimits, knowledge: Knowledge, *, python: str) -> subprocess.Popen[bytes]:
    spec = {
        "control": number,
        "memory_mb": limits.memory_mb,
        "value_seconds": limits.value_seconds,
        "models": dict(knowledge.models),
        "site": knowledge.site,
        "lexicon": knowledge.lexicon,
    }
    return isolation.start(CHILD_FOLDER, spec, numbers=[number], python=python, environment=ONE_THREAD)


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process; its clock's number is made of its id, as clock_getcpuclockid(3) does it."""
    try:
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:  # it just ended: reading from it tells
        return 0.0


def _mapped_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
