"""Where the server is, and how each connection to it behaves. No text here is ever shown."""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateway.errors import Invalid

CONNECT_SECONDS: Final = 10
"""For one attempt, where the URL does not say otherwise."""
_PINNED: Final = (
    ("standard_conforming_strings", "on"),  # a backslash ends no literal early (T10)
    ("backslash_quote", "off"),
    ("transform_null_equals", "off"),
    ("array_nulls", "on"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("extra_float_digits", "1"),
    ("default_transaction_isolation", "repeatable\\ read"),
    ("default_transaction_read_only", "on"),
    ("default_transaction_deferrable", "off"),
)
_CATALOG_ONLY: Final = ("search_path", "pg_catalog")
"""Then no function, operator or type of anybody's schema is taken for a built-in one."""


class Address:
    """A libpq URL, parsed once."""

    def __init__(self, url: str, *, source: str) -> None:
        """Parse it; nothing is opened.

        Raises:
            Invalid: not a URL that libpq reads; the text does not repeat it.
        """
        try:
            self._parts = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None}
        except psycopg.Error:
            raise Invalid(
                f"source {source}: write postgresql://role@host:port/database, special characters as %XX", code="source"
            ) from None

    def scanning(self) -> str:
        """For connections that read tables, by qualified names only."""
        return self._conninfo("gateway", (*_PINNED, _CATALOG_ONLY))

    def leading(self, application: str, *, idle_milliseconds: int) -> str:
        """For the connection that holds the snapshot; its search path is the role's own, to find the default schema."""
        idle = ("idle_in_transaction_session_timeout", str(idle_milliseconds))
        return self._conninfo(application, (*_PINNED, idle))

    def checking(self) -> str:
        """For `source check`: as the role is by itself."""
        return self._conninfo("gateway check", ())

    def _conninfo(self, application: str, settings: tuple[tuple[str, str], ...]) -> str:
        # of two options with one name the later one holds
        own = self._parts.get("options", "")
        options = " ".join([own, *(f"-c{name}={value}" for name, value in settings)]).strip()
        timeout = self._parts.get("connect_timeout", str(CONNECT_SECONDS))
        parts = self._parts | {"application_name": application, "connect_timeout": timeout, "client_encoding": "UTF8"}
        return make_conninfo("", **(parts | ({"options": options} if options else {})))
