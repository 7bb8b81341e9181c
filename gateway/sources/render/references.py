"""References to a table's columns: quoted, and qualified by the table's alias."""

from __future__ import annotations

import dataclasses
import unicodedata
from typing import Final

from sqlglot import exp

from gateway.errors import Integrity, Unsupported
from gateway.sources.convert import FLOAT_DIGITS
from gateway.sources.evaluate import typed
from gateway.sources.render.cell import Cell, Dialect
from gateway.sources.table import LookedUp, Stored, Table
from gateway.terms.dataset import Column
from gateway.terms.plan import MAX_TEXT_CHARACTERS
from gateway.terms.predicate import Scalar

ROWS: Final = "r"
"""The alias of the table that is read."""
_KNOWN: Final = "k"


def cell_of(table: Table, name: str, dialect: Dialect, alias: str = ROWS) -> Cell:
    """How a column is read; one that is looked up is a subquery of one row."""
    if (looked_up := table.looked_up.get(name)) is not None:
        return _looked_up(table, looked_up, dialect)
    cell = dialect.cell(stored(table, name), reference(table, name, alias))
    if name not in table.texts:
        return cell
    cut = dialect.sampled(stored(table, name), reference(table, name, alias), MAX_TEXT_CHARACTERS + 1)
    return dataclasses.replace(cell, delivered=cut, sent=None)


def _looked_up(table: Table, found: LookedUp, dialect: Dialect) -> Cell:
    """The least value of the rows with the same keys: never more than one, so no row of the table comes twice."""
    there = found.table
    cell = cell_of(there, found.column, dialect, _KNOWN)
    same = [
        exp.EQ(this=compared(there, key, dialect, _KNOWN), expression=compared(table, here, dialect))
        for here, key in found.on
    ]

    def least(value: exp.Expr) -> exp.Expr:
        return exp.Subquery(this=exp.select(exp.Min(this=value)).from_(table_named(there, _KNOWN)).where(*same))

    sent = cell.sent and least(cell.sent)
    return Cell(delivered=least(cell.delivered), witness=cell.witness, compared=None, sent=sent)


def compared(table: Table, name: str, dialect: Dialect, alias: str = ROWS) -> exp.Expr:
    """How a column is compared.

    Raises:
        Unsupported: its type cannot be compared in this source.
    """
    made = dialect.cell(stored(table, name), reference(table, name, alias)).compared
    if made is None:
        raise not_offered(stored(table, name).column, "compared")
    return made


def not_offered(column: Column, verb: str) -> Unsupported:
    """The error for a type that the source does not compute with exactly; raise it."""
    return Unsupported(
        f"column {column.name}: values of type {column.type} cannot be {verb} exactly in this source",
        code="source",
        fix=f"store it as a number of at most {FLOAT_DIGITS} digits, or leave it out",
    )


def literal(table: Table, name: str, value: Scalar, dialect: Dialect) -> exp.Expr:
    """The value in its column's declared type."""
    kind = stored(table, name).column.type
    return dialect.literal(typed(value, column=name, kind=kind).as_py(), kind)


def reference(table: Table, name: str, alias: str = ROWS) -> exp.Column:
    """The column itself."""
    return exp.column(name_of(stored(table, name).name), table=name_of(alias))


def stored(table: Table, name: str) -> Stored:
    """What the table was checked for.

    Raises:
        Integrity: it was not checked for this column.
    """
    if name not in table.columns:
        raise Integrity(f"column {name} is read but the scan does not carry it", code="plan")
    return table.columns[name]


def table_named(table: Table, alias: str) -> exp.Table:
    """The table under an alias."""
    *rest, name = map(name_of, table.path)
    if len(rest) > 2:  # noqa: PLR2004 - database and schema
        raise Unsupported("a table is named by at most database, schema and table", code="source")
    database, schema = [None, None, *rest][-2:]
    return exp.Table(this=name, db=schema, catalog=database, alias=exp.TableAlias(this=name_of(alias)))


def name_of(text: str) -> exp.Identifier:
    """A quoted identifier; the generator doubles quotes in it."""
    if not text or any(unicodedata.category(character) in {"Cc", "Cf", "Cs"} for character in text):
        raise Unsupported("a table or column name is empty or holds control characters", code="source")
    return exp.to_identifier(text, quoted=True)
