"""The pool of workers. Nothing is started before the first question, and what is idle ends."""

from __future__ import annotations

import functools
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.detection.lane import WHOLE, Counts, Job, Lane
from gateway.detection.limits import MAX_KNOWN_CHARACTERS, MAX_TEXT_BYTES, DetectionLimits, Knowledge
from gateway.detection.worker import Worker
from gateway.errors import Unavailable
from gateway.terms.recognition import ColumnVerdict, Found, NameList, Note, SampledTable

PIECE_NOTES: Final = 256
PIECE_CHARACTERS: Final = 256 << 10
"""One question's texts: few enough that several callers share the workers, many enough that frames cost nothing."""
WAITING: Final = 2
"""Jobs a worker that wait; who brings more waits with them."""
CLOSING_LOOK_SECONDS: Final = 0.2
_NOTHING: Final = Found()


class DetectorPool:
    """Finds personal data in killable processes that hold no key and reach no network. Safe to call from any thread."""

    def __init__(
        self, limits: DetectionLimits, *, knowledge: Knowledge | None = None, python: str = sys.executable
    ) -> None:
        self._limits = limits
        self._jobs: queue.Queue[Job] = queue.Queue(maxsize=WAITING * limits.workers)
        self._counts = Counts()
        self._starting = threading.Lock()
        self._closing = threading.Event()
        known = knowledge or Knowledge()
        self._begin: Callable[[], Worker] = functools.partial(Worker, limits, known, python=python)
        self._lanes: tuple[Lane, ...] = ()

    def find(self, notes: Sequence[Note], *, names: NameList | None, is_strict: bool) -> list[Found]:
        """One for each note, in order; a text over 32 KiB, or that could not be looked at in time, is `is_whole`.

        Args:
            notes: any number; what is known of a row and longer than 1,000 characters is not looked for.
            names: parts of the names of all subjects that the notes may be about; None: not known.
            is_strict: remove unknown capitalised words too, where no language model is there.

        Raises:
            Unavailable: no worker starts, a model is missing, or the gateway is stopping.
        """
        found = [WHOLE if note.text else _NOTHING for note in notes]
        asked = [place for place, note in enumerate(notes) if note.text and _fits(note.text)]
        if too_long := sum(map(bool, (note.text for note in notes))) - len(asked):
            self._counts.add("too_long", too_long)
        call = _Call(self._submit)
        pieces = list(_pieces(notes, asked))
        for places in pieces:
            piece = [_bounded(notes[place]) for place in places]
            call.add(functools.partial(Lane.find, notes=piece, names=names, is_strict=is_strict))
        for places, answer in zip(pieces, call.results(), strict=True):
            for place, each in zip(places, answer, strict=True):
                found[place] = each
        return found

    def classify(self, table: SampledTable) -> list[ColumnVerdict]:
        """One for each column, in order.

        Raises:
            Unavailable: no worker starts, or the gateway is stopping.
        """
        call = _Call(self._submit)
        call.add(lambda lane: lane.classify(table))
        (verdicts,) = call.results()
        return list(verdicts)

    def counts(self) -> Mapping[str, int]:
        """How often, since the start, by name.

        Texts removed whole: `too_long`; `slow` and `failed` (the worker's own end of it), `blamed` (it ended a worker),
        `given_up` (too many in one piece did). Workers: `started`, `died`, `stuck`, `malformed`, `replaced`.
        """
        return self._counts.told()

    def isolation(self) -> Mapping[str, bool]:
        """What a worker achieved, by name: `seccomp`, `landlock`. Empty before the first one."""
        return next((lane.isolation for lane in self._lanes if lane.isolation), {})

    def close(self) -> None:
        """End all workers at once; whoever waits for an answer gets Unavailable."""
        with self._starting:
            self._closing.set()
            lanes = self._lanes
        for lane in lanes:
            lane.close()
        self._refuse_waiting()
        for lane in lanes:
            lane.thread.join()
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        stopping = Job(_nothing, is_wanted=lambda: False)
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            job.result.set_exception(_stopping())
        for _ in self._lanes:  # wakes those that wait for a job
            try:
                self._jobs.put_nowait(stopping)
            except queue.Full:
                return

    def _submit(self, job: Job) -> None:
        self._start()
        while not self._closing.is_set():
            try:
                self._jobs.put(job, timeout=CLOSING_LOOK_SECONDS)
            except queue.Full:
                continue
            if self._closing.is_set():  # after the last look at what waits
                self._refuse_waiting()
            return
        raise _stopping()

    def _start(self) -> None:
        with self._starting:
            if self._lanes or self._closing.is_set():
                return
            self._lanes = tuple(
                Lane(self._jobs, begin=self._begin, counts=self._counts, idle_seconds=self._limits.idle_seconds)
                for _ in range(self._limits.workers)
            )
            for lane in self._lanes:
                lane.thread.start()


class _Call:
    """The jobs of one question; the first error ends it, and what waits is not done."""

    def __init__(self, submit: Callable[[Job], None]) -> None:
        self._submit = submit
        self._jobs: list[Job] = []
        self._is_over = False

    def add(self, work: Callable[[Lane], Any]) -> None:
        """Have it done; waits while too much is waiting already."""
        job = Job(work, is_wanted=lambda: not self._is_over)
        try:
            self._submit(job)
        except BaseException:
            self._is_over = True
            raise
        self._jobs.append(job)

    def results(self) -> Iterator[Any]:
        """In order."""
        try:
            for job in self._jobs:
                yield job.result.result()
        finally:
            self._is_over = True


def _pieces(notes: Sequence[Note], asked: Sequence[int]) -> Iterator[Sequence[int]]:
    start = characters = 0
    for end, place in enumerate(asked):
        size = len(notes[place].text)
        if end - start == PIECE_NOTES or (end > start and characters + size > PIECE_CHARACTERS):
            yield asked[start:end]
            start, characters = end, 0
        characters += size
    if start < len(asked):
        yield asked[start:]


def _fits(text: str) -> bool:
    if len(text) > MAX_TEXT_BYTES:
        return False
    return text.isascii() or len(text) * 4 <= MAX_TEXT_BYTES or len(text.encode(errors="replace")) <= MAX_TEXT_BYTES


def _bounded(note: Note) -> Note:
    if all(0 < len(value) <= MAX_KNOWN_CHARACTERS for value in note.known.values()):
        return note
    known = {role: value for role, value in note.known.items() if 0 < len(value) <= MAX_KNOWN_CHARACTERS}
    return Note(text=note.text, known=known)


def _stopping() -> Unavailable:
    return Unavailable("the gateway is stopping", code="stopping")


def _nothing(_: Lane) -> None:
    """What wakes a lane."""
