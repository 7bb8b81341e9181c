"""Views resolved to the columns of base tables that they are made of.

Views are not read; they are named in a proposal, so that a reviewer sees what they show, and of whom. A definition is
somebody's text: it is parsed, never run, and what does not resolve is said to be so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope

from gateway.terms.proposal_catalog import ViewProposal
from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.trees import nodes_of

MAX_NODES: Final = 5_000
"""A longer definition is not resolved: qualifying is not linear."""
MAX_DEPTH: Final = 32
"""Views upon views."""
Names = Mapping[tuple[str, ...], SchemaTable]


def resolve_views(schema: SourceSchema, *, only: Sequence[SchemaTable] | None = None) -> tuple[ViewProposal, ...]:
    """Views of a schema with the base columns of each of their columns, as far as they can be told. None: all."""
    resolver = _Resolver(schema)
    wanted = [table for table in schema.tables if table.kind == "view"] if only is None else only
    return tuple(resolver.resolved(view) for view in wanted)


class _Resolver:
    def __init__(self, schema: SourceSchema) -> None:
        self._schema = schema
        self._tables: Names = {_folded(table.name): table for table in schema.tables}
        self._direct: dict[tuple[str, ...], Mapping[str, frozenset[tuple[tuple[str, ...], str]]] | str] = {}

    def resolved(self, view: SchemaTable) -> ViewProposal:
        """One view."""
        name = ".".join(view.name)
        notes: list[str] = []
        columns = tuple(
            (
                column.name,
                tuple(
                    sorted({f"{'.'.join(table)}.{base}" for table, base in self._bases(view, column.name, (), notes)})
                ),
            )
            for column in view.columns
        )
        told = "; ".join(dict.fromkeys(notes))
        return ViewProposal(view=name, columns=columns if any(bases for _, bases in columns) else (), note=told)

    def _bases(
        self, view: SchemaTable, column: str, path: tuple[tuple[str, ...], ...], notes: list[str]
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Columns of tables, through views upon views; a view that leads back to itself ends there."""
        if view.name in path or len(path) >= MAX_DEPTH:
            notes.append("it leads back to itself" if view.name in path else "too many views upon views")
            return
        direct = self._read(view)
        if isinstance(direct, str):
            notes.append(direct)
            return
        for table_name, base in sorted(direct.get(column.casefold(), ())):
            table = self._tables.get(table_name)
            if table is None:
                continue
            if table.kind == "view":
                yield from self._bases(table, base, (*path, view.name), notes)
            else:
                yield table.name, next((c.name for c in table.columns if c.name.casefold() == base), base)

    def _read(self, view: SchemaTable) -> Mapping[str, frozenset[tuple[tuple[str, ...], str]]] | str:
        """What a view's own definition names: by column, tables with their columns; or why it cannot be told."""
        if view.name not in self._direct:
            try:
                self._direct[view.name] = self._parsed(view)
            except (SqlglotError, RecursionError, ValueError, KeyError, AttributeError, TypeError, IndexError):
                self._direct[view.name] = "its definition is not understood"
        return self._direct[view.name]

    def _parsed(self, view: SchemaTable) -> Mapping[str, frozenset[tuple[tuple[str, ...], str]]] | str:
        if not view.definition:
            return "its definition is not seen"
        tree = sqlglot.parse_one(view.definition, dialect=self._schema.dialect)
        if isinstance(tree, exp.Create):
            tree = tree.expression
        if not isinstance(tree, exp.Query) or len(nodes_of(tree)) > MAX_NODES:
            return "its definition is no query" if not isinstance(tree, exp.Query) else "its definition is too long"
        known = self._known(tree)
        qualified = qualify(
            tree,
            schema=known,
            dialect=self._schema.dialect,
            validate_qualify_columns=False,
            quote_identifiers=False,
            identify=False,
        )
        scope = build_scope(qualified)
        if scope is None:
            return "its definition is no query"
        names = [column.name.casefold() for column in view.columns]
        return dict(zip(names, _Outputs(self).of(scope), strict=False))

    def _known(self, tree: exp.Query) -> dict[str, object]:
        """The columns of the tables that a definition names, as qualify wants them; each name gets its schema."""
        made_here = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
        nested: dict[str, dict[str, object]] = {}
        flat: dict[str, object] = {}
        for node in nodes_of(tree):
            is_made = isinstance(node, exp.Table) and not node.db and node.name.casefold() in made_here
            if not isinstance(node, exp.Table) or is_made or (table := self.find(node)) is None:
                continue
            columns = {column.name: "text" for column in table.columns}
            node.set("catalog", None)
            if self._schema.default_schema:
                node.set("db", node.args.get("db") or exp.to_identifier(self._schema.default_schema, quoted=True))
                nested.setdefault(node.db, {})[node.name] = columns
            else:
                flat[node.name] = columns
        return {**nested} if nested else flat

    def find(self, node: exp.Table) -> SchemaTable | None:
        """The table that a definition names."""
        parts = tuple(name for name in (node.db, node.name) if name)
        whole = (self._schema.default_schema, *parts) if len(parts) == 1 and self._schema.default_schema else parts
        return self._tables.get(_folded(whole)) or self._tables.get(_folded(parts))


def _folded(name: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in name)


Base = tuple[tuple[str, ...], str]
"""A named table, folded, and one of its columns, folded."""


class _Outputs:
    """For each output of a query, the columns of named tables that it is made of. Each scope is looked at once."""

    def __init__(self, resolver: _Resolver) -> None:
        self._resolver = resolver
        self._known: dict[int, list[frozenset[Base]]] = {}

    def of(self, scope: Scope) -> list[frozenset[Base]]:
        """In the order of its outputs."""
        if id(scope) not in self._known:
            self._known[id(scope)] = []  # a recursive query adds nothing to what it begins with
            self._known[id(scope)] = self._made(scope)
        return self._known[id(scope)]

    def _made(self, scope: Scope) -> list[frozenset[Base]]:
        if scope.set_operation_scopes:
            left, right = (self.of(part) for part in scope.set_operation_scopes)
            return [one | other for one, other in zip(left, right or [frozenset()] * len(left), strict=False)]
        selects = scope.expression.selects if isinstance(scope.expression, exp.Query) else []
        sources = {**_inner_sources(scope), **scope.sources}
        return [frozenset(self._named(select, sources)) for select in selects]

    def _named(self, tree: exp.Expr, sources: Mapping[str, object]) -> Iterator[Base]:
        for node in nodes_of(tree):
            source = sources.get(node.table) if isinstance(node, exp.Column) else None
            if isinstance(source, exp.Table) and (table := self._resolver.find(source)) is not None:
                yield _folded(table.name), node.name.casefold()
            elif isinstance(source, Scope):
                named = [name.casefold() for name in _names_of(source)]
                outputs = self.of(source)
                place = named.index(node.name.casefold()) if node.name.casefold() in named else len(outputs)
                yield from outputs[place] if place < len(outputs) else ()


def _names_of(scope: Scope) -> list[str]:
    return list(scope.expression.named_selects) if isinstance(scope.expression, exp.Query) else []


def _inner_sources(scope: Scope) -> dict[str, object]:
    """Of the subqueries in its expressions: a column of theirs is made of their tables."""
    found: dict[str, object] = {}
    for inner in scope.subquery_scopes:
        found |= {**_inner_sources(inner), **inner.sources}
    return found
