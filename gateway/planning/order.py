"""Whether an answer depends on the order in which its rows are read. Only what certainly does not is said not to (T7).

Two things show order where one does not look for it: sums that round or overflow, and floating-point numbers that are
equal and not the same (0.0 and -0.0): of those a group, a DISTINCT, a set operation and min keep the first that comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
from sqlglot import exp

from gateway.planning.sites import Site

_Kinds = Mapping[int, pa.DataType]
"""Of columns of the catalog, by the node that mentions them. Others are unknown."""

SUM_DIGITS: Final = 28
"""Of 38, so that no sum of fewer than 10^10 of them overflows, whatever the order of its signs."""
_INTEGER_DIGITS: Final = 20

_ORDERED: Final = (exp.Limit, exp.Offset, exp.Fetch, exp.Window, exp.Qualify, exp.Exists, exp.Lateral)
"""Nodes whose result may depend on the order in which rows come, or that may read a scan twice."""
_UNORDERED_AGGREGATES: Final = (exp.Count, exp.Min, exp.Max, exp.Sum, exp.Avg)

_NEVER_FAILS: Final = (
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.Tuple, exp.Case, exp.If),
    *(exp.Connector, exp.Not, exp.Predicate, exp.Coalesce, exp.Nullif, exp.TryCast, exp.DataType, exp.Escape),
    *(exp.Lower, exp.Upper, exp.Trim, exp.Length, exp.Interval, exp.Var, exp.DataTypeParam),
)
"""Terms that no value can make fail."""
_NEVER_FLOAT: Final = (
    *(exp.Predicate, exp.Connector, exp.Not, exp.Boolean, exp.Null, exp.Count),
    *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Left, exp.Right, exp.Replace, exp.SplitPart, exp.Reverse),
    *(exp.Concat, exp.ConcatWs, exp.DPipe, exp.Length, exp.StrPosition),
    *(exp.TimestampTrunc, exp.DateTrunc, exp.CurrentDate, exp.CurrentTimestamp),
)
"""Terms that are text, times, truths or whole numbers whatever they are made of."""
_AS_THEIR_PARTS: Final = (
    *(exp.Paren, exp.Alias, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least),
    *(exp.Min, exp.Max, exp.Sum),
)
_FIELDS: Final = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "DOW", "DOY", "HOUR", "MINUTE"}
"""EXTRACT gives whole numbers for these."""
_KINDS: Final = {
    *(exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.DECIMAL, exp.DType.TEXT, exp.DType.VARCHAR),
    *(exp.DType.DATE, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.BOOLEAN),
}


def is_order_free(tree: exp.Query, sites: tuple[Site, ...]) -> bool:
    """Whether the same rows in another order give the same answer, as a multiset, each scan being read once.

    Then scans may be streamed, and nothing of the source's order shows.
    """
    return _is_order_free(tree, _kinds_of(sites), cut=())


def give_own_order(tree: exp.Query, sites: tuple[Site, ...]) -> bool:
    """Make the answer's rows come in an order that they alone decide, if that can be: then its scan may be streamed.

    ORDER BY goes on until no two different rows are alike, so that a LIMIT takes the same ones too. Returns False, and
    leaves the tree as it is, if the order of reading may show in another way; if equal rows are not certainly the same;
    and if several scans are read: of streams the engine does not know which one to hold for a join.
    """
    cut = tuple(part for name in ("limit", "offset") if (part := tree.args.get(name)) is not None)
    if len(sites) != 1:
        return False
    kinds = _kinds_of(sites)
    places = _telling_places(tree, kinds)
    if places is None or not _is_order_free(tree, kinds, cut=cut):
        return False
    order = tree.args.get("order") or exp.Order(expressions=[])
    for place in places:
        order.append("expressions", exp.Ordered(this=exp.Literal.number(place)))
    if places:
        tree.set("order", order)
    return True


def _telling_places(tree: exp.Query, kinds: _Kinds) -> list[int] | None:
    """Outputs, from 1, by which all different rows of the answer are told apart; None: there may be others."""
    if isinstance(tree, exp.SetOperation):
        sides = zip(tree.left.selects, tree.right.selects, strict=True)
        return _all_places(tree) if all(_are_steady(list(pair), kinds) for pair in sides) else None
    if not isinstance(tree, exp.Select):
        return None
    terms = [selection.unalias() for selection in tree.selects]
    group = tree.args.get("group")
    if group is not None:
        keys = group.expressions
        return [terms.index(key) + 1 for key in keys] if all(key in terms for key in keys) else None
    if any(term.find(exp.AggFunc) for term in terms):
        return []  # a single row
    return _all_places(tree) if _are_steady(terms, kinds) else None


def _all_places(tree: exp.Query) -> list[int]:
    return list(range(1, len(tree.selects) + 1))


def _kinds_of(sites: tuple[Site, ...]) -> _Kinds:
    return {
        id(mention): site.dataset.columns[mention.name].type
        for site in sites
        for mention in site.mentions
        if mention.name in site.dataset.columns
    }


def _is_order_free(tree: exp.Query, kinds: _Kinds, *, cut: tuple[exp.Expr, ...]) -> bool:
    """`cut`: what ends the answer early, and is not looked at."""
    ignored = {id(node) for part in cut for node in part.walk()}
    if any(_may_see_order(node, kinds) for node in tree.walk() if id(node) not in ignored):
        return False
    if any(with_.args.get("recursive") for with_ in tree.find_all(exp.With)):
        return False
    mentioned = [table.name for table in tree.find_all(exp.Table) if not table.db]
    return len(mentioned) == len(set(mentioned))


def _may_see_order(node: exp.Expr, kinds: _Kinds) -> bool:
    match node:
        case exp.Subquery():
            return not isinstance(node.parent, exp.From | exp.Join)  # a derived table is read once, with its own scope
        case exp.Distinct():
            return node.args.get("on") is not None or (
                isinstance(node.parent, exp.Select) and not _are_steady(node.parent.selects, kinds)
            )
        case exp.Group():
            plain = node.expressions
            others = any(value for name, value in node.args.items() if name != "expressions")
            return others or any(isinstance(key, exp.Literal) for key in plain) or not _are_steady(plain, kinds)
        case exp.Connector():  # those inside of another one are looked at with it: a chain of AND is a tree of them
            return not isinstance(node.parent, exp.Connector) and any(_may_fail(part) for part in node.walk())
        case exp.SetOperation():
            is_union_all = isinstance(node, exp.Union) and not node.args.get("distinct")
            return not is_union_all and not _are_steady([*node.left.selects, *node.right.selects], kinds)
        case exp.AggFunc():
            return not isinstance(node, _UNORDERED_AGGREGATES) or not _is_same_in_any_order(node, kinds)
        case _:
            return isinstance(node, _ORDERED)


def _may_fail(term: exp.Expr) -> bool:
    """Whether a row may make it fail.

    Of conditions joined by AND or OR the engine asks the faster one first, as it has learned from the rows before:
    whether one that fails is asked at all is then a matter of where its row stands.
    """
    if isinstance(term, exp.Cast | exp.Neg):
        return not isinstance(term.this, exp.Literal)
    if isinstance(term, exp.Like | exp.ILike | exp.SimilarTo | exp.RegexpLike):
        return not isinstance(term.expression, exp.Literal)  # a pattern may end in its escape character
    return not isinstance(term, _NEVER_FAILS)


def _is_same_in_any_order(aggregate: exp.AggFunc, kinds: _Kinds) -> bool:
    match aggregate:
        case exp.Min() | exp.Max():
            return not aggregate.expressions and _is_steady(aggregate.this, kinds)
        case exp.Sum() | exp.Avg():
            digits = _digits(aggregate.this, kinds)
            return digits is not None and sum(digits) <= SUM_DIGITS
        case _:
            return True


def _are_steady(terms: list[exp.Expr], kinds: _Kinds) -> bool:
    return all(_is_steady(term, kinds) for term in terms)


def _is_steady(term: object, kinds: _Kinds) -> bool:
    """Whether equal values of it are the same: certainly no floating-point number."""
    match term:
        case exp.Column():
            kind = kinds.get(id(term))
            return kind is not None and not pa.types.is_floating(kind)
        case exp.Literal():
            return term.is_string or "e" not in term.name.lower()
        case exp.Cast():
            return term.to.this in _KINDS
        case exp.Extract():
            return term.name.upper() in _FIELDS
        case exp.Case():
            return all(_is_steady(part, kinds) for part in _results(term))
        case exp.Expr() if isinstance(term, _AS_THEIR_PARTS):
            parts = [part for part in term.iter_expressions() if not isinstance(part, exp.Identifier)]
            return all(_is_steady(part, kinds) for part in parts)
        case _:
            return isinstance(term, _NEVER_FLOAT)


def _digits(term: object, kinds: _Kinds) -> tuple[int, int] | None:
    """Most digits before and after the point, of a number that adds up to the same in any order; else None."""
    match term:
        case exp.Column():
            return _digits_of_column(kinds.get(id(term)))
        case exp.Literal():
            whole, _, fraction = term.name.partition(".")
            return None if term.is_string or "e" in term.name.lower() else (len(whole), len(fraction))
        case exp.Paren() | exp.Neg():
            return _digits(term.this, kinds)
        case exp.Mul():
            sides = _digits_of_all([term.left, term.right], kinds)
            return (sum(whole for whole, _ in sides), sum(fraction for _, fraction in sides)) if sides else None
        case exp.Add() | exp.Sub():
            return _widest(_digits_of_all([term.left, term.right], kinds), carry=1)
        case exp.Coalesce():
            return _widest(_digits_of_all([term.this, *term.expressions], kinds))
        case exp.Case():
            return _widest(_digits_of_all(_results(term), kinds))
        case _:
            return None


def _digits_of_column(kind: pa.DataType | None) -> tuple[int, int] | None:
    if kind is not None and pa.types.is_integer(kind):
        return _INTEGER_DIGITS, 0
    if kind is not None and pa.types.is_decimal(kind):
        return kind.precision - kind.scale, kind.scale
    return None


def _digits_of_all(terms: list[exp.Expr], kinds: _Kinds) -> list[tuple[int, int]] | None:
    found = [_digits(term, kinds) for term in terms]
    known = [digits for digits in found if digits is not None]
    return known if len(known) == len(found) else None


def _widest(found: list[tuple[int, int]] | None, *, carry: int = 0) -> tuple[int, int] | None:
    if not found:
        return None
    return max(whole for whole, _ in found) + carry, max(fraction for _, fraction in found)


def _results(case: exp.Case) -> list[exp.Expr]:
    default = case.args.get("default")
    return [*(branch.args["true"] for branch in case.args.get("ifs", ())), *([default] if default else ())]
