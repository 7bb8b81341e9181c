"""Two gateways over two banks with equal keys, and everything that each tells of one question.

Told are body, media type, headers, plan, decision, error (all its fields), explanation, what masks and protection
released, and the SQL that the source got; over HTTP the status, all headers and the receipt as well. Left out:
receipts' ids, dates, and in an error what was released so far, for that is a matter of time. On servers each world's
tables stand in a schema or database of its own: in the SQL, and there only, its name is taken out.
World 1 is asked behind a shim that maps each moved identifier back before it is masked (DESIGN §8).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from gateway.app import Control, Gateway, Host
from gateway.client.connection import MEDIA_TYPES
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.sources import open_sources
from tests import bank
from tests.fuzz.banks.files import write
from tests.fuzz.banks.other import OtherWorld
from tests.fuzz.banks.people import PEOPLE, Person, Sight, write_policies
from tests.fuzz.banks.servers import Server, servers
from tests.fuzz.banks.tables import SOURCES, first_world
from tests.fuzz.watching import Seen, watched
from tests.house import House, copy_home, request
from tests.unit.http.door import open_door

RECEIPT = re.compile(rb"r_[0-9a-f]{32}")
OWN = {"date", "gateway-receipt", "gateway-receipt-nonce"}
"""Headers that differ between any two answers."""

OF_THE_HOST = {"exhausted.time", "exhausted.memory", "exhausted.busy", "unavailable.sandbox"}
"""Where such an answer ends is a matter of the host too: if only one world ends so, both are asked again."""
_TIMES = 3
"""A difference that comes each time is one of data."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One request."""

    sql: str
    form: str = "json"
    dialect: str = "postgres"
    limit: int | None = None
    parameters: tuple[str, ...] = ()
    """Of `$1` and so on."""
    door: str = "inside"
    """`inside` or `http`."""
    is_explained: bool = True
    """Explain it as well; an answer's plan and decision are compared in any case, and an error is always explained."""


Told = dict[str, object]


Servers = Mapping[str, Server]
"""Source → its tables of one world."""


class Worlds:
    """Two warm houses. `about` chooses for whom they differ."""

    def __init__(
        self,
        houses: tuple[House, House],
        *,
        served: tuple[Servers, Servers],
        urls: tuple[str, str],
        tokens: Mapping[str, str],
    ) -> None:
        self.houses = houses
        self.sources = (*SOURCES, *served[0])
        self._served = served
        self._tokens = tokens
        self._clients = tuple(httpx.Client(base_url=url, timeout=60, trust_env=False) for url in urls)
        self.person = PEOPLE[0]
        self.first: bank.Tables = {}
        self.other: OtherWorld | None = None
        self.is_shimmed = True
        self.secrets: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
        """Of each world: texts that the person may see nowhere, in small letters."""
        self.seen = [Seen(), Seen()]
        self.answered, self.code = False, ""
        """Whether the first world answered the last question, and else with what code it did not."""

    def about(self, person: Person, *, seed: int) -> None:
        """Two new banks that differ in what the person may not see."""
        self.person = person
        self.first = first_world(seed, servers=self._served[0])
        self.other = OtherWorld(self.first, self.sight(person), seed=seed)
        for house, served, tables in zip(self.houses, self._served, (self.first, self.other.tables), strict=True):
            _write(tables, house.settings, served)
        self.secrets = (secrets(self.first, self.sight(person)), secrets(self.other.tables, self.sight(person)))
        self.forget_windows()

    @property
    def token(self) -> str:
        """Of the person whom the worlds are about; good in both."""
        return self._tokens[self.person.name]

    def sight(self, person: Person) -> Sight:
        """What the person gets of every column; what is granted nowhere is not there."""
        house = self.houses[0]
        active = house.gateway.control.policy.current()
        principal, sight = house.principal(self._tokens[person.name]), {}
        for name, dataset in active.datasets.items():
            decided = [
                decision.datasets[name]
                for column in dataset.columns
                if (
                    decision := active.pdp.decide(
                        principal=principal,
                        purpose=person.purpose,
                        uses={name: frozenset({column})},
                        now=house.now(),
                    )
                ).allowed
            ]
            if decided:
                sight[name] = (decided[0], {c.column: c for each in decided for c in each.columns.values()})
        return sight

    def forget_windows(self) -> None:
        """As if a release window had ended: the next filter may be another."""
        for house in self.houses:
            with house.gateway.control.engine.begin() as connection:
                connection.execute(sa.text("DELETE FROM release_window"))

    def differs(self, question: Question) -> dict[str, tuple[object, object]]:
        """Channels that tell the two worlds apart, with what each told."""
        for _ in range(_TIMES):
            told = self.tell(0, question), self.tell(1, question)
            codes = {each.get("code") for each in told}
            if len(codes) == 1 or not codes & OF_THE_HOST:
                break
        self.code = str(told[0].get("code", ""))
        self.answered = not self.code
        differing = {
            channel: (told[0].get(channel), told[1].get(channel))
            for channel in sorted(told[0].keys() | told[1].keys())
            if told[0].get(channel) != told[1].get(channel)
        }
        if any(leaked := tuple(self.canaries(number, told[number], question) for number in (0, 1))):
            differing["canary"] = leaked
        return differing

    def canaries(self, number: int, told: Told, question: Question) -> list[str]:
        """Secret texts that an answer says, whole and not only because the question does."""
        said = repr({k: v for k, v in told.items() if k not in ("released", "source")}).casefold()
        if "zqx" not in said:
            return []
        asked = " ".join((question.sql, *question.parameters)).casefold()
        return sorted(secret for secret in self.secrets[number] if secret in said and secret not in asked)

    def tell(self, number: int, question: Question) -> Told:
        self.seen[number] = Seen()
        assert self.other is not None
        back = self.other.back if number == 1 and self.is_shimmed else None
        with watched(self.seen[number], back=back, paired=not self.is_shimmed):
            told = (self._over_http if question.door == "http" else self._inside)(number, question)
        if "code" not in told:
            told["released"] = sorted(self.seen[number].released)
            told["source"] = sorted(self._sent(number))
        return told

    def _sent(self, number: int) -> Iterator[str]:
        for statement in self.seen[number].statements:
            for server in self._served[number].values():
                statement = statement.replace(server.name, "OWN")  # noqa: PLW2901
            yield statement

    def _inside(self, number: int, question: Question) -> Told:
        house, token = self.houses[number], self._tokens[self.person.name]
        told: Told = {}
        asked: dict[str, Any] = {
            "purpose": self.person.purpose,
            "dialect": question.dialect,
            "limit": question.limit,
            "parameters": question.parameters,
        }
        try:
            body, answer = house.ask(token, question.sql, form=question.form, **asked)
            headers = {k: v for k, v in answer.headers.items() if k.lower() not in OWN}
            told |= {"body": RECEIPT.sub(b"RECEIPT", body), "headers": headers, "media": answer.media_type}
            told |= {"plan": repr(answer.plan), "decision": repr(answer.decision)}
        except GatewayError as error:
            told["code"] = error.code
            told["error"] = (type(error).__name__, error.code, error.message, error.reasons, error.fix)
        if not question.is_explained and "code" not in told:
            return told
        try:
            explained = house.enforcement.explain(request(token, question.sql, **asked))
            told["explained"] = repr(explained)
        except GatewayError as error:
            told["explained"] = (error.code, error.message, error.reasons, error.fix)
        return told

    def _over_http(self, number: int, question: Question) -> Told:
        client = self._clients[number]
        headers = {"Authorization": f"Bearer {self._tokens[self.person.name]}", "Accept": MEDIA_TYPES[question.form]}
        body = {
            "sql": question.sql,
            "purpose": self.person.purpose,
            "dialect": question.dialect,
            "limit": question.limit,
            "parameters": question.parameters,
        }
        answer = client.post("/v1/query", json=body, headers=headers)
        told: Told = {
            "status": answer.status_code,
            "body": RECEIPT.sub(b"RECEIPT", answer.content),
            "headers": sorted((k, v) for k, v in answer.headers.items() if k not in OWN),
        }
        if answer.status_code != 200:
            told["code"] = answer.json()["code"]
        explained = client.post("/v1/explain", json=body, headers=headers)
        told["explained"] = (explained.status_code, RECEIPT.sub(b"RECEIPT", explained.content))
        if (receipt := answer.headers.get("gateway-receipt")) is not None:
            kept = client.get(f"/v1/receipts/{receipt}", headers=headers).json()
            told["receipt"] = {k: v for k, v in kept.items() if k not in ("receipt", "time", "body_hmac")}
        return told

    def differs_beyond_bijection(self, question: Question) -> dict[str, tuple[object, object]]:
        """Without the shim, of a question that treats all identifiers alike: the same, after renaming pseudonyms.

        Rows are compared as a multiset: which comes first is up to the pseudonyms.
        """
        self.is_shimmed = False
        try:
            told = self.tell(0, question), self.tell(1, question)
        finally:
            self.is_shimmed = True
        assert self.other is not None
        self.code = str(told[0].get("code", ""))
        self.answered = not self.code
        made = {(domain, value): pseudonym for domain, value, pseudonym in self.seen[0].pairs}
        names = {p: made.get((domain, self.other.back[domain].get(v))) for domain, v, p in self.seen[1].pairs}
        rows = [_rows(told[0], {}), _rows(told[1], names)]
        differing = {} if rows[0] == rows[1] else {"rows": (rows[0], rows[1])}
        for channel in ("code", "error", "headers", "media", "plan", "decision", "explained", "source"):
            if told[0].get(channel) != told[1].get(channel):
                differing[channel] = (told[0].get(channel), told[1].get(channel))
        if any(leaked := tuple(self.canaries(number, told[number], question) for number in (0, 1))):
            differing["canary"] = leaked
        return differing

    def close(self) -> None:
        for client in self._clients:
            client.close()


def _rows(told: Told, names: Mapping[str, str | None]) -> list[str]:
    """Of a JSON answer, sorted, with pseudonyms renamed."""
    body = told.get("body")
    if not isinstance(body, bytes) or "code" in told:
        return []
    rows = json.loads(body)["rows"]
    return sorted(repr([names.get(cell, cell) if isinstance(cell, str) else cell for cell in row]) for row in rows)


def secrets(tables: bank.Tables, sight: Sight) -> frozenset[str]:
    """Canaries in cells that are not shown as they are, or in no granted column."""
    shown, kept = set(), set()
    for name, rows in tables.items():
        columns = next((columns for dataset, (_, columns) in sight.items() if dataset.endswith(f".{name}")), {})
        for row in rows:
            for column, value in row.items():
                if isinstance(value, str) and value.casefold().startswith("zqx") and value.isprintable():
                    is_shown = column in columns and columns[column].mask.name == "keep"
                    (shown if is_shown else kept).add(value.casefold())
    return frozenset(kept - shown)


@contextlib.contextmanager
def open_worlds(root: Path, *, postgres: str | None = None, mariadb: str | None = None) -> Iterator[Worlds]:
    """Two gateways with equal keys, tokens and policies, each with its door: copies of one home.

    `postgres`, `mariadb`: URLs of servers that hold tables too.
    """
    with contextlib.ExitStack() as stack:
        served = [stack.enter_context(servers(postgres=postgres, mariadb=mariadb)) for _ in range(2)]
        policies = write_policies(root / "policies", sources=(*SOURCES, *served[0]))
        host = Host()
        settings = [
            _settings(root / name, policies=policies, served=own)
            for name, own in (("seed", served[0]), ("0", served[0]), ("1", served[1]))
        ]
        host.initialize(settings[0])
        tokens = _make_tokens(host, settings[0])
        _make_keys(host, settings[0], tokens, served=served[0])
        houses, urls = [], []
        for twin in settings[1:]:
            copy_home(settings[0], twin)
            gateway = stack.enter_context(
                contextlib.closing(Gateway(Control(twin), sources=open_sources(twin.sources)))
            )
            gateway.start()
            houses.append(House(gateway=gateway, host=host, settings=twin))
            urls.append(stack.enter_context(open_door(gateway.services())))
        worlds = Worlds((houses[0], houses[1]), served=(served[0], served[1]), urls=(urls[0], urls[1]), tokens=tokens)
        stack.callback(worlds.close)
        yield worlds


def _write(tables: bank.Tables, settings: Settings, served: Servers) -> None:
    write(tables, settings.sources.parent)
    for server in served.values():
        server.write(tables)


def _make_tokens(host: Host, settings: Settings) -> dict[str, str]:
    with host.token_desk(settings) as (desk, actor):
        return {
            p.name: desk.create(
                actor,
                principal=p.name,
                roles=frozenset({p.role}),
                environment=p.environment,
                lifetime=timedelta(days=1),
            )[1]
            for p in PEOPLE
        }


def _make_keys(host: Host, settings: Settings, tokens: Mapping[str, str], *, served: Servers) -> None:
    """A project's keys are made when they are first needed: here, so that both copies have them."""
    _write(first_world(0, servers=served), settings, served)
    with contextlib.closing(Gateway(Control(settings), sources=open_sources(settings.sources))) as gateway:
        gateway.start()
        house = House(gateway=gateway, host=host, settings=settings)
        for person in PEOPLE:
            column = {"rita": "count(*)", "otto": "counterparty_iban"}.get(person.name, "iban")
            sql = f"SELECT {column} FROM core.{'transactions' if person.name == 'otto' else 'accounts'}"
            house.ask(tokens[person.name], sql, purpose=person.purpose)


def _settings(folder: Path, *, policies: Path, served: Servers) -> Settings:
    folder.mkdir()
    sources = folder / "sources.yaml"
    urls = SOURCES | {name: server.url for name, server in served.items()}
    sources.write_text("".join(f'{name}: {{url: "{url}"}}\n' for name, url in urls.items()))
    return Settings(
        home=folder / "home",
        policies=policies,
        sources=sources,
        rows_per_day=10**9,
        requests_per_minute=10**9,
        sandbox_warm_children=1,
        sandbox_queries_per_child=1000,
    )
