"""A small bank, decisions about it, and DuckDB in the place of sources, masks and sandbox."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping

import duckdb
import pyarrow as pa

from gateway.planning import make_plan
from gateway.query import bind, parse
from gateway.query.limits import DEFAULT
from gateway.sources.evaluate import passes
from gateway.terms.dataset import Column, Dataset, Datasets, Subject
from gateway.terms.mask_spec import MaskUse
from gateway.terms.plan import MaskedScan, Plan
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, Level, RuleRef

RULE = RuleRef(file="grants.yaml", line=1, id="test")
INT, TEXT, DATE, MONEY = pa.int64(), pa.string(), pa.date32(), pa.decimal128(14, 2)
MOMENT = pa.timestamp("us", tz="UTC")
TABLES: Mapping[str, Mapping[str, pa.DataType]] = {
    "customers": {
        "customer_id": INT,
        "full_name": TEXT,
        "email": TEXT,
        "iban": TEXT,
        "birth_date": DATE,
        "city": TEXT,
        "region": TEXT,
        "segment": TEXT,
        "income": pa.decimal128(12, 2),
        "updated_at": MOMENT,
    },
    "accounts": {
        "account_id": INT,
        "customer_id": INT,
        "iban": TEXT,
        "kind": TEXT,
        "balance": MONEY,
        "opened_on": DATE,
    },
    "transactions": {
        "transaction_id": INT,
        "account_id": INT,
        "customer_id": INT,
        "amount": MONEY,
        "channel": TEXT,
        "category": TEXT,
        "reference": TEXT,
        "booked_at": MOMENT,
    },
    "loans": {
        "loan_id": INT,
        "customer_id": INT,
        "account_id": INT,
        "amount": MONEY,
        "term_months": INT,
        "rate": pa.float64(),
        "granted_on": DATE,
        "loan_purpose": TEXT,
        "defaulted": pa.bool_(),
    },
}
CATALOG: Datasets = {
    f"core.{table}": Dataset(
        name=f"core.{table}",
        source="core",
        table=("main", table),
        owner="retail",
        discoverable=True,
        subject=Subject(column="customer_id", domain="customer"),
        watermark=None,
        columns={name: Column(name=name, type=kind, classification="public") for name, kind in columns.items()},
    )
    for table, columns in TABLES.items()
}
PSEUDONYMS = frozenset({"customer_id", "email", "iban", "full_name", "reference"})
DIMENSIONS = frozenset(
    {"region", "segment", "birth_date", "kind", "channel", "category", "defaulted", "rate", "loan_purpose"}
)

_FILL = """
create table customers as select i::bigint customer_id, 'Name RAW' || i full_name, 'p' || i || '@raw.example' email,
    'DE00RAW' || i iban, date '1970-01-01' + (i * 311 % 15000)::int birth_date, ['Bonn', 'Rom', 'Lyon'][i % 3 + 1] city,
    case when i % 11 > 0 then ['DE', 'FR', 'IT', 'ES'][i % 4 + 1] end region, ['retail', 'business'][i % 2 + 1] segment,
    case when i % 7 > 0 then (i * 37 % 100)::decimal(12, 2) end income,
    timestamptz '2024-01-01 00:00:00+00' + to_hours(i::int) updated_at from range(1, 41) r(i);
create table accounts as select i::bigint account_id, (i * 7 % 45 + 1)::bigint customer_id, 'DE11RAW' || i iban,
    ['current', 'savings', 'card'][i % 3 + 1] kind, (i * 13 % 90)::decimal(14, 2) balance,
    date '2020-01-01' + i::int opened_on from range(1, 61) r(i);
create table transactions as select i::bigint transaction_id, (i % 60 + 1)::bigint account_id,
    (i * 7 % 45 + 1)::bigint customer_id, ((i * 31 % 200) - 100)::decimal(14, 2) amount,
    ['card', 'cash', 'transfer'][i % 3 + 1] channel, 'k' || i % 5 category,
    case when i % 4 > 0 then 'ref RAW ' || i end reference,
    timestamptz '2024-01-01 00:00:00+00' + to_hours((i * 3)::int) booked_at from range(1, 301) r(i);
create table loans as select i::bigint loan_id, (i * 3 % 40 + 1)::bigint customer_id, i::bigint account_id,
    (i * 100)::decimal(14, 2) amount, (i % 5 * 12)::bigint term_months, (i % 9) / 8.0::double rate,
    date '2021-01-01' + i::int granted_on, ['car', 'home'][i % 2 + 1] loan_purpose, i % 6 = 0 defaulted
    from range(1, 21) r(i);
"""


def engine() -> duckdb.DuckDBPyConnection:
    """DuckDB set up as the sandbox does it."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'; SET integer_division = true")
    return connection


def bank() -> duckdb.DuckDBPyConnection:
    """The production database: schema `core`."""
    connection = engine()
    connection.execute("create schema core; use core;")
    connection.execute(_FILL)
    return connection


def decision(
    *,
    masked: frozenset[str] = frozenset(),
    grouped: frozenset[str] = frozenset(),
    redacted: frozenset[str] = frozenset(),
) -> Decision:
    """Everything `keep`; `masked` columns as pseudonyms, `grouped` datasets at the aggregated level."""
    masks = dict.fromkeys(masked, "pseudonym") | dict.fromkeys(redacted, "redact")
    return Decision(
        allowed=True,
        principal="ada",
        environment="dev",
        purpose=None,
        datasets={name: _about(dataset, masks, name in grouped) for name, dataset in CATALOG.items()},
        digest="",
        dynamic_grants=(),
        reasons=(),
    )


def _about(dataset: Dataset, masks: Mapping[str, str], is_grouped: bool) -> DatasetDecision:
    level = Level.AGGREGATED if is_grouped else Level.FULL
    columns = {
        name: ColumnDecision(
            dataset=dataset.name,
            column=name,
            level=level,
            mask=MaskUse(name="keep" if is_grouped else masks.get(name, "keep"), parameters={}),
            domain=None,
            canon=None,
            use=("subject" if name == "customer_id" else "dimension" if name in DIMENSIONS else "measure")
            if is_grouped
            else "value",
            rule=RULE,
        )
        for name in dataset.columns
    }
    return DatasetDecision(
        dataset=dataset.name, grant="g", level=level, columns=columns, rows=None, follow=None, rule=RULE, expires=None
    )


def plan(sql: str, verdict: Decision, *, dialect: str = "postgres", for_files: bool = False) -> Plan:
    bound = bind(parse(sql, dialect=dialect, limits=DEFAULT), datasets=CATALOG)
    return make_plan(bound, verdict, datasets=CATALOG, max_scans=16, for_files=for_files)


def pseudonym(value: object) -> str | None:
    return None if value is None else "p_" + hashlib.blake2b(str(value).encode(), digest_size=8).hexdigest()


def released(step: MaskedScan, production: duckdb.DuckDBPyConnection) -> pa.Table:
    """Stand-in for source and masks: the scan's columns and nothing else are read."""
    read = ", ".join(f'"{column.name}"' for column in step.scan.columns) or "1::tinyint AS __row"
    table = production.sql(f'SELECT {read} FROM core."{step.scan.table[-1]}"').to_arrow_table()
    if step.scan.pushed is not None:
        table = pa.Table.from_batches(
            [batch.filter(passes(step.scan.pushed, batch)) for batch in table.to_batches()], table.schema
        )
    if not step.columns:
        return table
    made = {}
    for column, decided in zip(step.columns, step.decisions, strict=True):
        match decided.mask.name:
            case "redact":
                made[column.name] = pa.nulls(table.num_rows, column.type)
            case "pseudonym":
                values = [pseudonym(value) for value in table.column(column.name).to_pylist()]
                made[column.name] = pa.array(values, pa.string())
            case _:
                made[column.name] = table.column(column.name)
    return pa.table(made)


def rows(relation: duckdb.DuckDBPyRelation) -> list[tuple[object, ...]]:
    """By way of Arrow: names may repeat."""
    return list(zip(*(column.to_pylist() for column in relation.to_arrow_table().columns), strict=True))


def run(made: Plan, release: Callable[[MaskedScan], pa.Table]) -> list[tuple[object, ...]]:
    """Stand-in for the sandbox."""
    box = _box()
    for step in made.steps:
        assert isinstance(step, MaskedScan)
        box.register(step.scan.id, release(step))
    try:
        return rows(box.sql(made.sql))
    finally:
        for step in made.steps:
            box.unregister(step.scan.id)


@functools.cache
def _box() -> duckdb.DuckDBPyConnection:
    """One for all tests: opening one takes longer than most queries."""
    return engine()
