"""From a bound query and a decision to scans and SQL over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Final

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.optimizer.scope import traverse_scope

from gateway.errors import Integrity, Invalid, Unsupported
from gateway.planning.comparisons import align
from gateway.planning.engine import ENGINE
from gateway.planning.guarded import is_aggregate, is_guarded
from gateway.planning.order import give_own_order, is_order_free
from gateway.planning.origins import outputs_of
from gateway.planning.scans import Mentions
from gateway.planning.sites import Site, sites_of
from gateway.planning.summary import summarized
from gateway.terms.dataset import Dataset, Datasets
from gateway.terms.plan import RECOVERED, GuardedScan, MaskedScan, Output, Plan, Scan, Step
from gateway.terms.policy import ColumnDecision, DatasetDecision, Decision, Level
from gateway.terms.predicate import columns_of
from gateway.terms.query import BoundQuery
from gateway.trees import copy_of, nodes_of

ORDER_COLUMN: Final = "__order"
"""64 bits made of a row's own values; delivery sorts by it and drops it."""


def make_plan(  # noqa: PLR0913 - one step of the flow with all that decides it
    query: BoundQuery,
    decision: Decision,
    *,
    datasets: Datasets,
    max_scans: int,
    limit: int | None = None,
    for_files: bool = False,
    near_data: Collection[str] = (),
) -> Plan:
    """Turn mentions of datasets into scans, and the query into SQL over the scans.

    Args:
        query: not changed.
        decision: MUST be an allowed one about this query.
        limit: at most so many rows of the answer, whatever LIMIT the query has itself.
        for_files: delivery puts the answer's rows into an order of its own; else the SQL does, where it can.
        near_data: sources that may group for a SELECT.

    Raises:
        Invalid: `size` for too many mentions; `masked_column` for an order or a calculation on a pseudonym.
        Unsupported: a SELECT over a dataset at the aggregated level that guarded.py does not offer.
        Integrity: the decision does not cover the query.
    """
    if not isinstance(query.tree, exp.Query):
        raise Integrity("a bound query was not made by the query room")
    tree = copy_of(query.tree)
    scopes = traverse_scope(tree)
    sites = sites_of(scopes, decision, datasets=datasets)
    if len(sites) > max_scans:
        raise Invalid(f"the query mentions too many datasets: at most {max_scans}", code="size")
    output_names = _output_names(tree, sites, names=query.output_names)
    if output_names is not query.output_names:
        scopes = traverse_scope(tree)
    outputs = outputs_of(tree, sites, scopes=scopes, names=output_names)
    order_free = _is_streamed(tree, sites, for_files=for_files)
    mentions = Mentions(sites)
    types = mentions.types()
    for site in sites:
        _replace(site)
    _check_closed(tree, sites)
    _limit(tree, limit)
    if mentions.are_rewritten:
        scopes = traverse_scope(tree)
    align(tree, scopes=scopes, types=types)
    steps, readers = mentions.steps(tree, near_data=near_data)
    return Plan(
        steps=tuple(map(_unread, steps)) if _asks_for_nothing(tree) else steps,
        sql=_duckdb(tree),
        output_names=output_names,
        snapshot="single-scan" if len(steps) <= 1 else "per-scan",
        outputs=outputs,
        is_order_free=order_free and not (for_files and limit is not None) and max(readers.values(), default=1) == 1,
        mentions=readers,
    )


def for_dataset(plan: Plan) -> Plan:
    """The same plan for files of training data: one more column, by which rows are put into an order of their own.

    Raises:
        Invalid: two columns have one name, or a name that the gateway keeps for itself.
    """
    names = plan.output_names
    if len(set(names)) != len(names) or any(name.startswith("__") or not name for name in names):
        raise Invalid(
            "columns of an extract have different names, and none begins with __",
            code="names",
            fix="give each expression a name with AS",
        )
    sql = f'SELECT answer.*, hash(answer) AS "{ORDER_COLUMN}" FROM ({plan.sql}) AS answer'  # noqa: S608 - of our own making
    return dataclasses.replace(plan, sql=sql, output_names=(*names, ORDER_COLUMN))


def watermark_scan(dataset: Dataset, decision: DatasetDecision) -> Scan:
    """The scan that finds a dataset's newest row, among those that the decision shows.

    Raises:
        Invalid: the catalog declares no watermark for it.
    """
    if dataset.watermark is None:
        raise Invalid(f"the catalog declares no watermark for {dataset.name}", code="watermark")
    needed = dict.fromkeys(sorted(columns_of(decision.rows)) if decision.rows is not None else ())
    if decision.follow is not None:
        needed[decision.follow.column] = None
    return Scan(
        id="__watermark",
        dataset=dataset.name,
        source=dataset.source,
        table=dataset.table,
        columns=(dataset.columns[dataset.watermark.column],),
        aux_columns=tuple(dataset.columns[name] for name in needed if name != dataset.watermark.column),
        rows=decision.rows,
        follow=decision.follow,
        pushed=None,
    )


def recovery_plan(dataset: Dataset, decision: DatasetDecision, *, masked: ColumnDecision) -> Plan:
    """The plan that reads one column in full, among the rows that the decision shows, to make its pseudonyms again.

    Args:
        decision: allows the column in full.
        masked: the column as the pseudonyms' readers see it; what that mask reads beside is read, too.
    """
    column = dataset.columns[masked.column]
    needed = dict.fromkeys(sorted(columns_of(decision.rows)) if decision.rows is not None else ())
    needed |= dict.fromkeys(beside.column for beside in masked.auxiliary)
    if decision.follow is not None:
        needed[decision.follow.column] = None
    if dataset.subject is not None:
        needed[dataset.subject.column] = None  # whose rows were released is noted
    scan = Scan(
        id="__scan_1",
        dataset=dataset.name,
        source=dataset.source,
        table=dataset.table,
        columns=(column,),
        aux_columns=tuple(dataset.columns[name] for name in needed if name != column.name),
        rows=decision.rows,
        follow=decision.follow,
        pushed=None,
    )
    origin = ((dataset.name, column.name),)
    return Plan(
        steps=(MaskedScan(scan=scan, columns=(column,), decisions=(masked,)),),
        sql='SELECT DISTINCT "pseudonym", "identifier" FROM "__scan_1" ORDER BY 1, 2',
        output_names=RECOVERED,
        snapshot="single-scan",
        outputs=tuple(
            Output(name=name, sources=origin, level=level, mask=mask, leaks=(), domain=masked.domain)
            for name, level, mask in zip(RECOVERED, (masked.level, Level.FULL), (masked.mask.name, "keep"), strict=True)
        ),
        is_order_free=False,
        mentions={"__scan_1": 1},
    )


def _is_streamed(tree: exp.Query, sites: tuple[Site, ...], *, for_files: bool) -> bool:
    if for_files:
        return is_order_free(tree, sites)
    return not any(is_guarded(site.decision) for site in sites) and give_own_order(tree, sites)


def _output_names(tree: exp.Query, sites: tuple[Site, ...], *, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names that the answer has; a plain SELECT over a guarded dataset is read as its summary first."""
    if len(sites) == 1 and is_guarded(sites[0].decision) and sites[0].scope.expression is tree:
        assert isinstance(tree, exp.Select)  # noqa: S101 - a dataset is mentioned in a SELECT
        if not is_aggregate(tree) and (told := summarized(tree, sites[0], names=names)):
            return told
    return names


def _replace(site: Site) -> None:
    """In place: scopes know tables by their nodes."""
    name, alias = (exp.to_identifier(text, quoted=True) for text in (site.id, site.alias))
    site.table.args.clear()
    site.table.set("this", name)
    site.table.set("alias", exp.TableAlias(this=alias))


def _limit(tree: exp.Query, limit: int | None) -> None:
    """The smaller of the query's own LIMIT and the caller's."""
    if limit is None:
        return
    if limit < 0:
        raise Invalid("a limit is 0 or more", code="limit")
    own = tree.args.get("limit")
    count = own.args.get("count" if isinstance(own, exp.Fetch) else "expression") if own is not None else None
    rows = limit if count is None else min(limit, int(count.name))
    tree.set("limit", exp.Limit(expression=exp.Literal.number(rows)))


def _asks_for_nothing(tree: exp.Query) -> bool:
    """LIMIT 0, by which clients ask for an answer's columns (docs/planning.md says why no other LIMIT is looked at)."""
    limit = tree.args.get("limit")
    count = limit.args.get("count" if isinstance(limit, exp.Fetch) else "expression") if limit is not None else None
    return isinstance(count, exp.Literal) and count.is_int and int(count.name) == 0


def _unread(step: Step) -> Step:
    """Protected groups are read all the same: their release is of no query's shape."""
    if isinstance(step, GuardedScan):
        return step
    return dataclasses.replace(step, scan=dataclasses.replace(step.scan, is_read=False))


def _check_closed(tree: exp.Query, sites: tuple[Site, ...]) -> None:
    """The invariant: after rewriting, nothing is named but scans and CTEs."""
    nodes = nodes_of(tree)
    known = {site.id for site in sites} | {node.alias for node in nodes if isinstance(node, exp.CTE)}
    for table in nodes:
        if isinstance(table, exp.Table) and (table.db or table.catalog or table.name not in known):
            raise Integrity("a table was left outside of every scan")


def _duckdb(tree: exp.Query) -> str:
    try:
        return tree.sql(dialect=ENGINE, copy=False, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        raise Unsupported("this query cannot be written for the engine", code="syntax", fix="split the query") from None
