"""Names of datasets for tables, and how a catalog file spells a table. Not every table can be named there."""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.terms.dataset import Dataset
from gateway.terms.source_schema import SchemaTable, SourceSchema

UNNAMED: Final = (
    "a catalog file cannot name this table: its name is not of A-Z a-z 0-9 _, or another table is called alike"
)
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TABLE_PART: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A table's dataset, and the table as the file names it."""

    dataset: str
    table: tuple[str, ...]


def is_identifier(name: str) -> bool:
    """Whether a catalog file can have a column or dataset of this name."""
    return _IDENTIFIER.fullmatch(name) is not None


def name_tables(tables: Sequence[SchemaTable], schema: SourceSchema, datasets: Iterable[Dataset]) -> dict[int, Named]:
    """By the table's number; those that cannot be named are left out.

    One table has one spelling in all files (policy's law): the default schema is left out where no other schema has a
    table of that name.

    Args:
        tables: some of the source's.
        schema: the source's.
        datasets: all that the catalog has of the source, those of other tables and of tables that are gone too.
    """
    listed = {table.name: each for each in datasets if (table := schema.find(each.table)) is not None}
    found = {
        n: Named(dataset=listed[t.name].name, table=listed[t.name].table)
        for n, t in enumerate(tables)
        if t.name in listed
    }
    taken = {each.name for each in datasets}
    held = [each.table for each in datasets]
    alike: dict[str, list[int]] = defaultdict(list)
    for number, table in enumerate(tables):
        alike[table.name[-1].casefold()].append(number)
    for numbers in alike.values():
        for number in numbers:
            if number in found:
                continue
            table = tables[number]
            is_alone = len(numbers) == 1 and not any(_may_be_one(table.name[-1:], other) for other in held)
            spelled = _spelling(table, schema, is_alone=is_alone)
            dataset = _free_name(spelled, schema.source, taken)
            if spelled and dataset and not any(_may_be_one(spelled, other) for other in held):
                taken.add(dataset)
                held.append(spelled)
                found[number] = Named(dataset=dataset, table=spelled)
    return found


def _spelling(table: SchemaTable, schema: SourceSchema, *, is_alone: bool) -> tuple[str, ...]:
    """Empty: a catalog file cannot spell it."""
    is_default = bool(schema.default_schema) and table.name[:-1] == (schema.default_schema,)
    spelled = table.name[-1:] if is_default and is_alone else table.name
    return spelled if all(_TABLE_PART.fullmatch(part) for part in spelled) else ()


def _free_name(table: tuple[str, ...], source: str, taken: set[str]) -> str:
    for local in (table[-1].lower(), "_".join(table).lower()) if table else ():
        if is_identifier(local) and f"{source}.{local}" not in taken:
            return f"{source}.{local}"
    return ""


def _may_be_one(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """As policy judges it: two spellings that end alike, whatever their case."""
    short, long = sorted((tuple(p.casefold() for p in one), tuple(p.casefold() for p in other)), key=len)
    return long[-len(short) :] == short
