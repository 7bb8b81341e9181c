"""Queries over two tables of awkward values, answered through planner, source, masks and engine."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import random
import time
from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from gateway import masks
from gateway.planning import make_plan
from gateway.ports import Source
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from gateway.terms.dataset import Dataset, Datasets, Subject
from gateway.terms.key import Key, KeyScope
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import GroupedScan, MaskedScan, Plan, Step
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, Follow, Level, RuleRef
from gateway.terms.predicate import Predicate
from gateway.terms.streams import RawStream, Tally
from tests.conformance.tables import SOURCE, Rows, column

D = decimal.Decimal
_RULE = RuleRef(file="grants.yaml", line=1, id="test")
_DAYS = [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(2024, 3, 1), None]
_MOMENTS = [
    datetime.datetime(2024, 3, 1, 0, 0, tzinfo=datetime.UTC),
    datetime.datetime(2024, 3, 1, 0, 0, 0, 1, tzinfo=datetime.UTC),
    datetime.datetime(2023, 12, 31, 23, 59, 59, 999999, tzinfo=datetime.UTC),
    None,
]
_TEXTS = ["acme", "ACME", "acme ", "äcme", "a\u0308cme", "", "O'Brien", "x%_y", None]
_COLUMNS = {
    "id": "int64",
    "subject": "int64",
    "region": "string",
    "amount": "decimal",
    "wide": "wide",
    "pieces": "int64",
    "day": "date",
    "at": "timestamp",
    "clock": "clock",
    "active": "bool",
    "score": "float64",
}


def table_of(draw: random.Random, *, rows: int) -> Rows:
    """Few different values, so that they meet; sums that leave 64 bits."""
    ten = 10**10 - 1
    made = [
        (
            place,
            draw.choice([*range(6), None]),
            draw.choice(_TEXTS),
            draw.choice([D("0.10"), D("-0.10"), D("100.00"), D(ten) + D("0.99"), None]),
            draw.choice([D("0.1000000000"), D("12345678901234567890.0000000001"), D("100.0000000000"), None]),
            draw.choice([2**63 - 1, 2**62, -5, 0, 7, None]),
            draw.choice(_DAYS),
            draw.choice(_MOMENTS),
            None if (moment := draw.choice(_MOMENTS)) is None else moment.replace(tzinfo=None),
            draw.choice([True, False, None]),
            draw.choice([0.5, 0.1, 1e300, None]),
        )
        for place in range(rows)
    ]
    return Rows(tuple(column(name, kind) for name, kind in _COLUMNS.items()), made)


def catalog(*names: str) -> Datasets:
    return {
        f"{SOURCE}.{name}": Dataset(
            name=f"{SOURCE}.{name}",
            source=SOURCE,
            table=(name,),
            owner="bank",
            discoverable=True,
            subject=Subject(column="subject", domain="customer"),
            watermark=None,
            columns={column_: column(column_, kind) for column_, kind in _COLUMNS.items()},
        )
        for name in names
    }


def decision(
    datasets: Datasets,
    *,
    masked: frozenset[str] = frozenset(),
    rows: Mapping[str, Predicate] | None = None,
    follow: Mapping[str, Follow] | None = None,
) -> Decision:
    made = {}
    for name, dataset in datasets.items():
        columns = {
            column_: ColumnDecision(
                dataset=name,
                column=column_,
                level=Level.PSEUDONYMIZED if column_ in masked else Level.FULL,
                mask=MaskUse(name="pseudonym" if column_ in masked else "keep"),
                domain="any" if column_ in masked else None,
                canon=None,
                use="value",
                rule=_RULE,
            )
            for column_ in dataset.columns
        }
        made[name] = DatasetDecision(
            dataset=name,
            grant="g",
            level=Level.FULL,
            columns=columns,
            rows=(rows or {}).get(name),
            follow=(follow or {}).get(name),
            rule=_RULE,
            expires=None,
        )
    return Decision(
        allowed=True,
        principal="ada",
        environment="dev",
        purpose=None,
        datasets=made,
        digest="",
        dynamic_grants=(),
        reasons=(),
    )


class Ring:
    """One key for everything."""

    def derive(self, scope: KeyScope) -> Key:
        return Key(scope=scope, epoch=1, secret=b"k" * 32)

    def epoch(self, project: str) -> int:
        return 1


def planned(sql: str, verdict: Decision, datasets: Datasets, *, near: bool = True, pushed: bool = True) -> Plan:
    bound = bind(parse(sql, dialect="postgres", limits=DEFAULT), datasets=datasets)
    plan = make_plan(bound, verdict, datasets=datasets, max_scans=16, near_data={SOURCE} if near else ())
    if pushed:
        return plan
    bare = [dataclasses.replace(s, scan=dataclasses.replace(s.scan, pushed=None)) for s in plan.steps]
    return dataclasses.replace(plan, steps=tuple(bare))


def answered(source: Source, plan: Plan, *, tally: Tally | None = None) -> tuple[pa.Schema, list[tuple[object, ...]]]:
    """Types and rows; floats to their last bit. Streams are put into tables as the sandbox does it."""
    session = source.session(receipt="r_near", deadline=time.monotonic() + 60, tally=tally or Tally())
    box = duckdb.connect(config={"threads": 1})
    box.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    try:
        for step in plan.steps:
            with _raw(session, step) as raw:
                assert isinstance(step, MaskedScan | GroupedScan)
                stream = masks.apply(raw, step.decisions, columns=step.columns, keys=Ring(), project="p")
                box.register("streamed", pa.Table.from_batches(list(stream), stream.schema))
                box.execute(f'CREATE TABLE "{step.scan.id}" AS SELECT * FROM streamed AS s ORDER BY hash(s)')
                box.unregister("streamed")
        table = box.sql(plan.sql).to_arrow_table()
        return table.schema, list(zip(*(map(_exact, c.to_pylist()) for c in table.columns), strict=True))
    finally:
        session.close()
        box.close()


def parts(source: Source, plan: Plan, *, tally: Tally | None = None) -> list[dict[str, object]]:
    """What the source sends for the plan's one grouped scan."""
    (step,) = plan.steps
    session = source.session(receipt="r_near", deadline=time.monotonic() + 60, tally=tally or Tally())
    try:
        with _raw(session, step) as raw:
            return [row for batch in raw for row in batch.to_pylist()]
    finally:
        session.close()


def _raw(session: object, step: Step) -> RawStream:
    if isinstance(step, GroupedScan):
        return session.aggregate(step)  # type: ignore[attr-defined, no-any-return]
    return session.scan(step.scan)  # type: ignore[attr-defined, no-any-return]


def _exact(value: object) -> object:
    return value.hex() if isinstance(value, float) else value


_CONDITIONS = (
    "{a}.id < 30",
    "20 <= {a}.id",
    "{a}.id BETWEEN 5 AND 40",
    "{a}.id IN (1, 2, 3, 500, -4)",
    "{a}.subject = 3",
    "{a}.subject IS NOT NULL",
    "NOT ({a}.region IS NULL)",
    "{a}.subject IS NULL",
    "{a}.region = 'acme'",
    "{a}.region = 'O''Brien'",
    "{a}.region IN ('acme', 'äcme', '')",
    "({a}.region = 'ACME' OR {a}.region = 'x%_y')",
    "({a}.id < 10 OR ({a}.subject = 2 AND {a}.region = 'acme'))",
    "{a}.amount > 0.1",
    "{a}.amount >= -0.10",
    "{a}.amount = 100",
    "{a}.wide > 100",
    "{a}.pieces = 9223372036854775807",
    "{a}.pieces < 7",
    "{a}.day = DATE '2024-02-29'",
    "{a}.day >= '1969-12-31'",
    "{a}.at > '2024-03-01 00:00:00'",
    "{a}.at <= TIMESTAMPTZ '2024-03-01 01:00:00.000001+01:00'",
    "{a}.clock < '2024-03-01 00:00:00.000001'",
    "{a}.active = TRUE",
    "{a}.active IN (FALSE)",
    "{a}.score < 0.2",
    "{a}.region <> 'acme'",
    "{a}.region LIKE 'a%'",
    "{a}.id NOT IN (1, 2)",
    "{a}.region > 'b'",
    "coalesce({a}.subject, 3) = 3",
)
_PUSHABLE = _CONDITIONS[:26]
_KEYS = ("region", "amount", "wide", "day", "at", "clock", "active", "subject")
_FIGURES = (
    "count(*)",
    "count(amount)",
    "count(region)",
    "count(score)",
    "count(DISTINCT region)",
    "count(DISTINCT subject)",
    "sum(pieces)",
    "avg(pieces)",
    "sum(amount)",
    "avg(amount)",
    "min(amount)",
    "max(amount)",
    "min(pieces)",
    "max(pieces)",
    "max(wide)",
    "min(day)",
    "max(at)",
    "min(clock)",
    "sum(amount) / count(*)",
    "CASE WHEN count(*) > 2 THEN sum(amount) END",
)


def grouping_queries(draw: random.Random, *, count: int) -> Iterator[str]:
    for _ in range(count):
        keys = draw.sample(_KEYS, draw.randint(0, 2))
        figures = [f"{figure} AS f{place}" for place, figure in enumerate(draw.sample(_FIGURES, draw.randint(1, 4)))]
        conditions = [c.format(a="t") for c in draw.sample(_PUSHABLE, draw.randint(0, 2))]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        having = draw.choice(["", "", " HAVING count(*) > 1", " HAVING sum(pieces) IS NOT NULL"])
        yield f"SELECT {', '.join([*keys, *figures])} FROM core.t{where}{group}{having}"


def row_queries(draw: random.Random, *, count: int) -> Iterator[str]:
    for _ in range(count):
        join = draw.choice(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        other = draw.choice(["u", "u", "t"])
        on = f" AND {draw.choice(_CONDITIONS).format(a=draw.choice('xy'))}" if draw.random() < 0.4 else ""
        conditions = [draw.choice(_CONDITIONS).format(a=draw.choice("xy")) for _ in range(draw.randint(0, 2))]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        shown = draw.choice(
            ["x.id AS a, y.id AS b, y.region AS c", "count(*) AS a, sum(x.amount) AS b, min(y.id) AS c"]
        )
        third = draw.choice(["", "", " LEFT JOIN core.u z ON z.id = y.subject", " RIGHT JOIN core.t z ON z.id = y.id"])
        if draw.random() < 0.25:
            alone = [draw.choice(_CONDITIONS).format(a="x") for _ in range(2)]
            yield f"SELECT x.id, x.region, x.amount FROM core.t x WHERE {' AND '.join(alone)}"
        else:
            yield f"SELECT {shown} FROM core.t x {join} core.{other} y ON x.subject = y.id{on}{third}{where}"
