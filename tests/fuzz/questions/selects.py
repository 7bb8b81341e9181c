"""Random queries of all shapes over what one person sees row by row."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gateway.query.functions import FUNCTIONS
from tests.fuzz.questions.expressions import NUMBERS, Expressions, Pool, Relation

JOINABLE = ("customer_id", "account_id", "iban", "email", "currency", "updated_at", "region", "segment", "amount")
MAX_JOINS = 2
AGGREGATES = tuple(f.name for f in FUNCTIONS if f.kind == "aggregate" and f.name != "grouping")
WINDOWS = tuple(f.name for f in FUNCTIONS if f.kind == "window")
SMALL = 64
"""Rows of a relation that may be crossed with another."""


class Selects:
    """Draws SELECTs. All text is PostgreSQL's."""

    def __init__(
        self, draw: random.Random, tables: Sequence[tuple[Relation, int]], pool: Pool, *, symmetric: bool = False
    ) -> None:
        """`tables`: what is seen, each with its number of rows; a relation's alias is the dataset's name."""
        self.draw = draw
        self.tables = tables
        self.symmetric = symmetric
        self.make = Expressions(draw, pool, symmetric=symmetric)
        self.make.subquery = self._nested
        self._number = 0
        self._ctes: list[tuple[str, Relation, int]] = []

    def query(self) -> str:
        """One whole statement."""
        self._number, self._ctes = 0, []
        chance = self.make.chance
        prefix = self._with() if chance(0.22) else ""
        kinds = [self.make.kind() for _ in range(self.draw.choice([1, 1, 2, 2, 3, 4]))]
        if chance(0.06):
            body = self._star()
        elif chance(0.14):
            body = self._plain_groups()
        elif chance(0.13):
            body = self._set_operation(kinds)
        else:
            body = self.select(kinds, depth=2, whole=True)
        return prefix + body

    def _alias(self) -> str:
        self._number += 1
        return f"t{self._number}"

    def _with(self) -> str:
        parts, is_recursive = [], self.make.chance(0.15)
        if is_recursive:
            name = f"n{self._alias()}"
            parts.append(
                f"{name}(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM {name} WHERE i < {self.draw.randrange(2, 6)})"
            )
            self._ctes.append((name, Relation(name, {"i": "int"}), 5))
        for _ in range(self.draw.choice([1, 1, 2])):
            kinds = [self.make.kind() for _ in range(self.draw.randrange(1, 4))]
            name = f"q{self._alias()}"
            body = self.select(kinds, depth=1, names=[f"c{i}" for i in range(len(kinds))])
            parts.append(f"{name} AS ({body})")
            self._ctes.append((name, Relation(name, {f"c{i}": kind for i, kind in enumerate(kinds)}), 100))
        return f"WITH {'RECURSIVE ' if is_recursive else ''}{', '.join(parts)} "

    def _star(self) -> str:
        relation, _ = self._table()
        source, relation = self._named(relation)
        items = self.draw.choice(["*", f"{relation.alias}.*"])
        order = f" ORDER BY {self.make.make([relation], self.make.kind(), 1)}" if self._ordered(0.4) else ""
        return f"SELECT {items} FROM {source}{self._where([relation], 2)}{order}{self._limit()}"

    def _plain_groups(self) -> str:
        """Groups of one dataset by plain columns: what a source may be asked for in place of its rows."""
        relation, _ = self.draw.choice(self.tables)
        source, relation = self._named(relation)
        shown = {n: k for n, k in relation.columns.items() if n not in relation.masked or self.make.chance(0.06)}
        keys = self.draw.sample(sorted(shown), min(len(shown), self.draw.choice([0, 1, 1, 2])))
        items = [f"{relation.alias}.{key}" for key in keys]
        numbers = [n for n, kind in shown.items() if kind in NUMBERS[:2]] or ["1"]
        items += [self._figure(numbers, sorted(shown) or numbers) for _ in range(self.draw.randrange(1, 4))]
        bare = Relation(relation.alias, shown, relation.masked & shown.keys())
        where = f" WHERE {self._conjunction([bare])}" if self.make.chance(0.7) else ""
        group = f" GROUP BY {', '.join(items[: len(keys)])}" if keys else ""
        having = f" HAVING {self._having([bare])}" if self.make.chance(0.2) else ""
        order = f" ORDER BY {self.draw.randrange(1, len(items) + 1)}" if self._ordered(0.3) else ""
        return f"SELECT {', '.join(items)} FROM {source}{where}{group}{having}{order}{self._limit(0.15)}"

    def _figure(self, numbers: Sequence[str], columns: Sequence[str]) -> str:
        calls = ("sum", "avg", "min", "max", "count")
        return self.draw.choice(
            [
                "count(*)",
                f"{self.draw.choice(calls)}({self.draw.choice(numbers)})",
                f"{self.draw.choice(calls[2:])}({self.draw.choice(columns)})",
                f"count(DISTINCT {self.draw.choice(columns)})",
            ]
        )

    def _ordered(self, odds: float) -> bool:
        return not self.symmetric and self.make.chance(odds)

    def _limit(self, odds: float = 0.25) -> str:
        if self.symmetric or not self.make.chance(odds):
            return ""
        offset = f" OFFSET {self.draw.randrange(4)}" if self.make.chance(0.4) else ""
        return f" LIMIT {self.draw.choice([0, 1, 1, 3, 5, 20])}{offset}"

    def _set_operation(self, kinds: Sequence[str]) -> str:
        word = self.draw.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
        arms = [self.select(kinds, depth=1) for _ in range(2)]
        order = f" ORDER BY {self.draw.randrange(1, len(kinds) + 1)}" if self._ordered(0.5) else ""
        return f"{arms[0]} {word} {arms[1]}{order}{self._limit() if order else ''}"

    def _table(self) -> tuple[Relation, int]:
        if self._ctes and self.make.chance(0.5):
            _, relation, rows = self.draw.choice(self._ctes)
            return relation, rows
        return self.draw.choice(self.tables)

    def _named(self, relation: Relation) -> tuple[str, Relation]:
        alias = self._alias()
        return f"{relation.alias} AS {alias}", Relation(alias, relation.columns, relation.masked)

    def _from(self, outer: Sequence[Relation], depth: int) -> tuple[str, list[Relation]]:
        """FROM with its joins; the relations it brings."""
        relation, rows = self._table()
        if depth > 0 and self.make.chance(0.14):
            text, first = self._derived(depth)
            rows = 100
        else:
            text, first = self._named(relation)
        scope = [first]
        for _ in range(self.draw.choices(range(MAX_JOINS + 1), (58, 34, 8))[0]):
            more, joined, rows = self._join(scope, rows, depth)
            text += more
            scope.append(joined)
        return text, scope

    def _derived(self, depth: int) -> tuple[str, Relation]:
        kinds = [self.make.kind() for _ in range(self.draw.randrange(1, 4))]
        alias, names = self._alias(), [f"d{i}" for i in range(len(kinds))]
        body = self.select(kinds, depth=depth - 1, names=names)
        return f"({body}) AS {alias}", Relation(alias, dict(zip(names, kinds, strict=True)))

    def _join(self, scope: Sequence[Relation], rows: int, depth: int) -> tuple[str, Relation, int]:
        relation, more = self._table()
        if depth > 0 and not self.symmetric and self.make.chance(0.08):
            kind, alias = self.make.kind(), self._alias()
            inner = self.select([kind], depth=0, names=["l0"], outer=scope, limit=3)
            return f", LATERAL ({inner}) AS {alias}", Relation(alias, {"l0": kind}), rows * 3
        if self.make.chance(0.07):
            kind, alias = self.draw.choice(["text", "int"]), self._alias()
            values = ", ".join(f"({self.make.literal(kind)})" for _ in range(3))
            joined = Relation(alias, {"v": kind})
            left = self.make.column(scope, kind)
            return f" JOIN (VALUES {values}) AS {alias}(v) ON {left} = {alias}.v", joined, rows
        text, joined = self._named(relation)
        shared = [n for n in JOINABLE if n in joined.columns and scope[0].columns.get(n) == joined.columns[n]]
        side = self.draw.choice(["JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        if rows * more <= SMALL * SMALL and self.make.chance(0.12):
            on = self.make.make([*scope, joined], "bool", 1)
            return self.draw.choice([f" CROSS JOIN {text}", f" JOIN {text} ON {on}"]), joined, rows * more
        if not shared:
            keys = [n for n in joined.columns if n in ("customer_id", "iban", "account_id")] or list(joined.columns)
            name = self.draw.choice(keys)
            other = self.make.column(scope, joined.columns[name])
            return f" {side} {text} ON {other} = {joined.alias}.{name}", joined, rows * 4
        name = self.draw.choice(shared[:3])
        if len(scope) == 1 and self.make.chance(0.1):
            hidden = {name}  # a merged column is no longer one side's
            joined = Relation(joined.alias, {n: k for n, k in joined.columns.items() if n not in hidden}, joined.masked)
            return f" {side} {text} USING ({name})", joined, rows * 3
        if len(scope) == 1 and self.make.chance(0.04):
            return f" NATURAL {side} {text}", Relation(joined.alias, {}), rows
        on = f"{scope[0].alias}.{name} = {joined.alias}.{name}"
        if self.make.chance(0.2) and side in ("JOIN", "LEFT JOIN"):
            on += f" AND {self.make.make([*scope, joined], 'bool', 1)}"
        return f" {side} {text} ON {on}", joined, rows * 3

    def _where(self, scope: Sequence[Relation], depth: int, odds: float = 0.55) -> str:
        if not self.make.chance(odds):
            return ""
        if self.make.chance(0.4):
            return f" WHERE {self._conjunction(scope)}"
        probe = self.make.probe(scope) if self.make.chance(0.3) else None
        if probe is None or self.make.chance(0.3):
            further = self.make.make(scope, "bool", depth)
            probe = further if probe is None else f"{probe} {self.draw.choice(['AND', 'AND', 'OR'])} {further}"
        return f" WHERE {probe}"

    def _conjunction(self, scope: Sequence[Relation]) -> str:
        """Simple terms: some that a source may evaluate, and some that it must not."""
        terms = [self.make.simple(scope) for _ in range(self.draw.choice([1, 1, 2, 3]))]
        if self.make.chance(0.35):
            terms.append(self.make.probe(scope) or self.make.make(scope, "bool", 1))
        self.draw.shuffle(terms)
        return " AND ".join(terms)

    def select(  # one step each: from, items, the rest
        self,
        kinds: Sequence[str],
        *,
        depth: int,
        names: Sequence[str] = (),
        outer: Sequence[Relation] = (),
        limit: int = 0,
        whole: bool = False,
    ) -> str:
        """A SELECT with items of these kinds."""
        source, inner = self._from(outer, depth)
        scope = [*inner, *(self.draw.choices(outer, k=1) if outer and self.make.chance(0.7) else ())]
        where = self._where(scope, depth)
        if self.make.chance(0.28):
            items, rest = self._grouped(scope, inner, kinds, depth)
            word = ""
        else:
            items, rest, word = self._plain(inner, scope, kinds, depth, whole=whole)
        labels = names or ([f"o{i}" for i in range(len(kinds))] if whole and self.make.chance(0.5) else ())
        shown = ", ".join(map(" AS ".join, zip(items, labels, strict=True)) if labels else items)
        bound = f" LIMIT {limit}" if limit else self._limit(0.25 if whole else 0.08)
        return f"SELECT {word}{shown} FROM {source}{where}{rest}{bound if not self.symmetric or limit else ''}"

    def _plain(
        self, inner: Sequence[Relation], scope: Sequence[Relation], kinds: Sequence[str], depth: int, *, whole: bool
    ) -> tuple[list[str], str, str]:
        """Items, clauses behind WHERE, word before the items."""
        items = [self.make.make(scope, kind, depth) for kind in kinds]
        rest, word = "", ""
        if not self.symmetric and self.make.chance(0.16):
            items[self.draw.randrange(len(items))] = self.make.call(scope, depth)
        if not self.symmetric and self.make.chance(0.13):
            at = self.draw.randrange(len(items))
            items[at] = self._window(inner, kinds[at])
        if not self.symmetric and self.make.chance(0.04):
            rest += f" QUALIFY row_number() OVER ({self._over(inner)}) <= {self.draw.randrange(1, 4)}"
        if self.make.chance(0.13):
            word = "DISTINCT "
        elif not self.symmetric and whole and self.make.chance(0.05):
            on = self.make.column(inner, self.make.kind())
            word = f"DISTINCT ON ({on}) "
            return items, f"{rest} ORDER BY {on}, {self.make.make(inner, self.make.kind(), 0)} DESC", word
        if self._ordered(0.4 if whole else 0.1):
            by = items[0] if word else self.make.make(inner, self.make.kind(), 1)
            by = by if any(c.isalpha() for c in by) and not by[0].isdigit() else "1"
            rest += f" ORDER BY {by}{self.draw.choice(['', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST'])}"
        return items, rest, word

    def _over(self, scope: Sequence[Relation]) -> str:
        by = f"PARTITION BY {self.make.make(scope, self.make.kind(), 1)} " if self.make.chance(0.6) else ""
        return f"{by}ORDER BY {self.make.make(scope, self.make.kind(), 1)}{self.draw.choice(['', ' DESC'])}"

    def _window(self, scope: Sequence[Relation], kind: str) -> str:
        over = self._over(scope)
        if self.make.chance(0.3):
            return self.make.call(scope, 0, of=self.draw.choice(WINDOWS))
        value = self.make.make(scope, kind, 1)
        if kind == "int":
            call = self.draw.choice(["row_number()", "rank()", "dense_rank()", "ntile(3)", "count(*)"])
            return f"{call} OVER ({over})"
        if kind in ("dec", "float") and self.make.chance(0.5):
            frame = self.draw.choice(["", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", " ROWS UNBOUNDED PRECEDING"])
            return f"{self.draw.choice(['sum', 'avg', 'min'])}({value}) OVER ({over}{frame})"
        call = self.draw.choice(
            [f"lag({value})", f"lead({value}, 2)", f"first_value({value})", f"nth_value({value}, 2)"]
        )
        return f"{call} OVER ({over})"

    def _grouped(
        self, scope: Sequence[Relation], inner: Sequence[Relation], kinds: Sequence[str], depth: int
    ) -> tuple[list[str], str]:
        """Items of keys and aggregates; GROUP BY and HAVING."""
        keys: list[str] = []
        items = []
        for kind in kinds:
            if self.make.chance(0.45):
                key = self.make.make(inner, kind, 1) if not self.symmetric else self.make.column(inner, kind)
                if "." in key and "SELECT" not in key and key.split(".")[0].replace("t", "")[-1:].isdigit():
                    keys.append(key)
                items.append(key)
            else:
                items.append(self.aggregate(inner, kind, depth))
        keys = list(dict.fromkeys(keys))
        group = ""
        if keys:
            forms = [", ".join(keys)] * 5
            if not self.symmetric:
                forms += [
                    f"ROLLUP ({', '.join(keys)})",
                    f"CUBE ({', '.join(keys)})",
                    f"GROUPING SETS (({keys[0]}), ())",
                ]
            group = f" GROUP BY {self.draw.choice(forms)}"
        having = f" HAVING {self._having(inner)}" if self.make.chance(0.2) else ""
        order = f" ORDER BY {self.draw.randrange(1, len(items) + 1)}" if self._ordered(0.3) else ""
        return items, group + having + order

    def _having(self, scope: Sequence[Relation]) -> str:
        return self.draw.choice(
            [
                lambda: f"count(*) > {self.draw.randrange(3)}",
                lambda: f"count(DISTINCT {self.make.column(scope, 'text')}) >= {self.draw.randrange(4)}",
                lambda: f"max({self.make.column(scope, 'dec')}) > {self.make.literal('dec')}",
            ]
        )()

    def aggregate(self, scope: Sequence[Relation], kind: str, depth: int) -> str:
        """Over any column, masked ones first."""
        value = self.make.make(scope, kind, max(0, depth - 1))
        clause = f" FILTER (WHERE {self.make.make(scope, 'bool', 1)})" if self.make.chance(0.12) else ""
        forms = [f"min({value})", f"max({value})"]
        if self.symmetric and kind == "text":
            forms = ["max('x')"]
        if kind == "int":
            any_column = self.make.column(scope, self.make.kind())
            forms = ["count(*)", f"count({any_column})", f"count(DISTINCT {any_column})"]
        if kind == "dec":
            forms += [f"sum({value})", f"sum(DISTINCT {value})"]
        if kind == "bool":
            forms = [f"bool_or({value})", f"bool_and({value})"]
        if not self.symmetric:
            forms += self._odd_aggregates(scope, kind, value)
            if self.make.chance(0.15):
                return self.make.call(scope, 0, of=self.draw.choice(AGGREGATES))
        return self.draw.choice(forms) + clause

    def _odd_aggregates(self, scope: Sequence[Relation], kind: str, value: str) -> list[str]:
        if kind == "text":
            order = self.draw.choice(["", f" ORDER BY {self.make.make(scope, self.make.kind(), 0)}"])
            return [f"string_agg({value}, ','{order})"]
        if kind not in NUMBERS or kind == "int":
            return []
        call = self.draw.choice(["avg", "stddev", "var_pop", "median"])
        return [f"{call}({value})", f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {value})"]

    def _nested(self, outer: Sequence[Relation], kind: str | None, depth: int) -> str:
        """A subquery in parentheses: of one row for a kind, of any number for `list KIND` and None."""
        depth = min(depth - 1, 1)
        if kind is None:
            return f"({self.select(['int'], depth=depth, outer=outer)})"
        if kind.startswith("list "):
            return f"({self.select([kind[5:]], depth=depth, outer=outer if self.make.chance(0.3) else ())})"
        source, inner = self._from((), 0)
        where = self._where([*inner, *outer[:1]], 1, odds=0.8)
        return f"(SELECT {self.aggregate(inner, kind, 1)} FROM {source}{where})"
