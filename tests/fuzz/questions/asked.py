"""What one person asks of two worlds: random SQL, in any form, at any door, with parameters and limits."""

from __future__ import annotations

import collections
import datetime
import decimal
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from gateway.client.connection import MEDIA_TYPES
from gateway.delivery import FORMATS
from tests import bank
from tests.fuzz.banks.people import Person, Sight
from tests.fuzz.banks.served import ODD
from tests.fuzz.questions.expressions import Pool, Relation
from tests.fuzz.questions.guarded import Guarded
from tests.fuzz.questions.selects import Selects
from tests.fuzz.worlds import Question, Worlds

DIALECTS = ("duckdb", "mysql", "sqlite", "snowflake", "bigquery", "tsql")
OVER_HTTP = 0.1
OTHER_DIALECT = 0.07
WITH_PARAMETERS = 0.06
MAX_PARAMETERS = 3
WITH_LIMIT = 0.06
WINDOW = 12
"""Questions about groups in one release window."""


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
    tables, odd = [], []
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
            odd.append((Relation(name, {**kinds, ODD: "date"}, masked | {ODD}), rows))
    return [*tables * 3, *odd]


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
