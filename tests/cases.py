"""A house with cases of re-identification: who proposes, who approves, and what the pseudonyms truly stand for."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import GatewayError
from gateway.running import Answer
from gateway.terms.identity import Credentials
from gateway.terms.request import ReidentifyRequest
from tests import bank
from tests.house import POLICIES, House, open_house

PURPOSE, PROJECT = "fraud-detection", "credit-risk"
"""The handler's own, and that of the pseudonyms."""
IN_FULL = """
- {id: cases-dev, role: case-handler, environment: dev, datasets: [core.customers, core.accounts, core.transactions],
   purposes: [fraud-detection], level: full, rows: {dataset: core.customers, where: "region IN ('DE', 'IT')"},
   rows_follow: [core.accounts, core.transactions], expires: 2027-06-30}
"""
"""Of DE and FR, which Ana sees, DE; and IT, which she does not."""


def policies(root: Path, *, more: str = "", old: str = "", new: str = "") -> Path:
    """The reviewed files, and a grant in dev that shows identifiers as they are."""
    folder = root / "policies"
    shutil.copytree(POLICIES, folder)
    grants = folder / "grants.yaml"
    grants.write_text(grants.read_text() + IN_FULL + more)
    if old:
        for path in folder.rglob("*.yaml"):
            path.write_text(path.read_text().replace(old, new))
    return folder


@dataclasses.dataclass
class Bureau:
    """People and their steps."""

    house: House

    def __post_init__(self) -> None:
        self.ana = self.house.token("ana", bank.ANA[0])
        self.hugo = self.house.token("hugo", "case-handler")
        self.hans = self.house.token("hans", "case-handler")
        self.petra = self.house.token("petra", "privacy-officer")

    def shown(self, column: str = "customer_id", dataset: str = "core.customers") -> list[Any]:
        """The pseudonyms that Ana sees."""
        body, _ = self.house.ask(self.ana, f"SELECT DISTINCT {column} FROM {dataset}", purpose=bank.ANA[1])
        return [row[0] for row in json.loads(body)["rows"] if row[0] is not None]

    def propose(self, pseudonyms: Sequence[object], *, who: str | None = None, **more: object) -> Any:
        from gateway.governance import WantedCase

        wanted = {"dataset": "core.customers", "purpose": PURPOSE, "project": PROJECT, "case": "CASE-2026-17", **more}
        asked = WantedCase(**wanted, pseudonyms=tuple(map(str, pseudonyms)))
        return self.house.gateway.approvals.cases.propose(Credentials(bearer=who or self.hugo), asked)

    def approve(self, view: Any, *, who: str | None = None) -> Any:
        approvals = self.house.gateway.approvals.approvals
        stated = view.proposal
        return approvals.approve(Credentials(bearer=who or self.petra), stated.id, digest=stated.digest)

    def approved(self, pseudonyms: Sequence[object], **more: object) -> str:
        view = self.propose(pseudonyms, **more)
        self.approve(view)
        return str(view.proposal.id)

    def begin(
        self, case: str, pseudonyms: Sequence[object], *, who: str | None = None, form: str = "json", **more: object
    ) -> Answer:
        asked = ReidentifyRequest(
            credentials=Credentials(bearer=who or self.hugo),
            proposal=case,
            pseudonyms=tuple(map(str, pseudonyms)),
            **more,
        )
        return self.house.enforcement.reidentify(asked, format=form)

    def fetch(self, case: str, pseudonyms: Sequence[object], *, who: str | None = None) -> Any:
        """The whole result as JSON."""
        answer = self.begin(case, pseudonyms, who=who)
        with answer.body as body:
            data = b"".join(body)
            body.finish()
        return json.loads(data)

    def told(self, pseudonyms: Sequence[object], **more: object) -> tuple[dict[Any, Any], int]:
        """Identifier by pseudonym, and how many are unresolved."""
        found = self.fetch(self.approved(pseudonyms, **more), pseudonyms)
        rows = [tuple(row) for row in found["rows"]]
        assert len({row[0] for row in rows}) == len(rows)
        return dict(rows), found["trailer"]["unresolved"]

    def column(self, sql: str) -> set[Any]:
        """Of the bank's file itself."""
        path = self.house.settings.sources.read_text().split("sqlite:///")[1].split('"')[0]
        with sqlite3.connect(path) as connection:
            return {row[0] for row in connection.execute(sql)}


@contextlib.contextmanager
def bureaus(root: Path) -> Iterator[Callable[..., Bureau]]:
    """Opens the bureau below the folder when it is called: with these changes of the policies, and these settings."""
    with contextlib.ExitStack() as opened:

        def build(*, more: str = "", old: str = "", new: str = "", **settings: Any) -> Bureau:
            source = bank.write(bank.first_world(), root / "core.db")
            folder = policies(root, more=more, old=old, new=new)
            house = open_house(root, bank=source, policies=folder, requests_per_minute=100_000, **settings)
            return Bureau(opened.enter_context(house))

        yield build


def refused(act: Callable[..., object], *given: Any, **more: Any) -> GatewayError:
    """The error that the act ends in."""
    with pytest.raises(GatewayError) as error:
        act(*given, **more)
    return error.value


def in_database(bureau: Bureau, sql: str, *values: object) -> None:
    """Changes one row of the control database behind the gateway's back."""
    with sqlite3.connect(bureau.house.settings.home / "control.db") as connection:
        assert connection.execute(sql, values).rowcount == 1
    connection.close()
