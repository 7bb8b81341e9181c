"""Many questions in two worlds, and one report. The same seed asks the same questions."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from gateway.client.connection import MEDIA_TYPES
from gateway.delivery import FORMATS
from tests import bank
from tests.fuzz.bank import ODD, PEOPLE, Person, Sight
from tests.fuzz.grammar import Pool, Relation
from tests.fuzz.guarded import Guarded
from tests.fuzz.selects import Selects
from tests.fuzz.shrink import MAX_TRIES, shrink
from tests.fuzz.worlds import Question, Worlds

DIALECTS = ("duckdb", "mysql", "sqlite", "snowflake", "bigquery", "tsql")
OVER_HTTP = 0.1
OTHER_DIALECT = 0.07
WITH_PARAMETERS = 0.06
MAX_PARAMETERS = 3
WITH_LIMIT = 0.06
BLOCK = 500
"""Questions about one pair of banks for all people together; the next block has banks of its own."""
WINDOW = 12
"""Questions about groups in one release window."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """A question that told the worlds apart, as small as it was made."""

    seed: int
    person: str
    question: Question
    small: str
    channels: Mapping[str, tuple[object, object]]

    def __str__(self) -> str:
        asked = f"{self.question.door}, {self.question.form}, {self.question.dialect}, limit {self.question.limit}"
        lines = [
            f"seed {self.seed}, {self.person} ({asked}): {self.small}",
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
    codes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        return self.answered / max(1, self.asked)

    def __str__(self) -> str:
        refused = ", ".join(f"{code} {count}" for code, count in self.codes.most_common(12))
        return (
            f"seed {self.seed}: {self.asked} questions in {self.seconds:.0f} s, {self.share:.0%} answered,"
            f" {len(self.findings)} told the worlds apart; refused: {refused}"
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
    how = _How(stop_at=stop_at, symmetric=symmetric, tries=tries, tell=tell)
    report, began = Report(seed), time.monotonic()
    for block in range(0, queries, BLOCK):
        count = min(BLOCK, queries - block)
        for person in people:
            share = max(1, round(count * person.share / sum(p.share for p in people)))
            _ask(worlds, person, count=share, seed=seed + block // BLOCK, report=report, how=how)
            if len(report.findings) >= stop_at:
                break
        report.seconds = time.monotonic() - began
        tell(str(report))
        if len(report.findings) >= stop_at:
            break
    return report


@dataclasses.dataclass(frozen=True, kw_only=True)
class _How:
    stop_at: int
    symmetric: bool
    tries: int
    tell: Callable[[str], None]


def _ask(worlds: Worlds, person: Person, *, count: int, seed: int, report: Report, how: _How) -> None:
    worlds.about(person, seed=seed)
    differs = worlds.differs_beyond_bijection if how.symmetric else worlds.differs
    for number, question in enumerate(questions(worlds, person, seed=seed, symmetric=how.symmetric)):
        if number == count or len(report.findings) >= how.stop_at:
            return
        if number % WINDOW == 0:
            worlds.forget_windows()
        found = differs(question)
        report.asked += 1
        report.answered += worlds.answered
        if worlds.code:
            report.codes[worlds.code] += 1
        if found:
            report.findings.append(_finding(worlds, question, found, seed=seed, how=how))
            how.tell(str(report.findings[-1]))


def _finding(worlds: Worlds, question: Question, found: Mapping[str, Any], *, seed: int, how: _How) -> Finding:
    differs = worlds.differs_beyond_bijection if how.symmetric else worlds.differs

    def fails(sql: str) -> bool:
        worlds.forget_windows()
        return bool(differs(dataclasses.replace(question, sql=sql)))

    small = shrink(question.sql, dialect=question.dialect, fails=fails, tries=how.tries)
    channels = differs(dataclasses.replace(question, sql=small)) or found
    return Finding(seed=seed, person=worlds.person.name, question=question, small=small, channels=channels)


def questions(worlds: Worlds, person: Person, *, seed: int, symmetric: bool = False) -> Iterator[Question]:
    """Without end; decided by the seed and the banks alone."""
    draw = random.Random(f"{seed} {person.name} {symmetric}")
    sight, pool = worlds.sight(person), pool_of(worlds, draw)
    tables = tables_of(worlds, sight)
    texts: Iterator[str]
    if any(column.use != "value" for _, columns in sight.values() for column in columns.values()):
        texts = _about_groups(draw, tables, pool, sight, worlds.first)
    else:
        selects = Selects(draw, tables, pool, symmetric=symmetric)
        texts = iter(selects.query, "")
    for number, sql in enumerate(texts):
        form = "json" if symmetric else FORMATS[number % len(FORMATS)]
        is_http = not symmetric and form in MEDIA_TYPES and draw.random() < OVER_HTTP
        dialect = "postgres"
        if not symmetric and draw.random() < OTHER_DIALECT:
            dialect = draw.choice(DIALECTS)
            try:
                sql = parse_one(sql, dialect="postgres").sql(dialect=dialect)  # noqa: PLW2901 - the same question
            except SqlglotError:
                dialect = "postgres"
        parameters: tuple[str, ...] = ()
        if not symmetric and dialect == "postgres" and draw.random() < WITH_PARAMETERS:
            sql, parameters = _parameterized(sql)  # noqa: PLW2901
        yield Question(
            sql=sql,
            dialect=dialect,
            parameters=parameters,
            form=form,
            limit=draw.choice([0, 1, 5]) if not symmetric and draw.random() < WITH_LIMIT else None,
            door="http" if is_http else "inside",
            is_explained=number % 3 == 0,
        )


def _parameterized(sql: str) -> tuple[str, tuple[str, ...]]:
    """The same question with some of the texts that it compares with as parameters."""
    try:
        tree = parse_one(sql, dialect="postgres")
    except SqlglotError:  # the gateway is asked for it as it is
        return sql, ()
    texts = [node for node in tree.find_all(exp.Literal) if node.is_string and isinstance(node.parent, exp.Predicate)]
    values = tuple(str(node.this) for node in texts[:MAX_PARAMETERS])
    for number, node in enumerate(texts[:MAX_PARAMETERS], 1):
        node.replace(exp.Parameter(this=exp.Literal.number(number)))
    return (tree.sql(dialect="postgres"), values) if values else (sql, ())


def _about_groups(
    draw: random.Random, tables: Sequence[tuple[Relation, int]], pool: Pool, sight: Sight, first: bank.Tables
) -> Iterator[str]:
    uses = {name: {c.column: c.use for c in columns.values()} for name, (_, columns) in sight.items()}
    while True:
        cells = {name: _cells(draw, first[name.partition(".")[2]], uses[name]) for name in uses}
        guarded = Guarded(draw, tables, pool, uses=uses, cells=cells)
        yield from (guarded.query() for _ in range(WINDOW))


def _cells(draw: random.Random, rows: Sequence[bank.Row], uses: Mapping[str, str]) -> list[str]:
    """The window's filter, and rarely another, which is refused."""
    texts = [n for n, use in uses.items() if use == "dimension" and isinstance(rows[0][n], str)]
    name = draw.choice(texts)
    values = sorted({row[name] for row in rows})
    few = ", ".join(f"'{value}'" for value in draw.sample(values, min(2, len(values))))
    usual = draw.choice(["", "", f"{name} = '{values[0]}'", f"{name} IN ({few})"])
    return [usual] * 12 + [f"{name} = '{values[-1]}'"]


def tables_of(worlds: Worlds, sight: Sight) -> list[tuple[Relation, int]]:
    """What the person sees, each with its number of rows; the column with a value of no type is rare."""
    catalog = worlds.houses[0].gateway.control.policy.current().datasets
    tables = []
    for name, (_, columns) in sight.items():
        kinds = {
            n: "text"
            if column.mask.name == "pseudonym" and column.use == "value"
            else _kind(catalog[name].columns[n].type)
            for n, column in columns.items()
            if n != ODD
        }
        masked = frozenset(n for n, column in columns.items() if column.mask.name != "keep")
        rows = len(worlds.first[name.partition(".")[2]])
        tables.append((Relation(name, kinds, masked), rows))
        if ODD in columns:
            tables += [*tables * 2, (Relation(name, {**kinds, ODD: "date"}, masked | {ODD}), rows)]
    return tables


def _kind(kind: pa.DataType) -> str:
    checks = {
        "text": pa.types.is_string,
        "int": pa.types.is_integer,
        "dec": pa.types.is_decimal,
        "float": pa.types.is_floating,
        "date": pa.types.is_date,
        "ts": pa.types.is_timestamp,
        "bool": pa.types.is_boolean,
    }
    return next(name for name, check in checks.items() if check(kind))


def pool_of(worlds: Worlds, draw: random.Random, *, size: int = 80) -> Pool:
    """Literals from the raw cells of both banks, of shown rows and hidden ones, and values next to them."""
    assert worlds.other is not None
    found: dict[str, set[str]] = collections.defaultdict(set)
    cells: dict[str, set[str]] = collections.defaultdict(set)
    for tables in (worlds.first, worlds.other.tables):
        for name in sorted(tables):
            for row in draw.sample(tables[name], min(12, len(tables[name]))):
                for column, value in row.items():
                    for kind, literal in _literals(value, draw):
                        found[kind].add(literal)
                        cells[column].add(literal)
    return Pool(
        {kind: draw.sample(sorted(known), min(size, len(known))) for kind, known in sorted(found.items())},
        {column: sorted(known) for column, known in sorted(cells.items())},
    )


def _literals(value: Any, draw: random.Random) -> Iterator[tuple[str, str]]:
    match value:
        case str() if len(value) < 60 and value.isprintable():
            yield "text", exp.Literal.string(value).sql(dialect="postgres")
            if "'" not in value:
                near = draw.choice([value[:8] + "%", "%" + value[-4:], value.upper(), value[:-1] + "9", value[:5]])
                yield "text", f"'{near}'"
        case bool():
            yield "bool", str(value).lower()
        case int():
            yield "int", str(value + draw.choice([0, 0, 1, -1]))
            yield "text", f"'{value}'"
        case decimal.Decimal():
            yield "dec", str(value + draw.choice([decimal.Decimal(0), decimal.Decimal(0), decimal.Decimal("0.01")]))
        case float() if abs(value) < 1e15:
            yield "float", repr(value)
        case datetime.datetime():
            yield "ts", f"TIMESTAMPTZ '{value:%Y-%m-%d %H:%M:%S}Z'"
        case datetime.date():
            yield "date", f"DATE '{value + datetime.timedelta(days=draw.choice([0, 0, 1]))}'"
