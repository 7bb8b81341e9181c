"""The functions on offer. On the list is what PostgreSQL and DuckDB compute alike; docs/sql.md is held equal to it.

Kept out on purpose: what reads the outside (files, settings, users, other relations), what makes values of
unbounded size (`repeat`, `lpad`, `array_agg`), what differs silently (`age`, `format`, `to_char`, regular
expressions), and what is not the same twice (`random`).
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

from sqlglot import exp

Kind = Literal["aggregate", "window", "number", "text", "time", "any"]


@dataclasses.dataclass(frozen=True, slots=True)
class Function:
    """One function of PostgreSQL that a query may call."""

    name: str
    kind: Kind
    node: type[exp.Expr]
    """How sqlglot calls it; several names may share a node."""
    example: str
    """An expression over `v(a, b, s, d, t)`: integer, integer, text, date, timestamp."""


FUNCTIONS: Final[tuple[Function, ...]] = (
    Function("count", "aggregate", exp.Count, "count(DISTINCT a)"),
    Function("sum", "aggregate", exp.Sum, "sum(a)"),
    Function("avg", "aggregate", exp.Avg, "avg(a)"),
    Function("min", "aggregate", exp.Min, "min(s)"),
    Function("max", "aggregate", exp.Max, "max(d)"),
    Function("median", "aggregate", exp.Median, "median(a)"),
    Function("percentile_cont", "aggregate", exp.PercentileCont, "percentile_cont(0.5) WITHIN GROUP (ORDER BY a)"),
    Function("percentile_disc", "aggregate", exp.PercentileDisc, "percentile_disc(0.5) WITHIN GROUP (ORDER BY a)"),
    Function("stddev", "aggregate", exp.Stddev, "round(stddev(a), 6)"),
    Function("stddev_samp", "aggregate", exp.StddevSamp, "round(stddev_samp(a), 6)"),
    Function("stddev_pop", "aggregate", exp.StddevPop, "round(stddev_pop(a), 6)"),
    Function("variance", "aggregate", exp.Variance, "variance(a)"),
    Function("var_samp", "aggregate", exp.Variance, "var_samp(a)"),
    Function("var_pop", "aggregate", exp.VariancePop, "var_pop(a)"),
    Function("corr", "aggregate", exp.Corr, "round(corr(a, b), 6)"),
    Function("covar_samp", "aggregate", exp.CovarSamp, "covar_samp(a, b)"),
    Function("covar_pop", "aggregate", exp.CovarPop, "covar_pop(a, b)"),
    Function("bool_and", "aggregate", exp.LogicalAnd, "bool_and(a > 0)"),
    Function("bool_or", "aggregate", exp.LogicalOr, "bool_or(a > 2)"),
    Function("string_agg", "aggregate", exp.GroupConcat, "string_agg(s, ',' ORDER BY s)"),
    Function("grouping", "aggregate", exp.Grouping, "grouping(a)"),
    Function("row_number", "window", exp.RowNumber, "row_number() OVER (ORDER BY a)"),
    Function("rank", "window", exp.Rank, "rank() OVER (ORDER BY a)"),
    Function("dense_rank", "window", exp.DenseRank, "dense_rank() OVER (ORDER BY a)"),
    Function("percent_rank", "window", exp.PercentRank, "percent_rank() OVER (ORDER BY a)"),
    Function("cume_dist", "window", exp.CumeDist, "cume_dist() OVER (ORDER BY a)"),
    Function("ntile", "window", exp.Ntile, "ntile(2) OVER (ORDER BY a)"),
    Function("lag", "window", exp.Lag, "lag(a, 1, 0) OVER (ORDER BY a)"),
    Function("lead", "window", exp.Lead, "lead(a) OVER (ORDER BY a)"),
    Function("first_value", "window", exp.FirstValue, "first_value(a) OVER (ORDER BY a)"),
    Function("last_value", "window", exp.LastValue, "last_value(a) OVER (ORDER BY a)"),
    Function("nth_value", "window", exp.NthValue, "nth_value(a, 2) OVER (ORDER BY a)"),
    Function("abs", "number", exp.Abs, "abs(-a)"),
    Function("ceil", "number", exp.Ceil, "ceil(1.2)"),
    Function("floor", "number", exp.Floor, "floor(-1.2)"),
    Function("round", "number", exp.Round, "round(2.345, 2)"),
    Function("trunc", "number", exp.Trunc, "trunc(-1.789, 2)"),
    Function("sign", "number", exp.Sign, "sign(-a)"),
    Function("mod", "number", exp.Mod, "mod(-7, 3)"),
    Function("sqrt", "number", exp.Sqrt, "sqrt(16)"),
    Function("power", "number", exp.Pow, "power(2, 3)"),
    Function("exp", "number", exp.Exp, "exp(0)"),
    Function("ln", "number", exp.Ln, "ln(1)"),
    Function("log", "number", exp.Log, "log(100)"),
    Function("lower", "text", exp.Lower, "lower('AB')"),
    Function("upper", "text", exp.Upper, "upper(s)"),
    Function("length", "text", exp.Length, "length(s)"),
    Function("trim", "text", exp.Trim, "trim(BOTH 'x' FROM 'xax')"),
    Function("substring", "text", exp.Substring, "substring('abcdef' FROM 2 FOR 3)"),
    Function("left", "text", exp.Left, "left('abc', 2)"),
    Function("right", "text", exp.Right, "right('abc', 2)"),
    Function("replace", "text", exp.Replace, "replace('aXb', 'X', 'y')"),
    Function("split_part", "text", exp.SplitPart, "split_part('a-b-c', '-', 2)"),
    Function("position", "text", exp.StrPosition, "position('b' IN 'abc')"),
    Function("concat", "text", exp.Concat, "concat('a', NULL, 'b')"),
    Function("concat_ws", "text", exp.ConcatWs, "concat_ws('-', 'a', NULL, 'b')"),
    Function("reverse", "text", exp.Reverse, "reverse('abc')"),
    Function("starts_with", "text", exp.StartsWith, "starts_with('abc', 'a')"),
    Function("current_date", "time", exp.CurrentDate, "current_date IS NOT NULL"),
    Function("now", "time", exp.CurrentTimestamp, "now() IS NOT NULL"),
    Function("date_trunc", "time", exp.TimestampTrunc, "date_trunc('month', t)"),
    Function("extract", "time", exp.Extract, "extract(YEAR FROM d)"),
    Function("coalesce", "any", exp.Coalesce, "coalesce(NULL, a)"),
    Function("nullif", "any", exp.Nullif, "nullif(a, 1)"),
    Function("greatest", "any", exp.Greatest, "greatest(1, NULL, 3)"),
    Function("least", "any", exp.Least, "least(1, NULL, 3)"),
)

NODES: Final[frozenset[type[exp.Expr]]] = frozenset(function.node for function in FUNCTIONS)
