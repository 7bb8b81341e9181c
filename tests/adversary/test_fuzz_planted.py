"""Leaks planted in the gateway, each of which the fuzzer must find: a fuzzer that finds nothing may be blind.

What the engine says of a value never leaves the child, and what it could quote is released already: two worlds agree
about it. The error text that could tell of raw values is that of the sources, so that is what is planted.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from gateway import planning
from gateway.errors import Integrity
from gateway.masks import keep, release
from gateway.masks.kernel import Kernel, MaskInputs
from gateway.remembered import Questions
from gateway.sandbox import Sandbox
from gateway.sources import cells, render
from gateway.sources.evaluate import RowCheck
from gateway.sources.render import MARIADB, POSTGRES, Dialect
from gateway.sources.table import Filter
from gateway.terms.plan import MaskedScan, Plan
from gateway.terms.predicate import Compare, conjoin
from gateway.terms.query import BoundQuery
from tests.fuzz.banks.people import PEOPLE
from tests.fuzz.campaign import Finding, run
from tests.fuzz.worlds import Worlds, open_worlds
from tests.pg import postgres_server  # noqa: F401 - a fixture

QUERIES = 500
SEEDS = (1, 2)
ANA = [person for person in PEOPLE if person.name == "ana"]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    with open_worlds(tmp_path_factory.mktemp("planted")) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Iterator[Worlds]:  # noqa: F811
    """With servers too."""
    mariadb = os.environ.get("GATEWAY_TEST_MARIADB_URL")
    with open_worlds(tmp_path_factory.mktemp("served"), postgres=postgres_server, mariadb=mariadb) as opened:
        yield opened


Plant = Callable[[pytest.MonkeyPatch], None]


def found(worlds: Worlds, plant: Plant, *, symmetric: bool = False) -> Finding:
    """The first question that tells the worlds apart, of the suite's number and of few seeds; it does by the leak."""
    with pytest.MonkeyPatch.context() as patch:
        plant(patch)
        for house in worlds.houses:  # plans that the leak made are forgotten with it
            patch.setattr(house.enforcement, "_questions", Questions())
        finding = _first(worlds, symmetric=symmetric)
    differs = worlds.differs_beyond_bijection if symmetric else worlds.differs
    assert not differs(dataclasses.replace(finding.question, sql=finding.small)), "it differs without the leak too"
    return finding


def _first(worlds: Worlds, *, symmetric: bool) -> Finding:
    for seed in SEEDS:
        report = run(worlds, queries=QUERIES, seed=seed, people=ANA, stop_at=1, symmetric=symmetric, tries=20)
        if report.findings:
            print(f"found after {report.asked} questions of seed {seed}:", report.findings[0])
            return report.findings[0]
    pytest.fail("the planted leak was not found")


_OPERATORS: Mapping[type[exp.Expr], Any] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


def test_a_pushed_predicate_on_a_masked_column(worlds: Worlds) -> None:
    real = planning.make_plan

    def leaking(query: BoundQuery, *given: Any, **more: Any) -> Plan:
        plan = real(query, *given, **more)
        assert isinstance(query.tree, exp.Query)
        return dataclasses.replace(plan, steps=tuple(_pushed(step, query.tree) for step in plan.steps))

    finding = found(worlds, lambda patch: patch.setattr(planning, "make_plan", leaking))
    assert finding.channels.keys() & {"released", "body"}


def _pushed(step: Any, tree: exp.Query) -> Any:
    if not isinstance(step, MaskedScan):
        return step
    masked = {d.column for d in step.decisions if d.mask.name == "pseudonym"}
    texts = {c.name for c in step.scan.columns if pa.types.is_string(c.type)} & masked
    pushed = step.scan.pushed
    for where in tree.find_all(exp.Where):
        for node in where.find_all(*_OPERATORS):
            left, right = node.this, node.args["expression"]
            if (
                isinstance(left, exp.Column)
                and left.name in texts
                and isinstance(right, exp.Literal)
                and right.is_string
            ):
                pushed = conjoin(pushed, Compare(left.name, _OPERATORS[type(node)], right.name))
    return dataclasses.replace(step, scan=dataclasses.replace(step.scan, pushed=pushed))


def test_an_unredacted_error_text(worlds: Worlds) -> None:
    real = cells.declared

    def leaking(raw: pa.Array, **more: Any) -> pa.Array:
        try:
            return real(raw, **more)
        except Integrity as error:
            try:
                raw.cast(more["column"].type)
            except pa.ArrowException as engines:
                raise Integrity(f"{error.message}: {engines}", code="source.value") from None
            raise

    finding = found(worlds, lambda patch: patch.setattr(cells, "declared", leaking))
    assert finding.channels.keys() & {"error", "body"}
    assert "crm.leads" in finding.small


def test_a_raw_column_that_is_looked_up(worlds: Worlds) -> None:
    """A generalized column released as it is."""
    assert "released" in found(worlds, _masking(truncate_date=keep.keep, bucket=keep.keep)).channels


def _masking(**kernels: Kernel) -> Plant:
    """These kernels in the place of the real ones."""
    return lambda patch: patch.setattr(release, "MASKS", {**release.MASKS, **kernels})


def test_a_pseudonym_that_is_the_value_itself(worlds: Worlds) -> None:
    """Behind the shim both worlds agree on it; without the shim it is still a bijection. It is a canary."""

    def raw(column: pa.Array, _: MaskInputs, /) -> pa.Array:
        return column.cast(pa.string())

    assert "canary" in found(worlds, _masking(pseudonym=raw)).channels


def test_pseudonyms_of_fewer_values_than_there_are(worlds: Worlds) -> None:
    """Behind the shim nothing differs; without it, other values become equal."""
    real = release.MASKS["pseudonym"]

    def coarse(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
        made = real(column, inputs)
        return pa.array([None if text is None else text[0] for text in made.to_pylist()], pa.string())

    assert "rows" in found(worlds, _masking(pseudonym=coarse), symmetric=True).channels


def test_the_sources_order_left_as_it_is(worlds: Worlds) -> None:
    real: Callable[..., Any] = Sandbox.execute

    def streaming(self: Sandbox, *given: Any, **more: Any) -> Any:
        return real(self, *given, **{**more, "materialized": frozenset()})

    assert "body" in found(worlds, lambda patch: patch.setattr(Sandbox, "execute", streaming)).channels


def test_a_row_filter_that_is_evaluated_nowhere(worlds: Worlds) -> None:
    finding = found(worlds, lambda patch: _evaluate_nowhere(patch, first=True, second=True))
    assert finding.channels.keys() & {"released", "body", "error"}


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True)])
def test_one_evaluation_of_a_row_filter_is_enough(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch, first: bool, second: bool
) -> None:
    """Each hides the rows alone; what the second hides of misfits in columns it reads is an error, and no row."""
    _evaluate_nowhere(monkeypatch, first=first, second=second)
    worlds.about(ANA[0], seed=1)
    shown = [
        worlds.houses[number].ask(worlds.token, "SELECT region FROM core.customers", purpose=ANA[0].purpose)[0]
        for number in (0, 1)
    ]
    assert all(b'"IT"' not in body and b'"DE"' in body for body in shown)


def _evaluate_nowhere(patch: pytest.MonkeyPatch, *, first: bool, second: bool, only: Dialect | None = None) -> None:
    """`only`: sources of this dialect leave out the first evaluation, and the others none."""
    if second and only is None:
        patch.setattr(RowCheck, "kept", lambda _, batch: pa.array(np.ones(batch.num_rows, bool)))
    if first:
        real = render.rows

        def unfiltered(*given: Any, where: Filter, dialect: Dialect, **more: Any) -> Any:
            is_left_out = only in (None, dialect)
            if second and only is dialect:
                patch.setattr(RowCheck, "kept", lambda _, batch: pa.array(np.ones(batch.num_rows, bool)))
            return real(*given, where=Filter(present=where.present) if is_left_out else where, dialect=dialect, **more)

        patch.setattr(render, "rows", unfiltered)


@pytest.mark.parametrize(
    ("source", "dialect"),
    [
        pytest.param("care", POSTGRES, marks=pytest.mark.postgres),
        pytest.param("fund", MARIADB, marks=pytest.mark.mariadb),
    ],
    ids=["postgres", "mariadb"],
)
def test_a_row_filter_that_one_kind_of_server_does_not_get(served: Worlds, source: str, dialect: Dialect) -> None:
    """The other sources keep theirs: what is found is this server's."""
    if source not in served.sources:
        pytest.skip("GATEWAY_TEST_MARIADB_URL names no server")
    finding = found(served, lambda patch: _evaluate_nowhere(patch, first=True, second=True, only=dialect))
    assert f"{source}." in finding.small


def test_without_a_planted_leak_the_same_questions_find_nothing(worlds: Worlds) -> None:
    report = run(worlds, queries=60, seed=SEEDS[0], people=ANA, tries=0)
    assert not report.findings, "\n".join(map(str, report.findings))
