"""Where a server is, and as whom the gateway reads it. Nothing here, and no text about it, shows the password."""

from __future__ import annotations

import dataclasses
import ipaddress
import urllib.parse
from pathlib import Path
from typing import Final

from gateway.errors import Invalid

PORT: Final = 3306
_FORM: Final = "write mysql://user:password@host:3306/database, and ?ssl_ca=FILE to check the server's certificate"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One account on one server, and the database that plain table names are looked up in."""

    host: str
    port: int
    user: str = dataclasses.field(repr=False)
    password: str = dataclasses.field(repr=False)
    database: str
    ssl_ca: Path | None
    """The authority that signed the server's certificate; None: it is not checked."""

    @property
    def is_local(self) -> bool:
        """Whether it is this host: nobody listens on the way."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def address_of(source: str, rest: str, *, folder: Path) -> Address:
    """Read what follows `mysql://`; a relative ssl_ca resolves against the folder.

    Raises:
        Invalid: not of that form. The text does not repeat it.
    """
    wrong = Invalid(f"source {source}: its URL is not of the form that is read", code="source", fix=_FORM)
    try:
        parts = urllib.parse.urlsplit(f"mysql://{rest}")
        options = dict(urllib.parse.parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
        port = parts.port or PORT
    except ValueError:
        raise wrong from None
    database = urllib.parse.unquote(parts.path.removeprefix("/"))
    if not parts.hostname or not parts.username or not database or "/" in database or parts.fragment:
        raise wrong
    if options.keys() - {"ssl_ca"}:
        raise wrong
    return Address(
        host=parts.hostname,
        port=port,
        user=urllib.parse.unquote(parts.username),
        password=urllib.parse.unquote(parts.password or ""),
        database=database,
        ssl_ca=folder / options["ssl_ca"] if "ssl_ca" in options else None,
    )
