"""A schema while it is read, in bounded memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final, Literal

import pyarrow as pa

from gateway.errors import Exhausted
from gateway.sources.described.queries import COMMENT_CHARACTERS, MAX_DEFINITION
from gateway.sources.render.sampling import is_nameable
from gateway.terms.source_schema import ForeignKey, SchemaColumn, SchemaTable, SourceSchema

MAX_COLUMNS: Final = 500_000
"""Of all tables of a source together: some 200 MB."""
_VIEW: Final = "a view: its rows are read from the tables that it is made of"
_UNNAMEABLE: Final = "its name is empty or holds control characters"

Kind = Literal["table", "view"]


@dataclasses.dataclass(slots=True, kw_only=True)
class Draft:
    """A table of which not all is known yet."""

    name: tuple[str, ...]
    kind: Kind = "table"
    comment: str = ""
    row_estimate: int | None = None
    definition: str = ""
    refused: str = ""
    columns: list[SchemaColumn] = dataclasses.field(default_factory=list)
    primary_key: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    foreign_keys: list[ForeignKey] = dataclasses.field(default_factory=list)

    def finished(self) -> SchemaTable:
        """As it is known now."""
        refused = self.refused or (_VIEW if self.kind == "view" else "")
        if not all(map(is_nameable, self.name)):
            refused = _UNNAMEABLE
        return SchemaTable(
            name=self.name,
            kind=self.kind,
            columns=tuple(self.columns),
            primary_key=self.primary_key,
            unique=tuple(sorted(set(self.unique) - {self.primary_key})),
            foreign_keys=tuple(self.foreign_keys),
            comment=self.comment[:COMMENT_CHARACTERS],
            row_estimate=self.row_estimate,
            definition=self.definition if len(self.definition) <= MAX_DEFINITION else "",
            refused=refused,
        )


class Drafts:
    """The tables of one source, by whatever the source knows them by."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._drafts: dict[object, Draft] = {}
        self._columns = 0

    def add(self, key: object, draft: Draft) -> None:
        """One more table."""
        self._drafts[key] = draft

    def get(self, key: object) -> Draft | None:
        """None: it came or went while the source was asked, or it is left out."""
        return self._drafts.get(key)

    def add_column(
        self, key: object, name: str, *, spelled: str, kind: pa.DataType | None, is_nullable: bool, comment: str = ""
    ) -> None:
        """One more column of a table, in the table's order.

        Raises:
            Exhausted: more than MAX_COLUMNS.
        """
        draft = self._drafts.get(key)
        if draft is None:
            return
        self._columns += 1
        if self._columns > MAX_COLUMNS:
            raise Exhausted(
                f"source {self._source}: its tables have more than {MAX_COLUMNS} columns together",
                code="memory",
                fix="give the gateway's account fewer tables to see",
            )
        draft.columns.append(
            SchemaColumn(
                name=name,
                spelled=spelled,
                type=kind if is_nameable(name) else None,
                is_nullable=is_nullable,
                comment=comment[:COMMENT_CHARACTERS],
            )
        )

    def add_key(self, key: object, columns: Sequence[str], *, is_primary: bool) -> None:
        """Of a primary key or a unique constraint."""
        draft = self._drafts.get(key)
        if draft is not None and is_primary:
            draft.primary_key = tuple(columns)
        elif draft is not None:
            draft.unique.append(tuple(columns))

    def add_reference(self, key: object, columns: Iterable[str], *, table: Sequence[str], there: Iterable[str]) -> None:
        """Of a foreign key."""
        draft = self._drafts.get(key)
        if draft is not None:
            draft.foreign_keys.append(ForeignKey(columns=tuple(columns), table=tuple(table), references=tuple(there)))

    def schema(self, *, dialect: str, default_schema: str = "") -> SourceSchema:
        """All of them, sorted by name."""
        tables = sorted((draft.finished() for draft in self._drafts.values()), key=lambda table: table.name)
        return SourceSchema(source=self._source, dialect=dialect, tables=tuple(tables), default_schema=default_schema)
