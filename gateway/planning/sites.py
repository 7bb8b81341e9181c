"""Where a query mentions a dataset, and what that mention needs of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from gateway.errors import Integrity
from gateway.terms.dataset import Column, Dataset, Datasets
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import Scan
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, KnownColumn
from gateway.terms.predicate import Predicate, columns_of

_SUBJECT_ROLE: Final = "subject"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One mention of a dataset."""

    id: str
    scope: Scope
    alias: str
    table: exp.Table
    dataset: Dataset
    decision: DatasetDecision
    mentions: tuple[exp.Column, ...]
    """Every column node that reads this mention, those of correlated subqueries too."""

    @property
    def names(self) -> tuple[str, ...]:
        """Needed columns, each once, in the catalog's order."""
        needed = {column.name for column in self.mentions}
        return tuple(name for name in self.dataset.columns if name in needed)


def sites_of(scopes: Iterable[Scope], decision: Decision, *, datasets: Datasets) -> tuple[Site, ...]:
    """All mentions of datasets in a query, numbered.

    Raises:
        Integrity: the decision is a denial or says nothing about a dataset, or the catalog does not know it.
    """
    if not decision.allowed:
        raise Integrity("a denied query was given to planning")
    sites: dict[int, Site] = {}
    for scope in scopes:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table) and id(source) not in sites:
                name = f"{source.db}.{source.name}"
                if name not in decision.datasets or name not in datasets:
                    raise Integrity(f"no decision about dataset {name}")
                sites[id(source)] = Site(
                    id=f"__scan_{len(sites) + 1}",
                    scope=scope,
                    alias=alias,
                    table=source,
                    dataset=datasets[name],
                    decision=decision.datasets[name],
                    mentions=tuple(column for column in scope.columns if column.table == alias),
                )
    return tuple(sites.values())


def column_decision(site: Site, name: str) -> ColumnDecision:
    """The verdict on one column of a site.

    Raises:
        Integrity: there is none.
    """
    decided = site.decision.columns.get(name)
    if decided is None:
        raise Integrity(f"no decision about column {site.dataset.name}.{name}")
    return decided


def catalog_column(site: Site, name: str) -> Column:
    """The catalog's column.

    Raises:
        Integrity: it is not listed.
    """
    column = site.dataset.columns.get(name)
    if column is None:
        raise Integrity(f"column {site.dataset.name}.{name} is not in the catalog")
    return column


def scan_of(
    site: Site,
    *,
    columns: Iterable[str],
    further: Iterable[str] = (),
    pushed: Predicate | None = None,
    known: tuple[KnownColumn, ...] = (),
    texts: Iterable[str] = (),
) -> Scan:
    """The scan that reads `columns`, and beside them what `further`, row filter and follow need."""
    listed = tuple(columns)
    needed = dict.fromkeys(further)
    if site.decision.rows is not None:
        needed |= dict.fromkeys(sorted(columns_of(site.decision.rows)))
    if site.decision.follow is not None:
        needed |= {site.decision.follow.column: None}
    return Scan(
        id=site.id,
        dataset=site.dataset.name,
        source=site.dataset.source,
        table=site.dataset.table,
        columns=tuple(catalog_column(site, name) for name in listed),
        aux_columns=tuple(catalog_column(site, name) for name in needed if name not in listed),
        rows=site.decision.rows,
        follow=site.decision.follow,
        pushed=pushed,
        known=known,
        texts=frozenset(texts) - needed.keys(),
    )


def mask_inputs(site: Site, decisions: Iterable[ColumnDecision]) -> Mapping[str, None]:
    """Columns that masks read beside their own.

    Raises:
        Integrity: a decision names other inputs than its mask needs, or another subject than the catalog.
    """
    inputs: dict[str, None] = {}
    for decided in decisions:
        spec = MASK_SPECS.get(decided.mask.name)
        if spec is None or tuple(auxiliary.role for auxiliary in decided.auxiliary) != spec.auxiliary_with(
            decided.mask.parameters
        ):
            raise Integrity(f"mask {decided.mask.name} cannot be applied to {decided.dataset}.{decided.column}")
        for auxiliary in decided.auxiliary:
            if auxiliary.role == _SUBJECT_ROLE and not _is_subject(site, auxiliary.column):
                raise Integrity(f"{decided.dataset}.{auxiliary.column} is not the subject of its rows")
            inputs[auxiliary.column] = None
        inputs |= {here: None for known in decided.known for here, _ in known.on}
    return inputs


def _is_subject(site: Site, column: str) -> bool:
    return site.dataset.subject is not None and site.dataset.subject.column == column
