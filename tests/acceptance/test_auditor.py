"""Ten questions of an auditor, answered by `gateway audit search` and by HTTP, each with exactly the right entries.

The log is written in October, November and December 2025 by a gateway in this process whose clock is set; then a real
server serves that home. What the auditor asks while the tests run lies outside those months.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import click.testing
import httpx
import pytest

from gateway.app import Control, Gateway, Host
from gateway.cli.group import cli
from gateway.errors import GatewayError
from gateway.governance import AuditDesk, TokenDesk
from gateway.identity import mint
from gateway.settings import Settings
from gateway.sources import open_sources
from gateway.terms.audit import Actor, EntryFilter
from gateway.terms.identity import Credentials
from tests import bank
from tests.house import request, settings_for
from tests.server import Server

OPERATOR = Actor(principal="operator:olga", environment="dev", roles=(), door="host")
PEOPLE = {
    "ana": (bank.ANA[0], "dev"),
    "rita": ("reporting-analyst", "dev"),
    "otto": ("data-owner", "prod"),
    "fran": ("fraud-analyst", "prod"),
    "ida": ("intern", "dev"),
    "vera": ("auditor", "prod"),
}
NOVEMBER = ("--since", "2025-11-01", "--until", "2025-12-01")
ALL_THREE_MONTHS = ("--since", "2025-10-01", "--until", "2026-01-01")
CREDIT, FRAUD, REPORT, QUALITY = "credit-default-model", "fraud-detection", "regulatory-reporting", "data-quality"

INCOME = "SELECT region, income FROM core.customers"
ASKED = (
    ("ana-income-october", "2025-10-31T23:59:59", "ana", CREDIT, INCOME),
    ("ana-income-november", "2025-11-01T00:00:00", "ana", CREDIT, INCOME),
    ("ana-emails", "2025-11-10T09:00:00", "ana", CREDIT, "SELECT email FROM core.customers"),
    ("rita-income", "2025-11-11T09:00:00", "rita", REPORT, "SELECT avg(income) FROM core.customers"),
    ("ida-income-denied", "2025-11-12T09:00:00", "ida", CREDIT, INCOME),
    ("rita-names-denied", "2025-11-13T09:00:00", "rita", REPORT, "SELECT full_name FROM core.customers"),
    ("otto-all", "2025-11-14T09:00:00", "otto", QUALITY, "SELECT * FROM core.customers"),
    ("fran-payments", "2025-11-15T09:00:00", "fran", FRAUD, "SELECT amount FROM core.transactions LIMIT 7"),
    ("fran-notes", "2025-11-16T09:00:00", "fran", FRAUD, "SELECT note FROM core.call_notes"),
    ("ana-fraud-denied", "2025-11-17T09:00:00", "ana", FRAUD, "SELECT amount FROM core.transactions"),
    ("ana-payments", "2025-11-18T09:00:00", "ana", CREDIT, "SELECT amount FROM core.transactions"),
    ("ana-count", "2025-11-19T09:00:00", "ana", CREDIT, "SELECT count(*) FROM core.loans"),
    ("ana-failed", "2025-11-20T09:00:00", "ana", CREDIT, "SELECT CAST(email AS int) FROM core.customers"),
    ("otto-payments", "2025-11-30T23:59:59", "otto", QUALITY, "SELECT amount, reference FROM core.transactions"),
    ("otto-income-december", "2025-12-01T00:00:00", "otto", QUALITY, INCOME),
    ("fran-december", "2025-12-05T09:00:00", "fran", FRAUD, "SELECT iban FROM core.accounts"),
)
"""Name, time, who, purpose, SQL. The names are what the tests expect."""


class SetClock:
    """A clock that stands where it was set."""

    def __init__(self) -> None:
        self.at = datetime.datetime(2025, 10, 1, tzinfo=datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.at

    def set(self, text: str) -> None:
        self.at = datetime.datetime.fromisoformat(f"{text}+00:00")


@dataclasses.dataclass(frozen=True)
class Office:
    """A running gateway with a past, and an auditor at it."""

    settings: Settings
    server: Server
    token: str
    receipts: dict[str, str]
    """Name of a request → its receipt."""

    def search(self, *options: str) -> list[dict[str, Any]]:
        """What `gateway audit search … --json` prints; HTTP gives the same."""
        told = click.testing.CliRunner().invoke(
            cli, ["audit", "search", *options, "--json"], obj=Host(), env=self.environment(self.token)
        )
        assert told.exit_code == 0, told.stderr
        found = json.loads(told.stdout)
        names = [option.removeprefix("--") for option in options[::2]]
        values = [f"{value}T00:00:00Z" if value[:2] == "20" and len(value) == 10 else value for value in options[1::2]]
        by_http = httpx.get(
            f"{self.server.url}/v1/audit/entries",
            params=dict(zip(names, values, strict=True)),
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
        )
        assert by_http.json() == found
        return found

    def environment(self, token: str) -> dict[str, str]:
        return {**self.server.environment(), "GATEWAY_URL": self.server.url, "GATEWAY_TOKEN": token}

    def names(self, found: list[dict[str, Any]]) -> set[str]:
        """Entries by the names of their requests."""
        by_receipt = {receipt: name for name, receipt in self.receipts.items()}
        return {by_receipt.get(entry["payload"]["receipt"], entry["payload"]["receipt"]) for entry in found}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    root = tmp_path_factory.mktemp("office")
    settings = settings_for(root, bank=bank.write(bank.first_world(), root / "core.db"))
    Host().initialize(settings)
    clock = SetClock()
    control = Control(settings, clock=clock)
    with contextlib.closing(Gateway(control, sources=open_sources(settings.sources))) as gateway:
        tokens = _tokens(control, clock)
        gateway.start()
        receipts = {}
        for name, at, who, purpose, sql in ASKED:
            clock.set(at)
            receipts[name] = _receipt_of(gateway, tokens[who], sql, purpose)
        clock.set("2025-11-21T09:00:00")
        unread = gateway.enforcement.answer(request(tokens["ana"], INCOME, purpose=CREDIT), format="json")
        receipts["ana-unknown"] = unread.receipt.id
        gateway.lease.end()  # as if the process had died in the middle of the answer
        assert control.log.settle_abandoned() == 1
        _search(gateway, tokens["vera"], clock)
    with Server(settings, stderr=root / "stderr.log") as server:
        yield Office(settings=settings, server=server, token=tokens["vera"], receipts=receipts)


def _tokens(control: Control, clock: SetClock) -> dict[str, str]:
    """By the desk, so that the log has them; then prolonged, so that the database's own clock accepts them."""
    desk, tokens = TokenDesk(control.desk, tokens=control.tokens), {}
    for name, (role, environment) in PEOPLE.items():
        clock.set("2025-10-01T08:00:00")
        lifetime = datetime.timedelta(days=90)
        desk.create(OPERATOR, principal=name, roles=frozenset({role}), environment=environment, lifetime=lifetime)
        lasting, tokens[name] = mint(
            name, roles=frozenset({role}), environment=environment, lifetime=lifetime, now=clock.now(),
            entropy=control.entropy,
        )  # fmt: skip
        control.tokens.add(dataclasses.replace(lasting, expires=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)))
    clock.set("2025-11-25T08:00:00")
    spare, _ = desk.create(
        OPERATOR, principal="temp", roles=frozenset({"intern"}), environment="dev", lifetime=datetime.timedelta(days=1)
    )
    clock.set("2025-11-26T08:00:00")
    desk.revoke(OPERATOR, token=spare.id)
    return tokens


def _receipt_of(gateway: Gateway, token: str, sql: str, purpose: str) -> str:
    try:
        answer = gateway.enforcement.answer(request(token, sql, purpose=purpose), format="json")
        with answer.body as body:
            for _ in body:
                pass
            body.finish()
    except GatewayError as error:
        return error.receipt or answer.receipt.id
    return answer.receipt.id


def _search(gateway: Gateway, token: str, clock: SetClock) -> None:
    desk = AuditDesk(gateway.control.desk, store=gateway.control.log_store)
    for at, wanted in (
        ("2025-10-05T10:00:00", EntryFilter(principal="ana")),
        ("2025-11-05T10:00:00", EntryFilter(column="core.customers.income")),
        ("2025-12-05T10:00:00", EntryFilter(principal="otto")),
    ):
        clock.set(at)
        desk.search(Credentials(bearer=token), wanted)


def test_who_saw_income_in_november(office: Office) -> None:
    """Who saw income of core.customers in November, at which level, under which grant?"""
    found = office.search("--column", "core.customers.income", "--kind", "access", *NOVEMBER)
    seen = {
        (name, entry["payload"]["actor"]["principal"], column["level"], column["grant"])
        for entry in found
        for name in office.names([entry])
        for column in entry["payload"]["columns"]
        if (column["dataset"], column["column"]) == ("core.customers", "income")
    }
    assert seen == {
        ("ana-income-november", "ana", "full", "credit-risk-dev"),
        ("ana-unknown", "ana", "full", "credit-risk-dev"),
        ("rita-income", "rita", "aggregated", "reporting-dev"),
        ("otto-all", "otto", "full", "data-owner-prod"),
    }


def test_what_ana_saw_last_week(office: Office) -> None:
    """What did Ana see last week, from the 17th to the 23rd?"""
    found = office.search("--principal", "ana", "--kind", "access", "--since", "2025-11-17", "--until", "2025-11-24")
    assert {name: entry["result"] for entry in found for name in office.names([entry])} == {
        "ana-payments": "ok",
        "ana-count": "ok",
        "ana-failed": "failed",
        "ana-unknown": "unknown",
    }
    whole = {name: entry["outcome"]["rows"] for entry in found for name in office.names([entry])}
    assert whole["ana-payments"] > 0
    assert whole["ana-count"] == 1
    assert whole["ana-failed"] == whole["ana-unknown"] == 0


def test_which_requests_were_denied_and_why(office: Office) -> None:
    """Which requests for customers' data were denied in November, and why?"""
    found = office.search("--result", "denied", "--dataset", "core.customers", *NOVEMBER)
    why = {name: " ".join(entry["payload"]["reasons"]) for entry in found for name in office.names([entry])}
    assert why.keys() == {"ida-income-denied", "rita-names-denied"}
    assert "no-income-for-interns" in why["ida-income-denied"]
    assert "direct_identifier × aggregated" in why["rita-names-denied"]


def test_who_used_a_purpose(office: Office) -> None:
    """Who used the purpose fraud-detection, and who tried?"""
    found = office.search("--purpose", "fraud-detection", *ALL_THREE_MONTHS)
    assert office.names(found) == {"fran-payments", "fran-notes", "fran-december", "ana-fraud-denied"}
    assert {entry["payload"]["actor"]["principal"] for entry in found if entry["kind"] == "access"} == {"fran"}


def test_who_made_or_revoked_tokens(office: Office) -> None:
    """Who made or revoked tokens, for whom?"""
    made = office.search("--action", "token-create", *ALL_THREE_MONTHS)
    revoked = office.search("--action", "token-revoke", *ALL_THREE_MONTHS)
    assert {entry["payload"]["actor"]["principal"] for entry in made + revoked} == {"operator:olga"}
    assert [entry["payload"]["detail"]["principal"] for entry in made] == [*PEOPLE, "temp"]
    (only,) = revoked
    assert only["payload"]["detail"]["principal"] == "temp"
    assert only["payload"]["detail"]["token"] == made[-1]["payload"]["detail"]["token"]


def test_which_accesses_have_no_known_outcome(office: Office) -> None:
    """Which accesses have no known outcome, so that we must assume they were served?"""
    (found,) = office.search("--result", "unknown")
    assert office.names([found]) == {"ana-unknown"}
    assert found["outcome"]["code"] == "unavailable.lease"


def test_who_searched_the_log(office: Office) -> None:
    """Who searched the audit log in November, and for what?"""
    (found,) = office.search("--action", "audit-search", *NOVEMBER)
    assert found["payload"]["actor"]["principal"] == "vera"
    assert found["payload"]["detail"]["column"] == "core.customers.income"


def test_which_queries_ran_under_a_grant(office: Office) -> None:
    """Which queries ran under grant credit-risk-dev?"""
    found = office.search("--grant", "credit-risk-dev", *ALL_THREE_MONTHS)
    assert office.names(found) == {
        "ana-income-october",
        "ana-income-november",
        "ana-emails",
        "ana-failed",
        "ana-unknown",
    }
    shapes = {name: entry["payload"]["shape"] for entry in found for name in office.names([entry])}
    assert "email" in shapes["ana-emails"]


def test_what_happened_to_a_receipt(office: Office) -> None:
    """What happened to receipt r_…?"""
    (found,) = office.search("--receipt", office.receipts["otto-all"])
    assert found["payload"]["actor"]["principal"] == "otto"
    assert found["time"].startswith("2025-11-14T09:00:00")
    assert (found["result"], found["outcome"]["rows"]) == ("ok", 48)
    assert found["outcome"]["body_hmac"]


def test_who_saw_a_dataset_in_full(office: Office) -> None:
    """Who saw any column of core.transactions in full, and how many rows?"""
    found = office.search("--dataset", "core.transactions", "--level", "full", *ALL_THREE_MONTHS)
    seen = {(*office.names([e]), e["payload"]["actor"]["principal"], e["outcome"]["rows"]) for e in found}
    assert seen == {("fran-payments", "fran", 7), ("otto-payments", "otto", 384)}


def test_what_is_outside_the_range_does_not_appear(office: Office) -> None:
    """A range includes its beginning and excludes its end, to the second."""
    income = ("--column", "core.customers.income", "--kind", "access")
    october = office.search(*income, "--since", "2025-10-01", "--until", "2025-11-01")
    december = office.search(*income, "--since", "2025-12-01", "--until", "2026-01-01")
    assert office.names(october) == {"ana-income-october"}
    assert office.names(december) == {"otto-income-december"}


def test_who_may_not_search_gets_nothing_and_is_logged(office: Office) -> None:
    """Did anybody without the right to do so try to read the log?"""
    since = datetime.datetime.now(datetime.UTC).isoformat()
    with Host().token_desk(office.settings) as (desk, actor):
        _, ana = desk.create(
            actor, principal="ana", roles=frozenset({bank.ANA[0]}), environment="dev",
            lifetime=datetime.timedelta(hours=1),
        )  # fmt: skip
    refused = subprocess.run(
        [sys.executable, "-m", "gateway", "audit", "search", "--principal", "otto", "--json"],
        env=office.environment(ana), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (refused.returncode, refused.stdout) == (1, "")
    (entry,) = office.search("--kind", "denial", "--since", since)
    assert entry["payload"]["code"] == "denied.capability"
    assert entry["payload"]["actor"]["principal"] == "ana"
