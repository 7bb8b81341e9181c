"""A SELECT over a dataset at the aggregated level: protected groups, and free SQL on top of them.

What is offered is the registered grid (notes: statistical disclosure control lives by what may not be asked):
one dataset; GROUP BY dimensions; WHERE as AND of `dimension = literal` and `dimension IN (literals)`;
count(*), count(measure), count(DISTINCT subject), sum(measure), avg(measure). Expressions over these aggregates,
HAVING, ORDER BY, LIMIT, windows and outer queries are computed on released groups, so they are free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlglot import exp
from sqlglot.optimizer.scope import find_all_in_scope

from gateway.errors import Unsupported
from gateway.planning.filters import NotACellError, read_cell
from gateway.planning.sites import Site, catalog_column, column_decision, scan_of
from gateway.terms.mask_spec import family_of
from gateway.terms.plan import Function, GuardedScan, Measure
from gateway.terms.policy import DatasetDecision, Level
from gateway.terms.predicate import Predicate, columns_of

OFFERED: Final = "offered are count(*), count(measure), count(DISTINCT subject), sum(measure) and avg(measure)"

COUNT: Final = Measure(name="__measure_1", function="count_rows", column=None)
"""What is released where a global aggregate names nothing: a stream has a column."""

MAX_DIMENSIONS: Final = 4
"""Groups are checked against the totals of every subset of their dimensions."""

_NUMBERS: Final = frozenset({"integer", "decimal", "float"})
_CLAUSES: Final = ("expressions", "having", "order", "qualify", "windows", "distinct")


def is_guarded(decision: DatasetDecision) -> bool:
    """Whether rows of this dataset must not be released: also if only one of its columns is at the aggregated level."""
    return decision.level is Level.AGGREGATED or any(
        column.level is Level.AGGREGATED for column in decision.columns.values()
    )


def is_aggregate(select: exp.Select) -> bool:
    """Whether the SELECT forms groups by itself."""
    return bool(select.args.get("group")) or any(aggregates_in(select))


def guard(site: Site) -> GuardedScan:
    """The guarded scan of a site; its SELECT is rewritten to read released groups.

    A global aggregate (no GROUP BY) gives one row, or none when it is suppressed: like an empty dataset.

    Raises:
        Unsupported: `aggregated_only`, `guarded_join`, `guarded_group`, `grouping_sets`, `guarded_filter`,
            `guarded_aggregate`, `no_subject`. The text says what is offered.
    """
    select = _alone(site)
    subject = site.dataset.subject
    if subject is None:
        raise Unsupported(f"{site.dataset.name} has no data subject to count groups by", code="no_subject")
    if not is_aggregate(select):
        raise Unsupported(
            f"you see {site.dataset.name} in groups only: aggregate it in the SELECT that reads it",
            code="aggregated_only",
            fix="write SELECT dimension, count(*) FROM … GROUP BY dimension",
        )
    dimensions = _dimensions(site, select)
    wanted = _filter(site, select)
    measures = _measures(site, select) or (() if dimensions else (COUNT,))
    _check_rest(site, select, dimensions)
    _regroup(select)
    measured = dict.fromkeys(measure.column for measure in measures if measure.column is not None)
    filtered = columns_of(wanted) if wanted is not None else ()
    return GuardedScan(
        scan=scan_of(site, columns=(*dimensions, *measured), further=(subject.column, *filtered)),
        subject=subject.column,
        dimensions=dimensions,
        measures=measures,
        filter=wanted,
    )


def _alone(site: Site) -> exp.Select:
    select = site.scope.expression
    if not isinstance(select, exp.Select) or select.args.get("joins") or len(site.scope.selected_sources) != 1:
        raise Unsupported(
            f"you see {site.dataset.name} in groups only: it cannot be joined before it is grouped",
            code="guarded_join",
            fix="group it in a subquery of its own, and join the groups",
        )
    return select


def _dimensions(site: Site, select: exp.Select) -> tuple[str, ...]:
    group = select.args.get("group")
    names: dict[str, None] = {}
    for item in _group_items(group) if group else ():
        column = item.unnest()
        if not _is_dimension(site, column):
            raise Unsupported(
                f"groups of {site.dataset.name} are formed by dimensions only, not by other columns or expressions",
                code="guarded_group",
                fix="GROUP BY columns that `gateway datasets` marks as dimensions",
            )
        names[column.name] = None
    if len(names) > MAX_DIMENSIONS:
        raise Unsupported(
            f"groups of {site.dataset.name} are formed by at most {MAX_DIMENSIONS} dimensions",
            code="guarded_group",
            fix="GROUP BY fewer dimensions",
        )
    return tuple(names)


def _group_items(group: exp.Expr) -> Iterator[exp.Expr]:
    if any(group.args.get(name) for name in ("rollup", "cube", "grouping_sets")) or group.find(
        exp.Rollup, exp.Cube, exp.GroupingSets
    ):
        raise Unsupported(
            "ROLLUP, CUBE and GROUPING SETS are not offered on groups: totals would give suppressed groups away",
            code="grouping_sets",
            fix="write a plain GROUP BY",
        )
    for item in group.expressions:
        yield from item.expressions if isinstance(item, exp.Tuple) else (item,)


def _is_dimension(site: Site, column: exp.Expr) -> bool:
    return (
        isinstance(column, exp.Column)
        and column.table == site.alias
        and column_decision(site, column.name).use == "dimension"
        # Two floats that print alike may be two groups; no grid is registered on them.
        and family_of(catalog_column(site, column.name).type) != "float"
    )


def _filter(site: Site, select: exp.Select) -> Predicate | None:
    where = select.args.get("where")
    if where is None:
        return None
    dimensions = {
        name: column
        for name, column in site.dataset.columns.items()
        if name in site.names and _is_dimension(site, exp.column(name, table=site.alias))
    }
    try:
        return read_cell(where.this, alias=site.alias, dimensions=dimensions)
    except NotACellError:
        raise _filter_error(site) from None


def _filter_error(site: Site) -> Unsupported:
    return Unsupported(
        f"groups of {site.dataset.name} are filtered by `dimension = literal` and `dimension IN (literals)`, joined by "
        "AND, with literals of the column's type",
        code="guarded_filter",
        fix="group by the dimension instead, and filter the groups with HAVING",
    )


def aggregates_in(select: exp.Select) -> Iterator[exp.AggFunc]:
    """Aggregates over rows. Those that are window functions work on groups."""
    for node in find_all_in_scope(select, exp.AggFunc):
        child, parent = node, node.parent
        while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.WithinGroup):
            child, parent = parent, parent.parent  # type: ignore[assignment]  # a wrapper stands for its aggregate
        if not (isinstance(parent, exp.Window) and parent.this is child):
            yield node


def _measures(site: Site, select: exp.Select) -> tuple[Measure, ...]:
    """Replace each aggregate by a released column; equal aggregates share one."""
    found: dict[tuple[Function, str | None], Measure] = {}
    for node in list(aggregates_in(select)):
        if isinstance(node, exp.Max | exp.Min) and isinstance(node.this, exp.Literal):
            node.replace(node.this.copy())  # what pruning leaves of a SELECT whose columns nobody reads
            continue
        function, column = _measure(site, node)
        measure = found.setdefault(
            (function, column), Measure(name=f"__measure_{len(found) + 1}", function=function, column=column)
        )
        node.replace(exp.column(measure.name, table=site.alias, quoted=True))
    return tuple(found.values())


def _measure(site: Site, node: exp.AggFunc) -> tuple[Function, str | None]:
    if isinstance(node.parent, exp.Filter | exp.WithinGroup | exp.IgnoreNulls):
        raise _aggregate_error(site)
    match node:
        case exp.Count(this=exp.Star()) | exp.Count(this=exp.Literal()):
            return "count_rows", None
        case exp.Count(this=exp.Distinct(expressions=[item])):
            _check_subject(site, item.unnest())
            return "count_subjects", None
        case exp.Count():
            return "count_values", _measured(site, node)
        case exp.Sum():
            return "sum", _measured(site, node)
        case exp.Avg():
            return "avg", _measured(site, node)
        case _:
            raise _aggregate_error(site)


def _check_subject(site: Site, column: exp.Expr) -> None:
    """The subject is counted by the groups themselves: no column is read for it."""
    subject = site.dataset.subject
    is_subject = isinstance(column, exp.Column) and column.table == site.alias
    if subject is None or not is_subject or column.name != subject.column:
        raise _aggregate_error(site)
    column_decision(site, column.name)


def _measured(site: Site, node: exp.AggFunc) -> str:
    column = node.this.unnest()
    if not isinstance(column, exp.Column) or column.table != site.alias:
        raise _aggregate_error(site)
    kind = family_of(catalog_column(site, column.name).type)
    if column_decision(site, column.name).use != "measure" or kind not in _NUMBERS:
        raise _aggregate_error(site)
    return column.name


def _aggregate_error(site: Site) -> Unsupported:
    return Unsupported(
        f"this aggregate is not offered on groups of {site.dataset.name}: {OFFERED}",
        code="guarded_aggregate",
        fix="`gateway datasets` marks dimensions, measures and the subject; measures are numbers",
    )


def _check_rest(site: Site, select: exp.Select, dimensions: tuple[str, ...]) -> None:
    """Whatever still reads the dataset, in a correlated subquery too, reads dimensions of the groups."""
    kept = {id(node) for clause in _CLAUSES for part in _nodes(select.args.get(clause)) for node in part.walk()}
    for column in site.mentions:
        if id(column) in kept and column.name not in dimensions:
            raise Unsupported(
                f"groups of {site.dataset.name} show their dimensions and aggregates of measures only",
                code="guarded_group",
                fix="add the column to GROUP BY if it is a dimension, or aggregate it if it is a measure",
            )


def _nodes(value: object) -> Iterator[exp.Expr]:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, exp.Expr):
            yield item


def _regroup(select: exp.Select) -> None:
    """One released row is one group: HAVING is a WHERE on it."""
    having = select.args.get("having")
    select.set("where", exp.Where(this=having.this) if having is not None else None)
    select.set("group", None)
    select.set("having", None)
