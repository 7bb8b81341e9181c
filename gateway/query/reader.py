"""Text to tree by sqlglot, held to a number of steps.

sqlglot backtracks: 30 nested `array[` cost 2^30 steps. A parser that counts its steps ends such a text after
a few times its length, whatever the construct is called that somebody finds next.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import Final

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType

from gateway.errors import Invalid, Unsupported
from gateway.query.limits import QueryLimits, check_tokens, too_large
from gateway.query.postgres import check_intervals

POSTGRES: Final = Dialect.get_or_raise("postgres")
"""Made once: by its name it is made anew each time."""
DIALECTS: Final = ("postgres", "duckdb", "mysql", "sqlite", "snowflake", "bigquery", "tsql")
"""Syntaxes that a query may be written in; answers always follow PostgreSQL."""

STEPS_PER_TOKEN: Final = 4
"""Real queries take one to two."""
SPARE_STEPS: Final = 2_000
"""So that short queries may backtrack."""

SLIPS: Final = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What sqlglot raises by mistake on odd texts. Nothing was read yet: whoever catches them refuses the query."""

logging.getLogger("sqlglot").addFilter(lambda _: False)  # it logs what it cannot read, literals included

_FIRST: Final = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN})
_BEFORE_SELECT: Final = frozenset(
    {TokenType.L_PAREN, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT, TokenType.ALL}
)


class _OutOfStepsError(Exception):
    """The parser took more steps than its text is worth. Not a ParseError: sqlglot answers those by backtracking."""


def _bounded(base: type[Parser]) -> type[Parser]:
    class Bounded(base):  # type: ignore[valid-type, misc]  # one subclass for each dialect's parser
        steps_left = 0

        def _advance(self, times: int = 1) -> None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise _OutOfStepsError
            super()._advance(times)

    return Bounded


_PARSERS: Final[Mapping[str, tuple[Dialect, type[Parser]]]] = {
    name: (dialect, _bounded(dialect.parser_class))
    for name, dialect in ((name, Dialect.get_or_raise(name)) for name in DIALECTS)
}


def read(sql: str, *, dialect: str, limits: QueryLimits) -> exp.Expr:
    """The tree of the one statement in the text, which begins like a query. Nothing else is checked.

    Raises:
        Invalid: an unknown dialect, a text that does not parse, or one that is too large to be parsed.
        Unsupported: another statement than a query, or several.
    """
    if dialect not in _PARSERS:
        raise Invalid(f"unknown SQL dialect; known: {', '.join(DIALECTS)}", code="dialect")
    tokens = _tokens(sql, dialect=dialect, limits=limits)
    _check_begin(tokens)
    return _tree(tokens, sql, dialect=dialect, limits=limits)


def read_condition(text: str, *, limits: QueryLimits) -> exp.Expr:
    """The tree of one condition, in PostgreSQL's syntax. Nothing else is checked.

    Raises:
        Invalid: it does not parse, is several, or is too large.
    """
    tokens = _tokens(text, dialect="postgres", limits=limits)
    return _tree(tokens, text, dialect="postgres", limits=limits, into=exp.Condition)


def _tokens(sql: str, *, dialect: str, limits: QueryLimits) -> list[Token]:
    try:
        tokens = _PARSERS[dialect][0].tokenize(sql)
    except (TokenError, ValueError):
        raise Invalid("the query does not parse: a quote or comment is not closed", code="syntax") from None
    check_tokens(tokens, limits=limits)
    check_intervals(tokens)
    if not tokens:
        raise Invalid("the query is empty", code="syntax")
    return tokens


def _tree(
    tokens: list[Token], sql: str, *, dialect: str, limits: QueryLimits, into: type[exp.Expr] | None = None
) -> exp.Expr:
    known, parser_class = _PARSERS[dialect]
    parser = parser_class(dialect=known, error_level=ErrorLevel.IMMEDIATE)
    steps = STEPS_PER_TOKEN * len(tokens) + SPARE_STEPS
    setattr(parser, "steps_left", steps)  # noqa: B010  # an attribute of _bounded's subclass
    try:
        found = parser.parse_into(into, tokens, sql) if into else parser.parse(tokens, sql)
    except _OutOfStepsError:
        raise Invalid(
            "the query takes too long to read", code="size", fix="nest less, or split the query into parts"
        ) from None
    except RecursionError:
        raise too_large("levels of nesting", limits.max_depth) from None
    except ParseError as error:
        raise _syntax(error) from None
    except (TokenError, *SLIPS):
        raise Invalid("the query does not parse", code="syntax") from None
    trees = [tree for tree in found if tree is not None]
    if len(trees) != 1:
        raise Unsupported("one statement at a time", code="statement", fix="send each query by itself")
    return trees[0]


def _check_begin(tokens: list[Token]) -> None:
    """What does not begin like one query is not parsed at all."""
    if tokens[0].token_type not in _FIRST:
        raise Unsupported("only SELECT is offered", code="statement", fix="begin with SELECT or WITH")
    for before, token in itertools.pairwise(tokens):
        if before.token_type is TokenType.SEMICOLON and token.token_type is not TokenType.SEMICOLON:
            raise Unsupported("one statement at a time", code="statement", fix="send each query by itself")
        if before.token_type in _BEFORE_SELECT and token.token_type in (TokenType.FROM, TokenType.TABLE):
            raise Unsupported("a query begins with SELECT", code="syntax", fix="write SELECT * FROM …")


def _syntax(error: ParseError) -> Invalid:
    """Says where, never what: the text around an error may hold a literal."""
    first = error.errors[0] if error.errors else {}
    line, column = first.get("line"), first.get("col")
    where = f" at line {line}, column {column}" if line and column else ""
    return Invalid(f"the query does not parse{where}", code="syntax")
