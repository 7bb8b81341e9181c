"""Port of who looks at a source's schema and at samples of its tables; ports.SourceSession is one."""

from __future__ import annotations

from typing import Protocol

from gateway.terms.source_schema import SchemaTable, SourceSchema
from gateway.terms.streams import RawStream


class SchemaReader(Protocol):
    """For several threads. MUST be closed by whoever opened it."""

    def describe(self) -> SourceSchema:
        """Tables, views, keys and comments as the source's account sees them. Reads no row.

        Raises:
            Unavailable: cannot connect, the connection broke, or closed; names the source, never a value or a URL.
            Exhausted: more columns than are held, or past the deadline.
        """

    def sample(self, table: SchemaTable, *, rows: int) -> RawStream:
        """At most `rows` of the table's rows, spread over it where the source can: its columns that have a type. Lazy.

        No row comes twice; equal tables give equal samples, as far as the source can. A long text or binary comes cut
        to one character more than MAX_SAMPLE_LENGTH, or sooner where a row has very many; a value that does not fit
        its column's type comes as null.

        Raises:
            Invalid: `rows` is not positive.
            Unavailable: as above, the account may not read it, or a writer holds it for longer than two seconds.
            Integrity: table or column is gone, or of another type, since it was described.
            Unsupported: of its kind (a view, a foreign table) no rows are read; `refused` says so before.
            Exhausted: memory or time.
        """
