"""Random expressions over columns in scope. Mostly well-typed; now and then not, or failing on some value."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Mapping, Sequence

from gateway.query.functions import FUNCTIONS, Function

KINDS = ("text", "int", "dec", "float", "date", "ts", "bool")
TYPES = {
    "text": "text",
    "int": "bigint",
    "dec": "numeric(18, 2)",
    "float": "double precision",
    "date": "date",
    "ts": "timestamptz",
    "bool": "boolean",
}
NUMBERS = ("int", "dec", "float")
FIELDS = ("year", "month", "day", "quarter", "dow")
LIKES = ("LIKE", "NOT LIKE", "ILIKE")
ODDS_OF_WRONG_TYPE = 0.012


@dataclasses.dataclass(frozen=True)
class Relation:
    """What a FROM brings into scope."""

    alias: str
    columns: Mapping[str, str]
    """Name → kind."""
    masked: frozenset[str] = frozenset()
    """Those that are pseudonyms, generalized or redacted: they are asked for more often."""


@dataclasses.dataclass
class Pool:
    """Literals of raw data, by kind: canaries, real values, near values, of both worlds and of hidden rows too."""

    values: Mapping[str, Sequence[str]]
    cells: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    """By column name instead: what stands there, in its raw type."""


@dataclasses.dataclass(frozen=True)
class Template:
    """A call of a function with slots for its arguments."""

    name: str
    text: str
    slots: tuple[tuple[str, str], ...]
    """Kind of each argument, and what usually stands there: a literal, or nothing."""
    is_plain: bool
    """Neither aggregate nor window."""


_EXAMPLES = {"a": "int", "b": "int", "s": "text", "d": "date", "t": "ts"}
"""Columns of functions' examples, and their kinds."""
_ARGUMENT = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|\b[absdt]\b(?!\()")


def _template(function: Function) -> Template:
    slots: list[tuple[str, str]] = []

    def slot(found: re.Match[str]) -> str:
        if found[0] in ("'month'", "0.5"):
            return found[0]  # a unit, a fraction: no expression stands there
        usual = "" if found[0] in _EXAMPLES else found[0]
        slots.append((_EXAMPLES.get(found[0]) or ("text" if usual.startswith("'") else "int"), usual))
        return f"__slot_{len(slots) - 1}__"

    text = _ARGUMENT.sub(slot, function.example)
    return Template(function.name, text, tuple(slots), function.kind not in ("aggregate", "window"))


TEMPLATES = tuple(map(_template, FUNCTIONS))
"""Of every function on offer; one that comes new is asked for too."""


_BEGINS = {"text": ("'",), "date": ("DATE",), "ts": ("TIMESTAMPTZ",), "bool": ("true", "false")}


def _fits(literal: str, kind: str) -> bool:
    """Whether a literal is of a kind; a whole number is of every kind of number."""
    if kind in NUMBERS:
        return literal[0] in "-0123456789" and (kind != "int" or "." not in literal)
    return literal.startswith(_BEGINS[kind])


class Expressions:
    """Draws expressions of a kind."""

    def __init__(self, draw: random.Random, pool: Pool, *, symmetric: bool = False) -> None:
        """`symmetric`: only what treats all identifiers alike, so that a bijection moves nothing else."""
        self.draw = draw
        self.pool = pool
        self.symmetric = symmetric
        self.subquery: Callable[[Sequence[Relation], str | None, int], str] | None = None
        """Given scope, kind (None: any, for EXISTS) and depth; set by the maker of queries."""

    def chance(self, odds: float) -> bool:
        return self.draw.random() < odds

    def kind(self) -> str:
        return self.draw.choices(KINDS, (6, 3, 4, 1, 2, 2, 1))[0]

    def literal(self, kind: str) -> str:
        known = self.pool.values.get(kind)
        if known and self.chance(0.75):
            return self.draw.choice(known)
        match kind:
            case "text":
                return self.draw.choice(["'x'", "''", "'ZQX%'", "'%bank%'", "'_'", "'é'", "'2021-01-01'", "'7'"])
            case "int":
                return str(self.draw.choice([0, 1, 2, 7, 42, -1, 1000, 2147483648]))
            case "dec":
                return self.draw.choice(["0.00", "1.5", "-20.25", "10000.00", "0.01"])
            case "float":
                return self.draw.choice(["0.5", "1e3", "2.5e-3"])
            case "date":
                return self.draw.choice(["DATE '1970-01-01'", "DATE '1990-06-15'", "DATE '2021-03-01'"])
            case "ts":
                return self.draw.choice(["TIMESTAMPTZ '2021-01-01 00:00:00Z'", "TIMESTAMPTZ '2023-07-04 12:00:00Z'"])
            case _:
                return self.draw.choice(["true", "false"])

    def columns(self, scope: Sequence[Relation], kind: str) -> list[str]:
        """Those of a kind; masked ones twice."""
        found = []
        for relation in scope:
            for name, its in relation.columns.items():
                if its == kind:
                    found += [f"{relation.alias}.{name}"] * (2 if name in relation.masked else 1)
        return found

    def column(self, scope: Sequence[Relation], kind: str) -> str:
        found = self.columns(scope, kind)
        return self.draw.choice(found) if found else self.literal(kind)

    def make(self, scope: Sequence[Relation], kind: str, depth: int) -> str:
        """An expression without aggregates and windows."""
        if not self.symmetric and self.chance(ODDS_OF_WRONG_TYPE):
            kind = self.draw.choice(KINDS)
        if depth <= 0 or self.chance(0.3):
            return self.column(scope, kind) if self.chance(0.85) else self.literal(kind)
        if self.chance(0.1):
            return self._any(scope, kind, depth - 1)
        return getattr(self, f"_{kind}")(scope, depth - 1)

    def probe(self, scope: Sequence[Relation]) -> str | None:
        """What an attacker asks first: is a masked cell this raw value, before it, like it?"""
        masked = [(r.alias, n) for r in scope for n in sorted(r.masked) if n in r.columns and n in self.pool.cells]
        if not masked:
            return None
        alias, name = self.draw.choice(masked)
        cell, kind = f"{alias}.{name}", {r.alias: r.columns for r in scope}[alias][name]
        one, two = (self.draw.choice(self.pool.cells[name]) for _ in range(2))
        forms = [f"{cell} = {one}", f"{one} = {cell}", f"{cell} <> {one}", f"{cell} IN ({one}, {two})"]
        if not (self.symmetric and kind == "text"):
            is_texts = kind != "text" or one.startswith("'")
            forms += [f"{cell} {op} {one}" for op in ("<", ">", "<=", ">=")] if is_texts else []
        if kind == "text" and one.startswith("'") and not self.symmetric:
            forms += [f"{cell} LIKE {one}", f"{cell} LIKE '{one[1:5]}%'" if "'" not in one[1:5] else f"{cell} LIKE '_'"]
        return self.draw.choice(forms)

    def simple(self, scope: Sequence[Relation]) -> str:
        """A comparison of a column with a literal of its own: one that a source may evaluate if the column is shown."""
        known = [
            (f"{r.alias}.{n}", fitting)
            for r in scope
            for n, kind in r.columns.items()
            if (fitting := [cell for cell in self.pool.cells.get(n, ()) if _fits(cell, kind)])
        ]
        if not known:
            return "1 = 1"
        cell, literals = self.draw.choice(known)
        one, two = self.draw.choice(literals), self.draw.choice(literals)
        forms = [f"{cell} = {one}", f"{cell} <> {one}", f"{cell} IN ({one}, {two})", f"{cell} IS NOT NULL"]
        if not self.symmetric:
            forms += [f"{cell} {op} {one}" for op in ("<", ">", "<=", ">=")]
            forms += [f"{cell} BETWEEN {one} AND {two}", f"NOT {cell} = {one}", f"({cell} = {one} OR {cell} > {two})"]
        return self.draw.choice(forms)

    def call(self, scope: Sequence[Relation], depth: int, *, of: str = "") -> str:
        """Any function that is offered, as its example is, with arguments of its types or, seldom, of others.

        `of`: this function; else any that is neither aggregate nor window.
        """
        template = self.draw.choice([t for t in TEMPLATES if (t.name == of if of else t.is_plain)])
        text = template.text
        for slot, (kind, usual) in enumerate(template.slots):
            wanted = self.draw.choice(KINDS) if self.chance(0.05) else kind
            value = usual if usual and self.chance(0.6) else self.make(scope, wanted, max(0, depth - 1))
            text = text.replace(
                f"__slot_{slot}__", f"({value})" if value.startswith("-") else value
            )  # `--` is a comment
        return text

    def _any(self, scope: Sequence[Relation], kind: str, depth: int) -> str:
        first, second = self.make(scope, kind, depth), self.make(scope, kind, depth)
        forms = [
            lambda: f"CASE WHEN {self.make(scope, 'bool', depth)} THEN {first} ELSE {second} END",
            lambda: f"CASE {self.make(scope, 'text', 0)} WHEN {self.literal('text')} THEN {first} ELSE {second} END",
            lambda: f"coalesce({first}, {second})",
            lambda: f"nullif({first}, {second})",
        ]
        if not self.symmetric:
            forms += [lambda: f"greatest({first}, {second})", lambda: f"least({first}, {second})"]
        if self.subquery is not None and depth > 0:
            forms.append(lambda: self.subquery(scope, kind, depth))  # type: ignore[misc]
        return self.draw.choice(forms)()

    def _text(self, scope: Sequence[Relation], depth: int) -> str:
        if self.symmetric:
            return self._any(scope, "text", depth)
        make = self.make(scope, "text", depth)
        number = self.draw.randrange(0, 9)
        return self.draw.choice(
            [
                lambda: f"upper({make})",
                lambda: f"lower({make})",
                lambda: f"substr({make}, {number}, {self.draw.randrange(1, 20)})",
                lambda: f"left({make}, {number})",
                lambda: f"right({make}, {number})",
                lambda: f"replace({make}, {self.literal('text')}, 'r')",
                lambda: f"split_part({make}, '{self.draw.choice('-@Z0')}', {self.draw.choice([1, 1, 2, 3])})",
                lambda: f"concat({make}, {self.make(scope, self.kind(), depth)})",
                lambda: f"concat_ws('-', {make}, {self.make(scope, 'text', depth)})",
                lambda: f"{make} || {self.make(scope, 'text', depth)}",
                lambda: f"reverse({make})",
                lambda: f"trim({make})",
                lambda: f"CAST({self.make(scope, self.kind(), depth)} AS text)",
            ]
        )()

    def _int(self, scope: Sequence[Relation], depth: int) -> str:
        if self.symmetric:
            return f"({self.make(scope, 'int', depth)} + {self.draw.randrange(9)})"
        make = self.make(scope, "int", depth)
        return self.draw.choice(
            [
                lambda: f"length({self.make(scope, 'text', depth)})",
                lambda: f"position({self.literal('text')} IN {self.make(scope, 'text', depth)})",
                lambda: f"extract({self.draw.choice(FIELDS)} FROM {self.make(scope, 'date', depth)})",
                lambda: f"({make} + {self.make(scope, 'int', depth)})",
                lambda: f"({make} - {self.literal('int')})",
                lambda: f"mod({make}, {self.draw.choice(['7', '2', self.make(scope, 'int', 0)])})",
                lambda: f"abs({make})",
                lambda: f"sign({make})",
                lambda: f"CAST({self.make(scope, 'dec', depth)} AS bigint)",
                lambda: f"{self._cast()}({self.make(scope, 'text', 0)} AS int)",
                lambda: f"({make} / {self._divisor(scope, 'int')})",
            ]
        )()

    def _cast(self) -> str:
        return "CAST" if self.chance(0.08) else "TRY_CAST"

    def _divisor(self, scope: Sequence[Relation], kind: str) -> str:
        """Mostly guarded; else it is zero on the value that somebody looks for."""
        if self.chance(0.15):
            return f"({self.column(scope, kind)} - {self.literal(kind)})"
        return self.draw.choice([f"nullif({self.make(scope, kind, 0)}, 0)", "3", "2.5"])

    def _dec(self, scope: Sequence[Relation], depth: int) -> str:
        make = self.make(scope, "dec", depth)
        forms = [
            lambda: f"({make} + {self.make(scope, 'dec', depth)})",
            lambda: f"({make} - {self.literal('dec')})",
            lambda: f"({make} * {self.draw.choice(['2', '0.5', '-1'])})",
            lambda: f"abs({make})",
            lambda: f"-{make}" if not make.startswith("-") else make,
        ]
        if not self.symmetric:
            forms += [
                lambda: f"round({make}, {self.draw.choice([0, 1, -2])})",
                lambda: f"floor({make})",
                lambda: f"trunc({make})",
                lambda: f"({make} / {self._divisor(scope, 'dec')})",
                lambda: f"{self._cast()}({self.make(scope, 'text', 0)} AS numeric(18, 2))",
            ]
        return self.draw.choice(forms)()

    def _float(self, scope: Sequence[Relation], depth: int) -> str:
        if self.symmetric:
            return self.column(scope, "float")
        make = self.make(scope, self.draw.choice(NUMBERS), depth)
        return self.draw.choice(
            [
                lambda: f"sqrt(abs({make}))",
                lambda: f"ln(abs({make}) + 1)",
                lambda: f"log(abs({make}) + 1)",
                lambda: f"power({make}, 2)",
                lambda: f"exp(least({make}, 3))",
                lambda: f"ceil({make})",
                lambda: f"CAST({make} AS double precision)",
                lambda: f"({make} / {self._divisor(scope, 'float')})",
            ]
        )()

    def _date(self, scope: Sequence[Relation], depth: int) -> str:
        return self.draw.choice(
            [
                lambda: f"CAST({self.make(scope, 'ts', depth)} AS date)",
                lambda: f"CAST(date_trunc('month', {self.make(scope, 'date', depth)}) AS date)",
                lambda: f"CAST({self.make(scope, 'date', depth)} + interval '{self.draw.randrange(40)} days' AS date)",
                lambda: (
                    f"{self._cast()}({self.make(scope, 'text', 0)} AS date)"
                    if not self.symmetric
                    else "DATE '2020-01-01'"
                ),
            ]
        )()

    def _ts(self, scope: Sequence[Relation], depth: int) -> str:
        make = self.make(scope, "ts", depth)
        return self.draw.choice(
            [
                lambda: f"date_trunc('{self.draw.choice(['day', 'week', 'hour', 'quarter'])}', {make})",
                lambda: f"({make} - interval '{self.draw.randrange(1, 99)} hours')",
                lambda: f"CAST({self.make(scope, 'date', depth)} AS timestamptz)",
            ]
        )()

    def _bool(self, scope: Sequence[Relation], depth: int) -> str:
        if self.chance(0.18) and (probe := self.probe(scope)):
            return probe
        kind = self.kind()
        left = self.make(scope, kind, depth)
        right = self.literal(kind) if self.chance(0.6) else self.make(scope, kind, depth)
        pick, truth = self.draw.choice, lambda: self.make(scope, "bool", depth)
        text = self.make(scope, "text", depth)
        listed = ", ".join(self.literal(kind) for _ in range(self.draw.randrange(1, 4)))
        forms = [
            lambda: f"{left} {pick(['=', '=', '<>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM'])} {right}",
            lambda: f"{left} IS {pick(['', 'NOT '])}NULL",
            lambda: f"{left} {pick(['', 'NOT '])}IN ({listed})",
            lambda: f"({truth()} {pick(['AND', 'OR'])} {truth()})",
            lambda: f"NOT ({truth()})",
        ]
        if not (self.symmetric and kind == "text"):
            forms += [lambda: f"{left} {pick(['<', '<=', '>', '>='])} {right}"] * 2
            forms.append(lambda: f"{left} BETWEEN {self.literal(kind)} AND {self.literal(kind)}")
        if not self.symmetric:
            forms += [
                lambda: f"{text} {pick(LIKES)} {self.literal('text')}",
                lambda: f"starts_with({text}, {self.literal('text')})",
                lambda: "now() IS NOT NULL",
            ]
        if self.subquery is not None and depth > 0:
            of = self.subquery
            forms += [
                lambda: f"{pick(['', 'NOT '])}EXISTS {of(scope, None, depth)}",
                lambda: f"{left} {pick(['', 'NOT '])}IN {of(scope, 'list ' + kind, depth)}",
                lambda: f"{left} = ANY {of(scope, 'list ' + kind, depth)}",
            ]
        return pick(forms)()
