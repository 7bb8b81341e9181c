"""Which scans the engine may read more than once. A stream can be read once only: these are kept whole.

Decided by the shape of the query, on the safe side: keeping too much costs memory, keeping too little an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

Mentions = Mapping[int, Sequence[Scope]]
"""By id of a SELECT: the scopes that read from it."""


def mentions_of(tree: exp.Query) -> Mentions:
    """Who reads from which subquery or CTE. Valid while the tree lives and keeps its SELECTs."""
    mentions: dict[int, list[Scope]] = {}
    for scope in traverse_scope(tree):
        for _, source in scope.selected_sources.values():
            if isinstance(source, Scope):
                mentions.setdefault(id(source.expression), []).append(scope)
    return mentions


def reread(scope: Scope, *, mentions: Mentions) -> bool:
    """Whether scans in this SELECT may be read again.

    True below any subquery or LATERAL, beside a correlated one, in a recursive CTE, and in a CTE that is not mentioned
    exactly once or is mentioned where this holds.
    """
    current: Scope | None = scope
    while current is not None:
        if current.is_subquery or current.is_udtf or _is_beside_correlated(current):
            return True
        if current.is_cte:
            users = mentions.get(id(current.expression), ())
            if _is_recursive(current) or len(users) != 1:
                return True
            current = users[0]
        else:
            current = current.parent
    return False


def _is_beside_correlated(scope: Scope) -> bool:
    return bool(scope.udtf_scopes) or any(child.is_correlated_subquery for child in scope.subquery_scopes)


def _is_recursive(scope: Scope) -> bool:
    clause = scope.expression.find_ancestor(exp.With)
    return clause is not None and bool(clause.recursive)
