"""What an operator should know of the account that the gateway reads with."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Final

from gateway.sources.mariadb.address import Address
from gateway.sources.mariadb.session import CONNECT_SECONDS, Session

HARMLESS: Final = frozenset({"USAGE", "SELECT", "SHOW VIEW", "SHOW DATABASES"})
_GRANT: Final = re.compile(r"GRANT (?P<privileges>.+?) ON .+ TO .+?(?P<option> WITH GRANT OPTION)?", re.DOTALL)
_COLUMN_LIST: Final = re.compile(r"\([^)]*\)")


def findings(address: Address, *, source: str) -> Sequence[str]:
    """Findings in words, none when all is well.

    Raises:
        GatewayError: cannot connect, or the server does not answer.
    """
    deadline = time.monotonic() + 2 * CONNECT_SECONDS
    found = []
    with Session(address, source=source, receipt="check", deadline=deadline) as session:
        excess = excess_privileges([str(row[0]) for row in session.facts("SHOW GRANTS")])
        if excess:
            found.append(f"source {source}: the account may do more than read: {', '.join(excess)}; grant SELECT only")
        if session.facts("SELECT @@SESSION.max_user_connections") == [(0,)]:
            found.append(f"source {source}: the account may open any number of connections; set MAX_USER_CONNECTIONS")
        if session.facts("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()") == [(0,)]:
            found.append(f"source {source}: the database holds no table that the account may read")
    if not address.is_local and address.ssl_ca is None:
        found.append(f"source {source}: the server's certificate is not checked; add ?ssl_ca=FILE to its URL")
    return found


def excess_privileges(grants: Sequence[str]) -> list[str]:
    """Privileges beyond reading that `SHOW GRANTS` lists, sorted; a line that is not understood is one."""
    excess: set[str] = set()
    for line in grants:
        if " ON " not in line:
            continue  # a role: what it holds has lines of its own
        match = _GRANT.fullmatch(line)
        if match is None:
            excess.add("a grant that is not understood")
            continue
        names = _COLUMN_LIST.sub("", match["privileges"]).split(",")
        excess.update(name.strip().upper() for name in names)
        excess.update({"GRANT OPTION"} if match["option"] else ())
    return sorted(excess - HARMLESS)
