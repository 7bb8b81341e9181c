"""How large a text and its tree may be. Everything is counted before anything is done that costs more than counting."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import Invalid
from gateway.trees import add_children

TOKENS_PER_NODE: Final = 3
"""Punctuation included, real queries have about two tokens for each tree node."""

MAX_SELECTS: Final = 200
"""SELECTs in a query, subqueries included; resolving names looks at each many times."""

MAX_MERGING_JOINS: Final = 16
"""Joins by NATURAL or USING: each of their columns is a coalesce over all tables before (31 took two seconds)."""

_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QueryLimits:
    """Caps on one query. The defaults are the settings'."""

    max_bytes: int = 65_536
    """UTF-8 bytes of the text."""
    max_nodes: int = 5_000
    """Nodes of the tree as parsed."""
    max_depth: int = 100
    """Nesting, of brackets in the text and of nodes in the tree."""
    max_output_columns: int = 1_000
    """Columns of the answer, stars expanded. All stars of a query together expand to at most five times as many."""
    max_scans: int = 32
    """Mentions of datasets."""


DEFAULT: Final = QueryLimits()


def too_large(what: str, limit: int) -> Invalid:
    """The error for a query over a limit; raise it."""
    return Invalid(f"the query has too many {what}: at most {limit}", code="size", fix="split the query into parts")


def check_text(sql: str, *, limits: QueryLimits) -> None:
    """Raise Invalid for a text that is too long, or that is no text: NUL bytes, lone surrogates."""
    if len(sql) > limits.max_bytes:
        raise too_large("bytes", limits.max_bytes)
    try:
        size = len(sql.encode())
    except UnicodeEncodeError:
        raise Invalid("the query is not valid Unicode", code="syntax") from None
    if size > limits.max_bytes:
        raise too_large("bytes", limits.max_bytes)
    if "\0" in sql:
        raise Invalid("the query contains a NUL byte", code="syntax")


def check_tokens(tokens: Sequence[Token], *, limits: QueryLimits) -> None:
    """Raise Invalid for too many tokens or too deep brackets: parsing recurses on them."""
    if len(tokens) > limits.max_nodes * TOKENS_PER_NODE:
        raise too_large("tokens", limits.max_nodes * TOKENS_PER_NODE)
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
            if depth > limits.max_depth:
                raise too_large("levels of nesting", limits.max_depth)
        elif token.token_type in _CLOSING:
            depth -= 1


def check_tree(tree: exp.Expr, *, limits: QueryLimits) -> list[exp.Expr]:
    """All nodes, level by level. Raise Invalid for too many nodes, SELECTs or merging joins, or too deep a tree."""
    nodes: list[exp.Expr] = [tree]
    done = depth = 0
    while done < len(nodes):
        depth += 1
        if depth > limits.max_depth:
            raise too_large("levels of nesting", limits.max_depth)
        level, done = nodes[done:], len(nodes)
        for node in level:
            add_children(node, nodes)
        if len(nodes) > limits.max_nodes:
            raise too_large("parts", limits.max_nodes)
    if sum(isinstance(node, exp.Select) for node in nodes) > MAX_SELECTS:
        raise too_large("SELECTs", MAX_SELECTS)
    joins = (node for node in nodes if isinstance(node, exp.Join))
    if sum(bool(join.args.get("method") or join.args.get("using")) for join in joins) > MAX_MERGING_JOINS:
        raise too_large("joins by NATURAL or USING", MAX_MERGING_JOINS)
    return nodes
