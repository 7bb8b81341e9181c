"""The closed grammar: which nodes a tree may have, and which of their flags. What is not named here is refused.

A new release of sqlglot may read more; it cannot make more pass.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NoReturn

from sqlglot import exp

from gateway.errors import GatewayError, Invalid, Unsupported
from gateway.query import functions
from gateway.query.postgres import check_interval

MAX_NAME: Final = 128
"""Characters of an identifier; PostgreSQL's own are shorter."""

_ANY: Final = frozenset({"*"})


def _args(names: str) -> frozenset[str]:
    return frozenset(names.split())


_STRUCTURE: Final[Mapping[type[exp.Expr], frozenset[str]]] = {
    exp.Select: _args("with_ expressions distinct from_ joins where group having qualify windows order limit offset"),
    exp.Union: _args("this expression distinct with_ order limit offset"),
    exp.Except: _args("this expression distinct with_ order limit offset"),
    exp.Intersect: _args("this expression distinct with_ order limit offset"),
    exp.Subquery: _args("this alias with_ order limit offset"),
    exp.Values: _args("expressions alias"),
    exp.With: _args("expressions recursive"),
    exp.CTE: _args("this alias materialized"),
    exp.From: _args("this"),
    exp.Join: _args("this on side kind using method"),
    exp.Table: _args("this db alias"),
    exp.Lateral: _args("this alias"),
    exp.TableAlias: _args("this columns"),
    exp.Group: _args("expressions rollup cube grouping_sets"),
    exp.Rollup: _ANY,
    exp.Cube: _ANY,
    exp.GroupingSets: _ANY,
    exp.Order: _args("this expressions"),
    exp.Ordered: _args("this desc nulls_first"),
    exp.Limit: _args("expression"),
    exp.Offset: _args("expression"),
    exp.Fetch: _args("direction count limit_options"),
    exp.LimitOptions: _args("rows with_ties"),
    exp.Distinct: _args("expressions on"),
    exp.Window: _args("this partition_by order spec alias over"),
    exp.WindowSpec: _args("kind start start_side end end_side exclude"),
    exp.Identifier: _args("this quoted"),
    exp.Column: _args("this table db"),
    exp.Star: frozenset(),
    exp.Cast: _args("this to"),
    exp.TryCast: _args("this to safe"),
    exp.DataType: _args("this expressions nested"),
    exp.Interval: _args("this unit"),
    exp.In: _args("this expressions query"),
}
_EXPRESSIONS: Final[frozenset[type[exp.Expr]]] = frozenset(
    {
        *(exp.Where, exp.Having, exp.Qualify, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.Alias, exp.Paren),
        *(exp.Tuple, exp.Literal, exp.Boolean, exp.Null, exp.Var, exp.DataTypeParam, exp.Neg, exp.Not),
        *(exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.DPipe, exp.Pow),
        *(exp.Is, exp.Like, exp.ILike, exp.Escape, exp.Between, exp.Case, exp.If, exp.Exists, exp.Any, exp.All),
        exp.AtTimeZone,
    }
)
_GRAMMAR: Final[Mapping[type[exp.Expr], frozenset[str]]] = {
    **dict.fromkeys(_EXPRESSIONS | functions.NODES, _ANY),
    **_STRUCTURE,
}

_JOIN_WORDS: Final = frozenset({"", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "NATURAL"})
UNITS: Final = _args(
    "YEAR YEARS MONTH MONTHS DAY DAYS HOUR HOURS MINUTE MINUTES SECOND SECONDS WEEK WEEKS QUARTER DECADE CENTURY "
    "MILLENNIUM MILLISECOND MICROSECOND EPOCH DOW ISODOW DOY ISOYEAR DAYOFWEEK DAYOFYEAR"
)
_EXCLUDED: Final = frozenset({"CURRENT ROW", "GROUP", "TIES", "NO OTHERS"})
_TYPES: Final = frozenset(
    {
        *(exp.DType.BOOLEAN, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.DECIMAL),
        *(exp.DType.FLOAT, exp.DType.DOUBLE, exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.DATE, exp.DType.TIME),
        *(exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.INTERVAL),
    }
)
_PADDED: Final = frozenset({exp.DType.CHAR, exp.DType.NCHAR, exp.DType.BPCHAR})
_NUMBER: Final = re.compile(r"[0-9]{1,64}(\.[0-9]{0,64})?([eE][+-]?[0-9]{1,3})?")
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def check(nodes: Iterable[exp.Expr]) -> None:
    """Hold every node to the grammar.

    Raises:
        Unsupported: a construct, function or type that is not on offer; the text names what is.
        Invalid: a name that nobody may use.
    """
    for node in nodes:
        allowed = _GRAMMAR.get(type(node))
        if allowed is None:
            _refuse(node)
        if allowed is not _ANY:
            for name, value in node.args.items():
                if name not in allowed and (value or value == 0) and value is not False:
                    _refuse_arg(node, name, value)
        rule = _RULES.get(type(node))
        if rule is not None:
            rule(node)


def plain(name: str) -> str:
    """The name if it is safe to be repeated in a text, else empty."""
    return name if _PLAIN.fullmatch(name) else ""


def _not_offered(what: str, *, code: str = "syntax", fix: str = "docs/sql.md lists what is offered") -> Unsupported:
    return Unsupported(f"{what} is not offered", code=code, fix=fix)


def _words(node: exp.Expr) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(node).__name__).upper()


def _refuse_arg(node: exp.Expr, name: str, value: object) -> NoReturn:
    first = value[0] if isinstance(value, list) else value
    if isinstance(first, exp.Expr) and type(first) not in _GRAMMAR:
        _refuse(first)
    raise _not_offered(f"{_words(node)} with {name.strip('_').replace('_', ' ')}")


def _refuse(node: exp.Expr) -> NoReturn:
    match node:
        case exp.Parameter() | exp.Placeholder():
            raise _not_offered(
                "this form of parameter", code="parameter", fix="write $1 or :name, where a value stands"
            )
        case exp.TableSample():
            raise _not_offered("TABLESAMPLE", code="sample", fix="use ORDER BY and LIMIT")
        case exp.ByteString() | exp.HexString() | exp.BitString() | exp.RawString() | exp.National():
            raise _not_offered("this form of literal", code="literal", fix="write '…', a quote in it doubled")
        case exp.Array() | exp.Bracket() | exp.Unnest():
            raise _not_offered("an array", code="array", fix="use IN (…) or VALUES")
        case exp.Anonymous() | exp.AnonymousAggFunc():
            raise _function(plain(node.name).lower())
        case exp.Func():
            raise _function(plain(node.sql_name()).lower())
        case exp.DDL() | exp.DML() | exp.Command() | exp.Set() | exp.Into() | exp.Lock():
            raise _not_offered(f"{_words(node)}: the gateway only reads; it", code="statement", fix="use SELECT")
        case _:
            raise _not_offered(_words(node))


def _function(name: str) -> GatewayError:
    return _not_offered(f"the function {name}".strip(), code="function")


def _check_name(node: exp.Expr) -> None:
    """Names are what they look like, and none can be taken for one that the gateway makes.

    DuckDB folds the case of quoted names too, so the reserved prefix is compared folded.
    """
    name = node.name
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid(f"a name has 1 to {MAX_NAME} characters", code="name")
    if not name.isascii() and not unicodedata.is_normalized("NFKC", name):
        raise Invalid("a name is not in Unicode normal form NFKC", code="name")
    if any(unicodedata.category(c)[0] == "C" or unicodedata.category(c) in ("Zl", "Zp") for c in name):
        raise Invalid("a name contains a control or invisible character", code="name")
    if name.startswith("__"):
        raise Invalid("names that begin with two underscores are the gateway's", code="name")


def _check_literal(node: exp.Expr) -> None:
    if not node.is_string and not _NUMBER.fullmatch(node.name):
        raise _not_offered("this form of number", code="literal", fix="write digits, at most 64")


def _check_from(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Table | exp.Subquery | exp.Values | exp.Lateral) and type(node.this) in _GRAMMAR:
        raise _not_offered("a query in FROM without parentheses", fix="write FROM (SELECT …) AS name")


def _check_join(node: exp.Expr) -> None:
    _check_from(node)
    words = " ".join(str(node.args.get(arg) or "") for arg in ("method", "side", "kind")).upper().split()
    if not _JOIN_WORDS.issuperset(words):
        raise _not_offered(f"a {' '.join(words)} JOIN", fix="use INNER, LEFT, RIGHT, FULL, CROSS or NATURAL")


def _check_table(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise _not_offered("a function in FROM", code="table_function", fix="read datasets as source.dataset")
    alias = node.args.get("alias")
    if node.args.get("db") and isinstance(alias, exp.TableAlias) and alias.columns:
        raise _not_offered("renaming a dataset's columns in its alias", fix="rename them in a subquery")


def _check_cte(node: exp.Expr) -> None:
    if type(node.this) not in _GRAMMAR:
        _refuse(node.this)
    if not isinstance(node.this, exp.Query | exp.Values):
        raise _not_offered("a CTE that is no query", fix="write name AS (SELECT …)")


def _check_sides(node: exp.Expr) -> None:
    if not all(isinstance(node.args.get(side), exp.Query) for side in ("this", "expression")):
        raise _not_offered(f"{_words(node)} of something that is no query", fix="write SELECT … on both sides")


def _check_count(node: exp.Expr) -> None:
    if node.this is None or node.expressions:
        raise _not_offered("count of nothing or of several things", code="function", fix="write count(*)")


def _check_subquery(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Select | exp.SetOperation | exp.Subquery | exp.Values):
        raise _not_offered("a join in parentheses", fix="write it as a subquery")


def _check_lateral(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Subquery):
        raise _not_offered("LATERAL over a function", code="table_function", fix="write LATERAL (SELECT …)")


def _check_limit(node: exp.Expr) -> None:
    count = node.args.get("count") if isinstance(node, exp.Fetch) else node.args.get("expression")
    if not isinstance(count, exp.Literal) or not count.is_int:
        raise _not_offered("LIMIT or OFFSET other than a number", fix="write LIMIT 10, or leave it out for all rows")


def _check_ties(node: exp.Expr) -> None:
    if node.args.get("with_ties"):
        raise _not_offered("WITH TIES", fix="use rank() OVER (ORDER BY …) in a subquery, and filter on it")


def _check_type(node: exp.Expr) -> None:
    if node.this not in _TYPES:
        fix = "use varchar(n) or text" if node.this in _PADDED else "docs/sql.md lists the types"
        raise _not_offered("this type", code="type", fix=fix)
    if node.this is not exp.DType.VARCHAR and (node.this is exp.DType.DECIMAL) != bool(node.expressions):
        # DuckDB would take numeric as DECIMAL(18,3) and cut digits.
        raise _not_offered("this form of type", code="type", fix="write numeric(18, 2), and timestamp without digits")


def _check_unit(node: exp.Expr) -> None:
    if isinstance(node.parent, exp.WindowSpec) and node.name.upper() in _EXCLUDED:
        return
    if node.name.upper() not in UNITS:
        raise _not_offered("this unit of time", fix="use year, quarter, month, week, day, hour, minute or second")


def _check_cast(node: exp.Expr) -> None:
    if node.args["to"].this is exp.DType.INTERVAL and isinstance(node.this, exp.Literal):
        check_interval(node.this.name)


def _check_truncation(node: exp.Expr) -> None:
    unit = node.args.get("unit")
    if unit is not None and unit.name.upper() in _LONG_UNITS:
        raise _not_offered("date_trunc by this unit", fix="the engine's begin in the year 0: use extract(century …)")


def _check_split(node: exp.Expr) -> None:
    delimiter, place = node.args.get("delimiter"), node.args.get("part_index")
    place = place.this if isinstance(place, exp.Neg) else place
    texts = [part.name if isinstance(part, exp.Literal) else "" for part in (delimiter, place)]
    if "" in texts or texts[1] == "0":
        raise _not_offered("split_part by other than a text and a place", fix="write split_part(x, '-', 2)")


def _check_interval(node: exp.Expr) -> None:
    if not isinstance(node.this, exp.Literal):
        raise _not_offered("an interval that is no literal", fix="multiply: n * interval '1 day'")


def _check_zone(node: exp.Expr) -> None:
    if not isinstance(node.args["zone"], exp.Literal):
        raise _not_offered("a time zone that is no literal")


def _check_window(node: exp.Expr) -> None:
    if node.args.get("over") not in (None, "OVER"):
        raise _not_offered("this form of window")


_LONG_UNITS: Final = frozenset({"CENTURY", "MILLENNIUM"})

_RULES: Final[Mapping[type[exp.Expr], Callable[[exp.Expr], None]]] = {
    exp.Identifier: _check_name,
    exp.Literal: _check_literal,
    exp.From: _check_from,
    exp.Join: _check_join,
    exp.Table: _check_table,
    exp.CTE: _check_cte,
    exp.Union: _check_sides,
    exp.Except: _check_sides,
    exp.Intersect: _check_sides,
    exp.Count: _check_count,
    exp.Subquery: _check_subquery,
    exp.Lateral: _check_lateral,
    exp.Limit: _check_limit,
    exp.Offset: _check_limit,
    exp.Fetch: _check_limit,
    exp.LimitOptions: _check_ties,
    exp.DataType: _check_type,
    exp.Var: _check_unit,
    exp.Interval: _check_interval,
    exp.Cast: _check_cast,
    exp.TryCast: _check_cast,
    exp.TimestampTrunc: _check_truncation,
    exp.SplitPart: _check_split,
    exp.AtTimeZone: _check_zone,
    exp.Window: _check_window,
}
