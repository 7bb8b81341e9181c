"""From names to columns of the catalog.

sqlglot's qualifier does the work under PostgreSQL's rules: an input column wins over an alias, except for a bare
name in ORDER BY. Its own alias expansion stays off, because it doubles a tree for each alias that names an alias.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from sqlglot import exp
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.pushdown_projections import (
    ProjectionReachability,
    projection_reachability,
    prune_projections,
)
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.resolver import Resolver
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope
from sqlglot.schema import MappingSchema

from gateway.errors import Integrity, Invalid, Unsupported
from gateway.query.limits import DEFAULT, QueryLimits, too_large
from gateway.query.parsing import unknown_dataset
from gateway.query.postgres import check_distinct_orders, check_names, output_name
from gateway.query.reader import POSTGRES, SLIPS
from gateway.query.unresolved import explain
from gateway.terms.dataset import Datasets
from gateway.terms.query import BoundQuery, Query
from gateway.trees import copy_of, nodes_of

EXPANSION: Final = 5
"""All stars of a query, in subqueries too, expand to at most this many times the columns of an answer."""
MAX_ALIAS_NODES: Final = 20_000
"""Nodes that aliases in GROUP BY and HAVING may add to a tree."""


def bind(query: Query, *, datasets: Datasets, limits: QueryLimits = DEFAULT) -> BoundQuery:
    """Give every name its column, expand stars, and drop what the answer does not need.

    Args:
        query: not changed.
        datasets: MUST hold only those that the asker may know of; every other name is unknown.
        limits: `max_output_columns` is checked again, on expanded stars.

    Raises:
        Invalid: `dataset` for an unknown one; `column` for an unknown column, naming its dataset where it is certain;
            `ambiguous` for a column that several datasets have; `set_operation` for sides that do not fit;
            `size` for stars that expand too far.
        Unsupported: a whole row used as a value.
    """
    for name in query.names:
        if name not in datasets:
            raise unknown_dataset(name)
    tree = _tree(query)
    for selection in tree.selects:
        selection.meta["output"] = output_name(selection)
    _spare_work(tree)
    try:
        bound, nodes = _qualified(tree, datasets=datasets, names=query.names, limits=limits)
        needed = _needed(bound)
        scopes = needed.scopes if needed is not None else traverse_scope(bound)
        _check_resolved(scopes)
        _check_meaning(nodes)
    except RecursionError:
        raise too_large("levels of nesting", limits.max_depth) from None
    except (SqlglotError, *SLIPS):
        raise explain(_tree(query), datasets=datasets) from None
    output_names = tuple(_output_name(selection) for selection in bound.selects)
    if needed is None:
        raise Invalid("the sides of UNION, EXCEPT or INTERSECT have different numbers of columns", code="set_operation")
    if _prune(needed):
        scopes = traverse_scope(bound)
    return BoundQuery(
        dialect=query.dialect, tree=bound, uses=_uses(scopes), output_names=output_names, shape=query.shape
    )


def _tree(query: Query) -> exp.Query:
    if not isinstance(query.tree, exp.Query):
        raise Integrity("a query was not made by this room")
    return copy_of(query.tree)


def _spare_work(tree: exp.Query) -> None:
    """Drop what means nothing: the columns of `EXISTS (SELECT *`, ordinals that stand twice in a GROUP BY."""
    for node in nodes_of(tree):
        if isinstance(node, exp.Exists):
            inner = node.this.unnest()
            if isinstance(inner, exp.Select) and inner.is_star and not inner.args.get("distinct"):
                inner.set("expressions", [exp.Literal.number(1)])
        elif isinstance(node, exp.Group):
            kept = {item.name if isinstance(item, exp.Literal) else id(item): item for item in node.expressions}
            node.set("expressions", list(kept.values()))
        elif isinstance(node, exp.Select):
            _name_ordinals(node)


def _name_ordinals(select: exp.Select) -> None:
    """In ORDER BY, call a scalar subquery by a name and not by its place: the qualifier knows no such place."""
    order = select.args.get("order")
    for ordered in order.expressions if order else ():
        place = int(ordered.this.name) if isinstance(ordered.this, exp.Literal) and ordered.this.is_int else 0
        item = select.selects[place - 1] if 0 < place <= len(select.selects) else None
        if isinstance(item, exp.Subquery):
            if not item.alias:
                item.set("alias", exp.TableAlias(this=exp.to_identifier(f"__output_{place}", quoted=True)))
            ordered.set("this", exp.column(item.alias, quoted=True))


def _qualified(
    tree: exp.Query, *, datasets: Datasets, names: tuple[str, ...], limits: QueryLimits
) -> tuple[exp.Query, list[exp.Expr]]:
    """The tree, and all its nodes."""
    schema = MappingSchema(_schema(datasets, names), dialect=POSTGRES, normalize=False)
    tree = qualify_tables(tree, dialect=POSTGRES)
    if any(isinstance(node, exp.Star) for node in nodes_of(tree)):
        _check_widths(tree, datasets=datasets, limits=limits)
    tree = qualify_columns(tree, schema, expand_alias_refs=False)
    nodes = nodes_of(tree)
    if any(isinstance(node, exp.Select) and any(_unsettled(node)) for node in nodes):
        _settle(tree, schema)
        nodes = nodes_of(tree)
    return tree, nodes


def _check_resolved(scopes: Iterable[Scope]) -> None:
    """As sqlglot's `validate_qualify_columns`, over scopes that are there already."""
    for scope in scopes:
        if isinstance(scope.expression, exp.Select) and (
            scope.unqualified_columns or (scope.external_columns and not scope.is_correlated_subquery)
        ):
            raise OptimizeError("a column is not resolved")


def _check_meaning(nodes: Sequence[exp.Expr]) -> None:
    if any(isinstance(node, exp.TableColumn | exp.Dot) for node in nodes):
        raise Unsupported("a whole row as a value is not offered", code="row", fix="name the columns")
    check_names(nodes)
    check_distinct_orders(nodes)


def _needed(tree: exp.Query) -> ProjectionReachability | None:
    """Which outputs of subqueries the answer needs; None where the sides of a set operation do not fit."""
    try:
        return projection_reachability(tree, whole_query=True)
    except (SqlglotError, *SLIPS):
        return None


def _prune(needed: ProjectionReachability) -> bool:
    """Drop what the answer does not need; whether there was such a thing."""
    if all(needed.live.values()) and all(all(outputs) for outputs in needed.selections.values()):
        return False
    prune_projections(needed, root=0)
    return True


def _schema(datasets: Datasets, names: tuple[str, ...]) -> dict[str, object]:
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for name in names:
        source, _, table = name.partition(".")
        schema.setdefault(source, {})[table] = dict.fromkeys(datasets[name].columns, "unknown")
    return dict(schema)


def _check_widths(tree: exp.Query, *, datasets: Datasets, limits: QueryLimits) -> None:
    """Count what stars will expand to before they are: `SELECT *, *` in a chain of CTEs doubles with each."""
    widths: dict[int, int] = {}
    total = 0
    for scope in traverse_scope(tree):
        node = scope.expression
        sources = {alias: _width(source, widths, datasets) for alias, (_, source) in scope.selected_sources.items()}
        if isinstance(node, exp.Select):
            width = sum(_item_width(item, sources) for item in node.selects)
        elif isinstance(node, exp.SetOperation):
            width = widths.get(id(node.left.unnest()), 1)
        else:
            width = sum(sources.values()) or 1
        widths[id(node)] = width
        total += width
        if width > limits.max_output_columns or total > EXPANSION * limits.max_output_columns:
            raise too_large("columns", limits.max_output_columns)


def _width(source: exp.Expr | Scope, widths: Mapping[int, int], datasets: Datasets) -> int:
    if isinstance(source, Scope):
        node = source.expression
        if isinstance(node, exp.Values):
            return len(node.expressions[0].expressions) or 1
        return widths.get(id(node), 1)
    if isinstance(source, exp.Table) and source.db:
        return len(datasets[f"{source.db}.{source.name}"].columns)
    raise unknown_dataset(source.name)


def _item_width(item: exp.Expr, sources: Mapping[str, int]) -> int:
    if isinstance(item, exp.Star):
        return sum(sources.values())
    if isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
        return sources.get(item.table, 1)
    return 1


def _settle(tree: exp.Query, schema: MappingSchema) -> None:
    """Resolve what the qualifier left to aliases: in GROUP BY, HAVING and QUALIFY, and in expressions of ORDER BY."""
    added = 0
    for scope in traverse_scope(tree):
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        resolver = Resolver(scope, schema)
        aliases = {item.alias: item.this for item in select.selects if isinstance(item, exp.Alias)}
        for column in list(_unsettled(select)):
            table = resolver.get_table(column)
            if table is not None:
                column.set("table", table)
            elif column.name in aliases:
                copy = aliases[column.name].copy()
                added += sum(1 for _ in copy.walk())
                if added > MAX_ALIAS_NODES:
                    raise too_large("aliases", MAX_ALIAS_NODES)
                column.replace(exp.paren(copy, copy=False) if isinstance(copy, exp.Binary) else copy)


def _unsettled(select: exp.Select) -> Iterator[exp.Column]:
    """Columns without a table that are not whole items of ORDER BY: those are output names."""
    for clause in ("group", "having", "qualify", "order"):
        node = select.args.get(clause)
        for column in walk_in_scope(node) if node else ():
            if (
                isinstance(column, exp.Column)
                and not column.table
                and not (clause == "order" and isinstance(column.parent, exp.Ordered))
            ):
                yield column


def _output_name(selection: exp.Expr) -> str:
    inner = selection.this if isinstance(selection, exp.Alias) else selection
    return str(selection.meta.get("output") or inner.meta.get("output") or selection.alias_or_name)


def _uses(scopes: Iterable[Scope]) -> Mapping[str, frozenset[str]]:
    uses: dict[str, set[str]] = {}
    for scope in scopes:
        for alias, (_, source) in scope.selected_sources.items():
            if isinstance(source, exp.Table):
                if not source.db:
                    raise unknown_dataset(source.name)  # a CTE's name outside of where it is known
                columns = uses.setdefault(f"{source.db}.{source.name}", set())
                columns.update(column.name for column in scope.columns if column.table == alias)
    return {name: frozenset(columns) for name, columns in uses.items()}
