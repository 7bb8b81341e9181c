"""Which production columns each column of an answer is made of, and whether the answer depends on the order of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import pyarrow as pa
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from gateway.planning.sites import Site
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import Output
from gateway.terms.policy import ColumnDecision

Origin = tuple[str, str]
"""(dataset, column)"""

_ORDERED: Final = (exp.Limit, exp.Offset, exp.Fetch, exp.Window, exp.Qualify, exp.Exists, exp.Lateral)
"""Nodes whose result may depend on the order in which rows come, or that may read a scan twice."""
_UNORDERED_AGGREGATES: Final = (exp.Count, exp.Min, exp.Max, exp.Sum, exp.Avg)


def outputs_of(tree: exp.Query, sites: tuple[Site, ...], *, names: tuple[str, ...]) -> tuple[Output, ...]:
    """One for each column of the answer, in order. MUST be asked before sites are replaced by scans."""
    decisions = {(site.dataset.name, name): site.decision.columns.get(name) for site in sites for name in site.names}
    found = _Origins(tree)
    selects = tree.selects
    origins = [found.of_position(tree, place) for place in range(len(selects))]
    return tuple(_output(name, sorted(made), decisions) for name, made in zip(names, origins, strict=True))


def _output(name: str, origins: list[Origin], decisions: Mapping[Origin, ColumnDecision | None]) -> Output:
    known = [decision for origin in origins if (decision := decisions.get(origin)) is not None]
    single = known[0] if len(origins) == len(known) == 1 else None
    spec = MASK_SPECS.get(single.mask.name) if single else None
    return Output(
        name=name,
        sources=tuple(origins),
        level=max((decision.level for decision in known), key=lambda level: level.rank, default=None),
        mask=single.mask.name if single else "",
        leaks=tuple(sorted(spec.leaks)) if spec else (),
        domain=single.domain if single else None,
    )


class _Origins:
    """Follows a column through derived tables and CTEs to the tables that it comes from."""

    def __init__(self, tree: exp.Query) -> None:
        self._scopes = list(traverse_scope(tree))
        self._by_query = {id(scope.expression): scope for scope in self._scopes}
        self._home: dict[int, Scope] = {}
        for scope in self._scopes:  # inner ones come first, and keep what they read
            for column in scope.columns:
                self._home.setdefault(id(column), scope)
        self._known: dict[tuple[int, int], frozenset[Origin]] = {}

    def of_position(self, query: exp.Expr, place: int) -> frozenset[Origin]:
        """Origins of one output of a query; a recursive query's own column adds nothing to itself."""
        query = query.unnest()
        key = (id(query), place)
        if key not in self._known:
            self._known[key] = frozenset()
            self._known[key] = frozenset(self._followed(query, place))
        return self._known[key]

    def _followed(self, query: exp.Expr, place: int) -> Iterator[Origin]:
        if isinstance(query, exp.SetOperation):
            yield from self.of_position(query.left, place)
            yield from self.of_position(query.right, place)
        elif isinstance(query, exp.Select) and place < len(query.selects):
            for column in query.selects[place].find_all(exp.Column):
                yield from self._of_column(column)

    def _of_column(self, column: exp.Column) -> Iterator[Origin]:
        scope = self._home.get(id(column))
        while scope is not None and column.table not in scope.sources:
            scope = scope.parent
        source = scope.sources[column.table] if scope is not None else None
        if isinstance(source, exp.Table) and source.db:
            yield f"{source.db}.{source.name}", column.name
        elif isinstance(source, Scope):
            yield from self._of_derived(source.expression, column.name)

    def _of_derived(self, query: exp.Expr, name: str) -> Iterator[Origin]:
        first = query.unnest()
        while isinstance(first, exp.SetOperation):
            first = first.left.unnest()
        if isinstance(first, exp.Select):
            for place, selection in enumerate(first.selects):
                if selection.alias_or_name == name:
                    yield from self.of_position(query, place)


def is_order_free(tree: exp.Query, sites: tuple[Site, ...]) -> bool:
    """Whether the same rows in another order give the same answer, as a multiset, each scan being read once.

    Only what is certainly so: then scans may be streamed, and nothing of the source's order shows (T7). Sums of
    floating-point numbers are not so.
    """
    if any(_may_see_order(node, sites) for node in tree.walk()):
        return False
    if any(with_.args.get("recursive") for with_ in tree.find_all(exp.With)):
        return False
    mentioned = [table.name for table in tree.find_all(exp.Table) if not table.db]
    return len(mentioned) == len(set(mentioned))


def _may_see_order(node: exp.Expr, sites: tuple[Site, ...]) -> bool:
    if isinstance(node, exp.Subquery):
        return not isinstance(node.parent, exp.From | exp.Join)  # a derived table is read once, with its own scope
    if isinstance(node, exp.Distinct):
        return node.args.get("on") is not None
    if isinstance(node, exp.AggFunc):
        return not isinstance(node, _UNORDERED_AGGREGATES) or (
            isinstance(node, exp.Sum | exp.Avg) and not _is_exact(node.this, sites)
        )
    return isinstance(node, _ORDERED)


def _is_exact(term: object, sites: tuple[Site, ...]) -> bool:
    """Whether it is a number that adds up to the same in any order: certainly an integer or a decimal."""
    match term:
        case exp.Column():
            return _is_exact_column(term, sites)
        case exp.Literal():
            return not term.is_string and "e" not in term.name.lower()
        case exp.Paren() | exp.Neg():
            return _is_exact(term.this, sites)
        case exp.Add() | exp.Sub() | exp.Mul():
            return _is_exact(term.left, sites) and _is_exact(term.right, sites)
        case exp.Coalesce():
            return all(_is_exact(part, sites) for part in (term.this, *term.expressions))
        case exp.Case():
            results = [branch.args.get("true") for branch in term.args.get("ifs", ())]
            default = term.args.get("default")
            return all(_is_exact(part, sites) for part in (*results, *([default] if default else ())))
        case _:
            return False


def _is_exact_column(column: exp.Column, sites: tuple[Site, ...]) -> bool:
    kinds = [
        site.dataset.columns[column.name].type
        for site in sites
        if any(mention is column for mention in site.mentions) and column.name in site.dataset.columns
    ]
    return bool(kinds) and all(pa.types.is_integer(kind) or pa.types.is_decimal(kind) for kind in kinds)
