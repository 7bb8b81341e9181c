"""Who attacks, and the oracles of every attack.

O1, no canary in body, headers, error or log entry; O3, allowed or refused as stated, with exactly one record in the
log. `Attackers.ask` asserts O1 and the one record for every question. O2 is test_in_two_worlds.py's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.errors import GatewayError
from gateway.terms.audit import EntryFilter, FoundEntry
from tests import bank
from tests.house import House, open_house

PEOPLE = {
    "ana": (bank.ANA[0], "dev", bank.ANA[1]),
    "rita": ("reporting-analyst", "dev", "regulatory-reporting"),
    "otto": ("data-owner", "prod", "data-quality"),
    "fran": ("fraud-analyst", "dev", "fraud-detection"),
    "nora": ("auditor", "dev", bank.ANA[1]),
}
"""Name → role, environment, purpose. Ana sees pseudonyms, Rita groups, Otto all; Nora has no grant."""
SEES_ALL = "otto"
EMAIL = "zqx-email-000000@bank.example"
CUSTOMER = "770000000"
"""Of the first customer, who lives in DE: Ana sees the row, and neither of the two."""
RARE = "zqx-rare"


@dataclasses.dataclass(frozen=True)
class Told:
    """What the asker got, and what the log says of it."""

    code: str
    """Of the error; empty if the question was answered."""
    rows: list[list[Any]]
    entry: FoundEntry

    @property
    def result(self) -> str | None:
        return self.entry.result


class Attackers:
    """One house, and a token for everybody."""

    def __init__(self, house: House, tables: bank.Tables) -> None:
        self.house = house
        self.tables = tables
        self.tokens = {
            name: house.token(name, role, environment=environment) for name, (role, environment, _) in PEOPLE.items()
        }
        self.canaries = bank.canaries(tables)

    def ask(self, who: str, sql: str, *, purpose: str = "") -> Told:
        """O1, and one record; the decision is for the caller to judge."""
        code, body, shown, newest = "", b"", "", self._newest()
        try:
            body, answer = self.house.ask(self.tokens[who], sql, purpose=purpose or PEOPLE[who][2])
            shown = f"{answer.headers}"
        except GatewayError as error:
            code, shown = error.code, f"{error} {error.reasons} {error.fix}"
        (entry,) = self.house.gateway.control.log_store.search(EntryFilter(after=newest))
        logged = json.dumps([entry.payload, entry.outcome], ensure_ascii=False)
        seen = {"log": logged} if who == SEES_ALL else {"body": body.decode(), "shown": shown, "log": logged}
        leaked = [(channel, c) for channel, text in seen.items() for c in self.canaries if c in text]
        assert not leaked
        return Told(code=code, rows=json.loads(body)["rows"] if body else [], entry=entry)

    def refused(self, who: str, sql: str) -> str:
        """The code of a question that is denied before anything is read."""
        told = self.ask(who, sql)
        assert told.code, "it was answered"
        assert (told.entry.kind, told.result) == ("denial", "denied")
        return told.code

    def answered(self, who: str, sql: str) -> list[list[Any]]:
        """The rows of a question that is allowed."""
        told = self.ask(who, sql)
        assert told.code == ""
        assert (told.entry.kind, told.result) == ("access", "ok")
        return told.rows

    def _newest(self) -> int:
        newest = self.house.gateway.control.log_store.checkpoint()
        return newest.size - 1 if newest else -1


def rare_world() -> bank.Tables:
    """The bank, where one customer alone has all twelve transactions of one category."""
    tables = bank.first_world()
    owner = tables["accounts"][0]["customer_id"]
    for number, row in enumerate(tables["transactions"][:12]):
        tables["transactions"][number] = {**row, "customer_id": owner, "category": RARE}
    return tables


@contextlib.contextmanager
def fresh(root: Path, tables: bank.Tables) -> Iterator[Attackers]:
    """A house of one test's own, to break."""
    with open_house(root, bank=bank.write(tables, root / "core.db"), sandbox_warm_children=1) as house:
        yield Attackers(house, tables)
