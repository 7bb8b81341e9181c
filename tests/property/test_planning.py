"""Generated SQL: with `keep` the plan answers like the engine alone; with masks nothing raw comes out.

Edited texts end in a plan or in an error of our own tree, and never in a log.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, Integrity, Invalid
from gateway.query import DIALECTS, parse
from gateway.query.limits import DEFAULT
from gateway.terms.plan import GuardedScan, MaskedScan, Plan
from gateway.terms.predicate import columns_of
from tests.unit.planning.bank import (
    CATALOG,
    PSEUDONYMS,
    TABLES,
    bank,
    decision,
    plan,
    released,
    rows,
    run,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "query"
TEXTS = [
    case["sql"]
    for name in ("accepted", "refused", "grouped")
    for case in yaml.safe_load((VECTORS / f"{name}.yaml").read_text())
]
PIECES = [re.findall(r"\w+|'[^']*'|\"[^\"]*\"|\s+|[^\w\s]", text) for text in TEXTS]
WORDS = sorted({piece for pieces in PIECES for piece in pieces if piece.strip()})
PRODUCTION, EMPTIED = bank(), bank()
for _table, _column in (("customers", "region"), ("transactions", "category"), ("accounts", "balance")):
    EMPTIED.execute(f"UPDATE {_table} SET {_column} = NULL")

NUMBERS = {
    "customers": ["customer_id", "income"],
    "accounts": ["customer_id", "account_id", "balance"],
    "transactions": ["customer_id", "account_id", "amount"],
    "loans": ["customer_id", "amount", "term_months"],
}
WORDY = {
    "customers": ["region", "segment", "city"],
    "accounts": ["kind", "iban"],
    "transactions": ["channel", "category"],
    "loans": ["loan_purpose"],
}


@st.composite
def condition(draw: st.DrawFn, table: str, alias: str) -> str:
    number = f"{alias}.{draw(st.sampled_from(NUMBERS[table]))}"
    word = f"{alias}.{draw(st.sampled_from(WORDY[table]))}"
    simple = [
        f"{number} > {draw(st.integers(-50, 80))}",
        f"{number} IN (1, 5, 9, {draw(st.integers(0, 60))})",
        f"{number} IS NOT NULL",
        f"{word} = 'DE'",
        f"{word} LIKE '%a%'",
        f"coalesce({word}, 'x') <> 'FR'",
        f"EXISTS (SELECT * FROM core.loans e WHERE e.customer_id = {alias}.customer_id)",
        f"{alias}.customer_id NOT IN (SELECT customer_id FROM core.accounts WHERE balance > 40)",
        f"{number} >= (SELECT avg(f.balance) FROM core.accounts f WHERE f.customer_id = {alias}.customer_id)",
    ]
    one, two = draw(st.sampled_from(simple)), draw(st.sampled_from(simple))
    return draw(st.sampled_from([one, f"NOT ({one})", f"({one} OR {two})", f"{one} AND {two}"]))


@st.composite
def simple_select(draw: st.DrawFn) -> str:
    """Two or three columns `a`, `b` of one table or a join."""
    left, right = draw(st.sampled_from(sorted(TABLES))), draw(st.sampled_from(sorted(TABLES)))
    source = draw(
        st.sampled_from(
            [
                f"core.{left} x",
                f"core.{left} x JOIN core.{right} y ON x.customer_id = y.customer_id",
                f"core.{left} x LEFT JOIN core.{right} y USING (customer_id)",
                f"(SELECT * FROM core.{left}) x",
                f"core.{left} x, LATERAL (SELECT 1 FROM core.{right} z WHERE z.customer_id = x.customer_id) l",
            ]
        )
    )
    word, number = draw(st.sampled_from(WORDY[left])), draw(st.sampled_from(NUMBERS[left]))
    where = draw(st.one_of(st.just(""), condition(left, "x").map(lambda text: f" WHERE {text}")))
    shape = draw(st.sampled_from(["rows", "groups", "window", "distinct", "case"]))
    match shape:
        case "groups":
            having = draw(st.sampled_from(["", " HAVING count(*) > 2"]))
            return f"SELECT x.{word} AS a, sum(x.{number}) AS b FROM {source}{where} GROUP BY 1{having}"
        case "window":
            total = f"sum(x.{number}) OVER (PARTITION BY x.{word})"
            return f"SELECT x.{word} AS a, {total} AS b FROM {source}{where}"
        case "distinct":
            return f"SELECT DISTINCT x.{word} AS a, x.{number} AS b FROM {source}{where}"
        case "case":
            return (
                f"SELECT upper(x.{word}) AS a, CASE WHEN x.{number} > 9 THEN x.{number} END AS b FROM {source}{where}"
            )
        case _:
            return f"SELECT x.{word} AS a, x.{number} AS b FROM {source}{where}"


@st.composite
def query(draw: st.DrawFn) -> str:
    one, two = draw(simple_select()), draw(simple_select())
    return draw(
        st.sampled_from(
            [
                one,
                f"SELECT q.a FROM ({one}) q WHERE q.b IS NOT NULL",
                f"WITH c AS ({one}) SELECT c.a, count(*) FROM c GROUP BY c.a",
                f"WITH c AS ({one}) SELECT s.a, t.b FROM c s JOIN c t ON s.a = t.a AND s.b < t.b",
                f"{one} UNION {two}",
                f"{one} EXCEPT {two}",
                f"SELECT count(*), max(q.b) FROM ({one} UNION ALL {two}) q",
            ]
        )
    )


def sorted_rows(answer: list[tuple[object, ...]]) -> list[str]:
    return sorted(map(repr, answer))


def native(sql: str) -> list[tuple[object, ...]]:
    return rows(PRODUCTION.sql(sqlglot.transpile(sql, read="postgres", write="duckdb")[0]))


@settings(max_examples=60, deadline=None)
@given(sql=query())
def test_kept_columns_answer_like_the_engine_alone(sql: str) -> None:
    assert sorted_rows(run(plan(sql, decision()), lambda step: released(step, PRODUCTION))) == sorted_rows(native(sql))


@settings(max_examples=30, deadline=None)
@given(sql=query())
def test_masked_columns_show_no_raw_value(sql: str) -> None:
    try:
        made = plan(sql, decision(masked=PSEUDONYMS))
    except Invalid as error:
        assert error.code == "invalid.masked_column"
        return
    assert "raw" not in repr(run(made, lambda step: released(step, PRODUCTION))).casefold()


@settings(max_examples=30, deadline=None)
@given(sql=query())
def test_redacted_columns_are_answered_without_being_read(sql: str) -> None:
    """The same rows over a bank that lacks the values altogether."""
    redacted = frozenset({"customer_id", "region", "category", "balance"})
    made = plan(sql, decision(redacted=redacted))
    for step in made.steps:
        assert not redacted & {column.name for column in step.scan.columns + step.scan.aux_columns}
    full = run(made, lambda step: released(step, PRODUCTION))
    emptied = run(made, lambda step: released(step, EMPTIED))
    assert sorted_rows(full) == sorted_rows(emptied)


@st.composite
def edited(draw: st.DrawFn) -> str:
    pieces = list(draw(st.sampled_from(PIECES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(pieces)))
        word = draw(st.sampled_from(WORDS))
        pieces[at : at + draw(st.integers(0, 2))] = [" ", word, " "]
    return "".join(pieces)


class Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


VERDICTS = [
    decision(),
    decision(masked=PSEUDONYMS),
    decision(redacted=PSEUDONYMS),
    decision(grouped=frozenset(CATALOG)),
    decision(masked=PSEUDONYMS, grouped=frozenset({"core.customers"})),
]


@settings(max_examples=300, deadline=None)
@given(sql=edited(), dialect=st.sampled_from(DIALECTS), verdict=st.sampled_from(VERDICTS))
def test_edited_texts_are_planned_or_refused(sql: str, dialect: str, verdict: Any) -> None:
    recorder = Recorder()
    logging.getLogger("sqlglot").addHandler(recorder)
    try:
        check_plan(plan(sql, verdict, dialect=dialect), verdict)
    except Integrity as error:
        raise AssertionError(sql) from error
    except GatewayError:
        pass
    finally:
        logging.getLogger("sqlglot").removeHandler(recorder)
    assert recorder.texts == []


def check_plan(made: Plan, verdict: Any) -> None:
    """What holds for every plan."""
    assert len({step.scan.id for step in made.steps}) == len(made.steps)
    assert "core." not in re.sub(r"'[^']*'", "", made.sql)
    for step in made.steps:
        decided = verdict.datasets[step.scan.dataset]
        read = set() if step.scan.pushed is None else set(columns_of(step.scan.pushed))
        assert all(decided.columns[name].mask.name == "keep" for name in read)
        assert not read or decided.level != "aggregated"
        if isinstance(step, MaskedScan):
            assert [d.column for d in step.decisions] == [c.name for c in step.columns]
            shown = [d.column for d in step.decisions if d.mask.name != "redact"]
            assert shown == [c.name for c in step.scan.columns]
            assert decided.level != "aggregated"
        else:
            assert isinstance(step, GuardedScan)
            assert all(decided.columns[name].use == "dimension" for name in step.dimensions)
            assert all(m.column is None or decided.columns[m.column].use == "measure" for m in step.measures)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_a_literal_reaches_the_engine_unchanged(text: str) -> None:
    sql = "SELECT '" + text.replace("'", "''") + "' AS x"
    try:
        made = plan(sql, decision())
    except GatewayError:
        assert "\0" in text or any("\ud800" <= c <= "\udfff" for c in text)
        return
    assert rows(PRODUCTION.sql(made.sql)) == [(text,)]


@pytest.mark.parametrize("text", TEXTS[:40])
def test_shapes_parse_to_themselves_without_values(text: str) -> None:
    shape = parse(text, dialect="postgres", limits=DEFAULT).shape
    assert "'" not in re.sub(r"INTERVAL '\?[^']*'", "", shape)
