"""Random queries about a dataset that is seen in groups only."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from tests.fuzz.questions.expressions import Expressions, Pool, Relation
from tests.fuzz.questions.selects import Selects


class Guarded:
    """Draws grouping SELECTs and free SQL on top of them; now and then what is refused."""

    def __init__(
        self,
        draw: random.Random,
        tables: Sequence[tuple[Relation, int]],
        pool: Pool,
        *,
        uses: Mapping[str, Mapping[str, str]],
        cells: Mapping[str, Sequence[str]],
    ) -> None:
        """`uses`: dataset → column → dimension, measure or subject; `cells`: filters of the current window."""
        self.draw = draw
        self.tables = tables
        self.uses = uses
        self.cells = cells
        self.make = Expressions(draw, pool)
        self._wild = Selects(draw, tables, pool)

    def query(self) -> str:
        form = self.draw.random()
        if form < 0.08:
            return self._wild.query()
        if form < 0.5:
            return self._groups(whole=True)[0]
        if form < 0.85:
            return self._outer()
        return self._joined()

    def _groups(self, *, whole: bool = False) -> tuple[str, Relation]:
        table, _ = self.draw.choice(self.tables)
        dimensions = [n for n, use in self.uses[table.alias].items() if use == "dimension"]
        keys = self.draw.sample(dimensions, self.draw.randrange(0, min(3, len(dimensions)) + 1))
        measures = [self._measure(table) for _ in range(self.draw.randrange(1, 4))]
        items = [f"x.{key} AS k{i}" for i, key in enumerate(keys)]
        items += [f"{measure} AS m{i}" for i, measure in enumerate(measures)]
        sql = f"SELECT {', '.join(items)} FROM {table.alias} AS x"
        if cell := self.draw.choice(self.cells[table.alias]):
            sql += f" WHERE {cell}"
        if keys:
            sql += f" GROUP BY {', '.join(f'x.{key}' for key in keys)}"
        if self.make.chance(0.3):
            sql += f" HAVING {self._measure(table)} {self.draw.choice(['>', '<', '='])} {self.make.literal('int')}"
        if whole and self.make.chance(0.5):
            sql += f" ORDER BY {self.draw.randrange(1, len(items) + 1)}"
            sql += f" LIMIT {self.draw.randrange(1, 5)}" if self.make.chance(0.3) else ""
        columns = {f"k{i}": table.columns[key] for i, key in enumerate(keys)}
        return sql, Relation("g", columns | {f"m{i}": "dec" for i in range(len(measures))})

    def _measure(self, table: Relation) -> str:
        uses = self.uses[table.alias]
        numbers = [n for n, use in uses.items() if use == "measure" and table.columns[n] in ("int", "dec", "float")]
        subject = next((n for n, use in uses.items() if use == "subject"), "customer_id")
        forms = ["count(*)", f"count(DISTINCT x.{subject})"]
        forms += [f"{call}(x.{n})" for n in numbers for call in ("sum", "avg", "count")]
        if self.make.chance(0.06):
            forms = [f"max(x.{n})" for n in table.columns]
        return (
            self.draw.choice(forms) if self.make.chance(0.8) else f"({self.draw.choice(forms)} / nullif(count(*), 3))"
        )

    def _outer(self) -> str:
        body, groups = self._groups()
        kinds = [self.make.kind() for _ in range(self.draw.randrange(1, 4))]
        items = ", ".join(self.make.make([groups], kind, 2) for kind in kinds)
        where = f" WHERE {self.make.make([groups], 'bool', 1)}" if self.make.chance(0.5) else ""
        order = f" ORDER BY {self.make.column([groups], 'dec')}" if self.make.chance(0.4) else ""
        if self.make.chance(0.4):
            return f"WITH g AS ({body}) SELECT {items} FROM g{where}{order}"
        return f"SELECT {items} FROM ({body}) AS g{where}{order}"

    def _joined(self) -> str:
        (left, first), (right, second) = self._groups(), self._groups()
        on = "a.k0 = b.k0" if "k0" in first.columns and first.columns["k0"] == second.columns.get("k0") else "true"
        side = self.draw.choice(["JOIN", "LEFT JOIN", "FULL JOIN"]) if on != "true" else "JOIN"
        return f"SELECT a.m0, b.m0, a.m0 - b.m0 AS d FROM ({left}) AS a {side} ({right}) AS b ON {on}"
