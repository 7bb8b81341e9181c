"""Which scan reads each mention of a dataset, and what the SQL says of it afterwards."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import pyarrow as pa
from sqlglot import exp

from gateway.errors import Integrity
from gateway.planning.guarded import guard, is_guarded
from gateway.planning.scans.conditions import conditions_of
from gateway.planning.scans.grouping import grouped, regroup, restate
from gateway.planning.scans.sharing import rows_of
from gateway.planning.sites import Site, catalog_column, column_decision
from gateway.terms.dataset import Column
from gateway.terms.mask_spec import MASK_SPECS, family_of
from gateway.terms.plan import GroupedScan, GuardedScan, Step
from gateway.terms.policy import ColumnDecision
from gateway.trees import nodes_of

_TYPES: Final[Mapping[str | None, str]] = {
    "string": "TEXT",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
}


class Mentions:
    """The mentions of one query on their way from the user's tree to the engine's.

    Between `__init__` and `steps` the tree's tables are replaced by the mentions' ids, and its terms are rewritten for
    the engine.
    """

    def __init__(self, sites: Sequence[Site]) -> None:
        """Reads what the user asked for; SELECTs over guarded datasets are rewritten here.

        Raises:
            Unsupported: as guard.
            Integrity: a decision does not cover what is asked.
        """
        self._sites = sites
        self._guarded = {site.id: guard(site) for site in sites if is_guarded(site.decision)}
        self._conditions = {site.id: conditions_of(site) for site in sites if site.id not in self._guarded}

    @property
    def are_rewritten(self) -> bool:
        """The tree has other SELECTs than it had."""
        return bool(self._guarded)

    def types(self) -> Mapping[str, Mapping[str, str]]:
        """DuckDB's types of what a mention shows, by its id."""
        return {site.id: _types_of(site, self._guarded.get(site.id)) for site in self._sites}

    def steps(self, tree: exp.Query, *, near_data: Collection[str]) -> tuple[tuple[Step, ...], Mapping[str, int]]:
        """The scans, and how many mentions read each, by its id; the tree then reads the scans by their ids.

        A dataset is grouped by its source where every mention of it can be; else its rows are read once for all.
        """
        tables = {node.name: node for node in nodes_of(tree) if isinstance(node, exp.Table)}
        made: dict[str, Step] = dict(self._guarded)
        by_dataset: dict[str, list[Site]] = {}
        for site in self._sites:
            if site.id not in made:
                by_dataset.setdefault(site.dataset.name, []).append(site)
        for sites in by_dataset.values():
            made |= self._of_dataset(sites, tables, near_data=near_data)
        read_by = {site.id: _first_like(made[site.id], made) for site in self._sites}
        for site in self._sites:
            step, table = read_by[site.id], tables[site.id]
            if isinstance(step, GroupedScan):
                regroup(site, _select_of(table), step)
            table.set("this", exp.to_identifier(step.scan.id, quoted=True))
        mentions = Counter(step.scan.id for step in read_by.values())
        return tuple({step.scan.id: step for step in read_by.values()}.values()), mentions

    def _of_dataset(
        self, sites: Sequence[Site], tables: Mapping[str, exp.Table], *, near_data: Collection[str]
    ) -> Mapping[str, Step]:
        groups: dict[str, Step] = {}
        for site in sites:
            asked = self._conditions[site.id]
            select = _select_of(tables[site.id])
            group = grouped(site, select, filter_=asked.where) if asked.is_whole else None
            groups |= {site.id: group} if group is not None else {}
        if len(groups) == len(sites) and sites[0].dataset.source in near_data:
            return groups
        for site in sites:
            if site.id in groups:
                restate(site, _select_of(tables[site.id]))
        rows = rows_of(sites, pushed=[self._conditions[site.id].pushed for site in sites])
        return dict.fromkeys((site.id for site in sites), rows)


def _select_of(table: exp.Table) -> exp.Select:
    select = table.parent_select
    if not isinstance(select, exp.Select):
        raise Integrity("a mention of a dataset stands outside of every SELECT", code="plan")
    return select


def _first_like(step: Step, steps: Mapping[str, Step]) -> Step:
    """Of steps that read the same, the first: what it releases serves all."""
    return next(other for other in steps.values() if other is step or _named_alike(other, step) == step)


def _named_alike(step: Step, as_: Step) -> Step:
    return dataclasses.replace(step, scan=dataclasses.replace(step.scan, id=as_.scan.id))


def _types_of(site: Site, step: GuardedScan | None) -> Mapping[str, str]:
    if step is None:
        return {name: _released(column_decision(site, name), catalog_column(site, name)) for name in site.names}
    types = {column.name: type_name(column.type) for column in step.scan.columns}
    for measure in step.measures:
        kind = types.get(measure.column or "", "")
        types[measure.name] = kind if measure.function == "sum" else "DOUBLE" if measure.function == "avg" else "BIGINT"
    return types


def _released(decided: ColumnDecision, column: Column) -> str:
    spec = MASK_SPECS.get(decided.mask.name)
    if spec is None:
        raise Integrity(f"mask {decided.mask.name} cannot be applied to {decided.dataset}.{decided.column}")
    return type_name(spec.output_with(decided.mask.parameters, column.type))


def type_name(kind: pa.DataType) -> str:
    """DuckDB's name for a released type; unknown ones are not compared."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    return _TYPES.get(family_of(kind), "UNKNOWN")
