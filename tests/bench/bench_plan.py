"""From a text to a plan, over the queries of TPC-H and TPC-DS: parse, bind and plan. Deciding is not in it."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Final

from gateway.planning import make_plan
from gateway.query import QueryLimits, bind, parse
from gateway.terms.dataset import Column, Dataset, Datasets
from gateway.terms.mask_spec import MaskUse
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, Level, RuleRef
from tests.bench.harness import record, spread_of
from tests.integration.tpc.material import Kind, Material, material

RUNS: Final = 5
SCALE: Final = "0.01"
_RULE: Final = RuleRef(file="grants.yaml", line=1, id="bench")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planner:
    """A catalog, and a decision that shows all of it in full."""

    datasets: Datasets
    decision: Decision
    limits: QueryLimits = dataclasses.field(default_factory=QueryLimits)

    def plan(self, sql: str) -> None:
        bound = bind(parse(sql, dialect="postgres", limits=self.limits), datasets=self.datasets, limits=self.limits)
        make_plan(bound, self.decision, datasets=self.datasets, max_scans=self.limits.max_scans)


def tpch() -> None:
    """The median query's median run."""
    _measure("tpch")


def tpcds() -> None:
    """The same."""
    _measure("tpcds")


def _measure(kind: Kind) -> None:
    benchmark = material(kind, SCALE)
    planner = planner_of(benchmark)
    milliseconds = []
    for sql in benchmark.queries.values():
        planner.plan(sql)
        milliseconds.append(statistics.median(_seconds(lambda sql=sql: planner.plan(sql)) for _ in range(RUNS)) * 1e3)
    middle = statistics.median(milliseconds)
    record(
        f"plan.{kind}.ms",
        middle,
        "ms",
        better="lower",
        ours=middle,
        op=f"the median of {len(milliseconds)} queries from text to plan; the slowest takes {max(milliseconds):.0f}",
        clock="cpu",
        runs=RUNS,
        spread=spread_of(milliseconds),
    )


def _seconds(run: Callable[[], None]) -> float:
    begin = time.process_time()
    run()
    return time.process_time() - begin


def planner_of(benchmark: Material) -> Planner:
    """As if a role had a grant of everything in full."""
    datasets = {f"{benchmark.kind}.{table}": _dataset(benchmark, table) for table in benchmark.tables}
    decisions = {name: _decided(dataset) for name, dataset in datasets.items()}
    decision = Decision(
        allowed=True,
        principal="bench",
        environment="dev",
        purpose=None,
        datasets=decisions,
        digest="",
        dynamic_grants=(),
        reasons=(),
    )
    return Planner(datasets=datasets, decision=decision)


def _dataset(benchmark: Material, table: str) -> Dataset:
    return Dataset(
        name=f"{benchmark.kind}.{table}",
        source=benchmark.kind,
        table=(benchmark.kind, table),
        owner="bench",
        discoverable=True,
        subject=None,
        watermark=None,
        columns={
            name: Column(name=name, type=kind, classification="public")
            for name, kind in benchmark.columns(table).items()
        },
    )


def _decided(dataset: Dataset) -> DatasetDecision:
    columns = {
        name: ColumnDecision(
            dataset=dataset.name,
            column=name,
            level=Level.FULL,
            mask=MaskUse(name="keep", parameters={}),
            domain=None,
            canon=None,
            use="value",
            rule=_RULE,
        )
        for name in dataset.columns
    }
    return DatasetDecision(
        dataset=dataset.name,
        grant="bench",
        level=Level.FULL,
        columns=columns,
        rows=None,
        follow=None,
        rule=_RULE,
        expires=None,
    )


BENCHES: Final = {"plan.tpch": tpch, "plan.tpcds": tpcds}
