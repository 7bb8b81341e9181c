"""Which production columns each column of an answer is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from gateway.planning.sites import Site
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import Output
from gateway.terms.policy import ColumnDecision

Origin = tuple[str, str]
"""(dataset, column)"""


def outputs_of(
    tree: exp.Query, sites: tuple[Site, ...], *, scopes: Iterable[Scope], names: tuple[str, ...]
) -> tuple[Output, ...]:
    """One for each column of the answer, in order. MUST be asked before sites are replaced by scans.

    Args:
        scopes: of the tree, inner ones first.
    """
    decisions = {(site.dataset.name, name): site.decision.columns.get(name) for site in sites for name in site.names}
    origins = _Origins(scopes).of_outputs(tree)
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
        leaks=tuple(sorted(spec.leaks_with(single.mask.parameters))) if single and spec else (),
        domain=single.domain if single else None,
    )


class _Origins:
    """Follows a column through derived tables and CTEs to the tables that it comes from."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._home: dict[int, Scope] = {}
        for scope in scopes:  # inner ones come first, and keep what they read
            for column in scope.columns:
                self._home.setdefault(id(column), scope)
        self._known: dict[tuple[int, int], frozenset[Origin]] = {}
        self._seen: set[tuple[int, int]] = set()
        self._open: set[tuple[int, int]] = set()
        self._feeds_itself = False

    def of_outputs(self, tree: exp.Query) -> list[frozenset[Origin]]:
        """One for each output. Recursive queries feed themselves: asked again until no round finds more."""
        while True:
            before = dict(self._known)
            self._seen.clear()
            found = [self._of_position(tree, place) for place in range(len(tree.selects))]
            if not self._feeds_itself or self._known == before:
                return found

    def _of_position(self, query: exp.Expr, place: int) -> frozenset[Origin]:
        query = query.unnest()
        key = (id(query), place)
        if key not in self._seen:
            self._seen.add(key)
            self._open.add(key)
            self._known[key] = self._known.get(key, frozenset()) | frozenset(self._followed(query, place))
            self._open.remove(key)
        elif key in self._open:
            self._feeds_itself = True
        return self._known.get(key, frozenset())

    def _followed(self, query: exp.Expr, place: int) -> Iterator[Origin]:
        if isinstance(query, exp.SetOperation):
            yield from self._of_position(query.left, place)
            yield from self._of_position(query.right, place)
        elif isinstance(query, exp.Select) and place < len(query.selects):
            yield from self._made_of(query.selects[place])

    def _made_of(self, term: exp.Expr) -> Iterator[Origin]:
        """A subquery counts by its outputs, as a derived table does; EXISTS by all that it reads."""
        if isinstance(term, exp.Column):
            yield from self._of_column(term)
        elif isinstance(term, exp.Exists):
            for column in term.find_all(exp.Column):
                yield from self._of_column(column)
        elif isinstance(term, exp.Query):
            for place in range(len(term.selects)):
                yield from self._of_position(term, place)
        else:
            for part in term.iter_expressions():
                yield from self._made_of(part)

    def _of_column(self, column: exp.Column) -> Iterator[Origin]:
        scope = self._home.get(id(column))
        while scope is not None and column.table not in scope.sources:
            scope = scope.parent
        source = scope.sources[column.table] if scope is not None else None
        if isinstance(source, exp.Table) and source.db:
            yield f"{source.db}.{source.name}", column.name
        elif isinstance(source, Scope):
            yield from self._of_derived(_whole(source.expression), column.name)

    def _of_derived(self, query: exp.Expr, name: str) -> Iterator[Origin]:
        renamed: list[str] = []
        if isinstance(query, exp.Lateral):  # keeps its own list of names; others have theirs put into their SELECT
            query, renamed = query.this, query.alias_column_names
        first = query.unnest()
        while isinstance(first, exp.SetOperation):
            first = first.left.unnest()
        if isinstance(first, exp.Select):
            names = [selection.alias_or_name for selection in first.selects]
            names[: len(renamed)] = renamed
            for place, own in enumerate(names):
                if own == name:
                    yield from self._of_position(query, place)


def _whole(query: exp.Expr) -> exp.Expr:
    """A recursive query's mention of itself is all of it; the scope knows only the part that it begins with."""
    while isinstance(query.parent, exp.SetOperation):
        query = query.parent
    return query
