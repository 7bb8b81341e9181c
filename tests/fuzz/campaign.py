"""Many questions in two worlds, and one report. The same seed asks the same questions of the same sources."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from tests.fuzz.banks.people import PEOPLE, Person
from tests.fuzz.questions.asked import WINDOW, questions
from tests.fuzz.shrink import MAX_TRIES, shrink
from tests.fuzz.worlds import Question, Worlds

BLOCK = 500
"""Questions about one pair of banks for all people together; the next block has banks of its own."""
_BLOCKS = 1_000_000
"""Of one seed, at most: no block of another seed has the same banks and questions."""
_SOURCE = re.compile(r"\b([a-z]+)\.[a-z_]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A question that told the worlds apart, as small as it was made."""

    seed: int
    block: int
    person: str
    question: Question
    small: str
    channels: Mapping[str, tuple[object, object]]

    def __str__(self) -> str:
        asked = f"{self.question.door}, {self.question.form}, {self.question.dialect}, limit {self.question.limit}"
        lines = [
            f"seed {self.seed}, block {self.block}, {self.person} ({asked}): {self.small}",
            f"  first found as: {self.question.sql}",
        ]
        for channel, (first, second) in self.channels.items():
            one, other = _difference(repr(first), repr(second))
            lines += [f"  {channel} in world 0: {one}", f"  {channel} in world 1: {other}"]
        return "\n".join(lines)


def _difference(first: str, second: str, width: int = 300) -> tuple[str, str]:
    """Both texts around the place where they part."""
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    start = max(0, at - width // 4)
    return first[start : start + width], second[start : start + width]


@dataclasses.dataclass
class Report:
    """What a campaign came to."""

    seed: int
    asked: int = 0
    answered: int = 0
    texts: set[str] = dataclasses.field(default_factory=set)
    """Digests of the questions' SQL."""
    codes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    of_source: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Questions that name a dataset of the source."""
    answered_of: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """And were answered."""
    findings: list[Finding] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        return self.answered / max(1, self.asked)

    def note(self, worlds: Worlds, question: Question) -> None:
        """The worlds have just been asked it."""
        self.asked += 1
        self.answered += worlds.answered
        self.texts.add(hashlib.blake2b(question.sql.encode(), digest_size=8).hexdigest())
        if worlds.code:
            self.codes[worlds.code] += 1
        for source in {*_SOURCE.findall(question.sql)} & {*worlds.sources}:
            self.of_source[source] += 1
            self.answered_of[source] += worlds.answered

    def __iadd__(self, other: Report) -> Self:
        """All but the seconds, which may have been the same ones."""
        self.asked += other.asked
        self.answered += other.answered
        self.texts |= other.texts
        self.codes += other.codes
        self.of_source += other.of_source
        self.answered_of += other.answered_of
        self.findings += other.findings
        return self

    def __str__(self) -> str:
        refused = ", ".join(f"{code} {count}" for code, count in self.codes.most_common(12))
        sources = ", ".join(
            f"{name} {count} ({self.answered_of[name] / count:.0%})" for name, count in self.of_source.most_common()
        )
        return (
            f"seed {self.seed}: {self.asked} questions of {len(self.texts)} texts in {self.seconds:.0f} s,"
            f" {self.share:.0%} answered, {len(self.findings)} told the worlds apart;"
            f" by source (answered): {sources}; refused: {refused}"
        )


def run(  # the campaign's few choices
    worlds: Worlds,
    *,
    queries: int,
    seed: int,
    people: Sequence[Person] = PEOPLE,
    stop_at: int = 3,
    symmetric: bool = False,
    tries: int = MAX_TRIES,
    tell: Callable[[str], None] = lambda _: None,
) -> Report:
    """Ask so many questions; end early after `stop_at` findings.

    Args:
        symmetric: without the shim, with questions that treat all identifiers alike.
        tries: to make a finding smaller.
        tell: is given each finding at once, and the report after each block.
    """
    how = How(people=people, stop_at=stop_at, symmetric=symmetric, tries=tries, tell=tell)
    report, began = Report(seed), time.monotonic()
    for block, count in blocks(queries):
        left = dataclasses.replace(how, stop_at=stop_at - len(report.findings))
        report += run_block(worlds, block=block, count=count, seed=seed, how=left)
        report.seconds = time.monotonic() - began
        tell(str(report))
        if len(report.findings) >= stop_at:
            break
    return report


def blocks(queries: int) -> list[tuple[int, int]]:
    """Each block's number and its questions."""
    return [(block, min(BLOCK, queries - block * BLOCK)) for block in range(-(-queries // BLOCK))]


@dataclasses.dataclass(frozen=True, kw_only=True)
class How:
    """See `run`."""

    people: Sequence[Person] = tuple(PEOPLE)
    stop_at: int = 3
    symmetric: bool = False
    tries: int = MAX_TRIES
    tell: Callable[[str], None] = lambda _: None


def run_block(worlds: Worlds, *, block: int, count: int, seed: int, how: How) -> Report:
    """The block's questions are decided by its number and the seed: no other has them."""
    report, began = Report(seed), time.monotonic()
    for person in how.people:
        share = max(1, round(count * person.share / sum(p.share for p in how.people)))
        _ask(worlds, person, count=share, block=block, report=report, how=how)
        if len(report.findings) >= how.stop_at:
            break
    report.seconds = time.monotonic() - began
    return report


def _ask(worlds: Worlds, person: Person, *, count: int, block: int, report: Report, how: How) -> None:
    own = report.seed * _BLOCKS + block
    worlds.about(person, seed=own)
    differs = worlds.differs_beyond_bijection if how.symmetric else worlds.differs
    for number, question in enumerate(questions(worlds, person, seed=own, symmetric=how.symmetric)):
        if number == count or len(report.findings) >= how.stop_at:
            return
        if number % WINDOW == 0:
            worlds.forget_windows()
        found = differs(question)
        report.note(worlds, question)
        if found:
            small, channels = _made_small(worlds, question, found, how=how)
            report.findings.append(
                Finding(
                    seed=report.seed, block=block, person=person.name, question=question, small=small, channels=channels
                )
            )
            how.tell(str(report.findings[-1]))


def _made_small(
    worlds: Worlds, question: Question, found: Mapping[str, Any], *, how: How
) -> tuple[str, Mapping[str, tuple[object, object]]]:
    """A smaller question that tells the worlds apart, and how."""
    differs = worlds.differs_beyond_bijection if how.symmetric else worlds.differs

    def fails(sql: str) -> bool:
        worlds.forget_windows()
        return bool(differs(dataclasses.replace(question, sql=sql)))

    small = shrink(question.sql, dialect=question.dialect, fails=fails, tries=how.tries)
    return small, differs(dataclasses.replace(question, sql=small)) or found
