"""What a server must do to take the bank in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, Self

SCHEMA: Final = "gateway_demo"
"""The schema (MariaDB: the database) that the demo makes, and drops."""
MARKER: Final = "made_by_gateway_demo"
"""A table that says so."""

Row = Sequence[object]


class Target(Protocol):
    """A context: connected on enter; what was done is kept if it ends without an error."""

    @property
    def source_url(self) -> str:
        """Where a gateway finds the bank: for the sources file, it may hold a password."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object, /) -> None: ...

    def tables(self) -> Sequence[str] | None:
        """Names of the schema's tables; None: there is no such schema."""

    def drop(self) -> None:
        """Drop the schema and all in it."""

    def make(self) -> None:
        """Make the schema and its empty tables, the marker first."""

    def fill(self, table: str, rows: Iterable[Row]) -> None:
        """Append rows, whose values are spelled as SQLite spells them."""

    def index(self) -> None:
        """Build the indexes; after loading that is one sort each."""


def statements(name: str) -> list[str]:
    """The statements of a file beside this one, or of the bank's own."""
    folder = Path(__file__).parent
    path = folder / name if (folder / name).exists() else folder.parent / name
    return [part.strip() for part in path.read_text(encoding="utf-8").split(";") if part.strip()]
