"""Catalog scans through the enforcement point: who may, what is logged before which byte, and what never leaves."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway import audit
from gateway.catalog import read_catalog
from gateway.catalog.writing import as_json, one_file
from gateway.enforcement import EnforcementPoint
from gateway.errors import Denied, Exhausted, GatewayError, Invalid, Unauthenticated, Unavailable
from gateway.governance import read_policies
from gateway.ports import Source, SourceSession
from gateway.profiling import Watch
from gateway.store import SqlLogStore
from gateway.terms.audit import Actor
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import Credentials
from gateway.terms.proposal_catalog import CatalogProposal, Progress
from gateway.terms.request import HostUser, ProfileRequest
from gateway.terms.source_schema import SchemaTable
from gateway.terms.streams import RawStream, Tally
from tests import bank
from tests.house import POLICIES, House, open_house
from tests.unit.http.door import entries, size

OPERATOR = Actor(principal="operator:test", environment="dev", roles=(), door="host")
TABLES = 5


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root = tmp_path_factory.mktemp("scan")
    with open_house(root, bank=bank.write(bank.first_world(customers=120), root / "core.db")) as house:
        yield house


def asked(**more: Any) -> ProfileRequest:
    return ProfileRequest(**{"credentials": HostUser(actor=OPERATOR), "source": "core", **more})


def refused(house: House, *, watch: Watch | None = None, **more: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        house.enforcement.profile(asked(**more), watch=watch)
    return caught.value


class Watched:
    """The real source, and what happens before it is asked (ports.Source)."""

    aggregates_near_data = True

    def __init__(self, source: Source, before: Callable[[str], None]) -> None:
        self._source = source
        self._before = before
        self.consistency = source.consistency

    def session(self, *, receipt: str, deadline: float, tally: Tally) -> SourceSession:
        return WatchedSession(self._source.session(receipt=receipt, deadline=deadline, tally=tally), self._before)

    def check(self) -> tuple[str, ...]:
        return tuple(self._source.check())


class WatchedSession:
    def __init__(self, session: SourceSession, before: Callable[[str], None]) -> None:
        self._session = session
        self._before = before

    def describe(self) -> object:
        self._before("")
        return self._session.describe()

    def sample(self, table: SchemaTable, *, rows: int) -> RawStream:
        self._before(table.name[-1])
        return self._session.sample(table, rows=rows)

    def close(self) -> None:
        self._session.close()


@contextlib.contextmanager
def before_each(house: House, act: Callable[[str], None]) -> Iterator[EnforcementPoint]:
    """An enforcement point over the house's rooms whose source does this first."""
    rooms = house.enforcement._rooms
    watched = {name: Watched(source, act) for name, source in rooms.sources.items()}
    yield EnforcementPoint(dataclasses.replace(rooms, sources=watched), limits=house.enforcement._limits)


# Who may


def test_nobody_scans_from_afar(house: House) -> None:
    token = house.token("ada", "admin")
    read: list[str] = []
    with before_each(house, read.append) as point, pytest.raises(Denied) as caught:
        point.profile(asked(credentials=Credentials(bearer=token), door="http"))
    (entry,) = entries(house, receipt=caught.value.receipt)
    assert (entry.kind, entry.payload["code"], entry.payload["actor"]["principal"]) == (
        "denial",
        "denied.profile",
        "ada",
    )
    assert read == []


def test_a_stranger_is_told_nothing(house: House) -> None:
    before = size(house)
    assert isinstance(refused(house, credentials=Credentials(bearer="gw_wrong")), Unauthenticated)
    assert size(house) == before


@pytest.mark.parametrize("actor", [{"door": "http"}, {"principal": "ana"}])
def test_only_the_hosts_operator_may(house: House, actor: Mapping[str, str]) -> None:
    other = HostUser(actor=dataclasses.replace(OPERATOR, **actor))
    assert refused(house, credentials=other).code == "denied.profile"


REFUSED: Mapping[str, tuple[type[GatewayError], Mapping[str, Any]]] = {
    "invalid.source": (Invalid, {"source": "nothing"}),
    "invalid.rows": (Invalid, {"rows": 10**9}),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_scanned_is_a_denial_entry(house: House, code: str) -> None:
    kind, wrong = REFUSED[code]
    before = size(house)
    error = refused(house, **wrong)
    assert (type(error), error.code, size(house)) == (kind, code, before + 1)
    assert entries(house, receipt=error.receipt)[0].payload["code"] == code


@pytest.mark.parametrize("limit", ["tables", "columns"])
def test_more_than_a_scan_may_take_is_refused_before_a_row_is_read(house: House, limit: str) -> None:
    limits = house.enforcement._limits
    small = dataclasses.replace(limits, profile=dataclasses.replace(limits.profile, **{limit: 3}))
    point = EnforcementPoint(house.enforcement._rooms, limits=small)
    with pytest.raises(Exhausted) as caught:
        point.profile(asked())
    assert caught.value.code == f"exhausted.profile_{limit}"
    assert entries(house, receipt=caught.value.receipt)[0].kind == "denial"
    assert point.profile(asked(tables=("loans",), rows=0)).tables[0].dataset == "core.loans"


# What is logged, and when


def test_an_access_entry_stands_before_the_schema_and_one_before_the_rows(house: House) -> None:
    sizes: dict[str, int] = {}
    begun = size(house)
    with before_each(house, lambda table: sizes.setdefault(table, size(house))) as point:
        proposal = point.profile(asked())
    schema, rows = (entries(house, receipt=receipt, kind="access")[0] for receipt in proposal.receipts)
    assert (schema.index, rows.index) == (begun, begun + 2)
    assert sizes.pop("") == begun + 1
    assert set(sizes) == set(bank.DECLARED)
    assert set(sizes.values()) == {begun + 3}
    assert [entry.result for entry in (schema, rows)] == ["ok", "ok"]
    assert size(house) == begun + 4


def test_the_entry_names_every_column_that_is_sampled(house: House) -> None:
    receipts = house.enforcement.profile(asked(tables=("loans",))).receipts
    (entry,) = entries(house, receipt=receipts[-1], kind="access")
    named = {(c["dataset"], c["column"], c["level"]) for c in entry.payload["columns"]}
    assert named == {("core.loans", column, "profiled") for column in bank.DECLARED["loans"]}
    assert entry.payload["actor"]["principal"] == "operator:test"
    assert entry.index in {found.index for found in entries(house, dataset="core.loans", column="amount")}


def test_nothing_is_read_where_the_log_has_no_room(tmp_path: Path) -> None:
    source = bank.write(bank.first_world(), tmp_path / "core.db")
    read: list[str] = []
    with (
        open_house(tmp_path, bank=source, audit_reserve_mb=10**9) as house,
        before_each(house, read.append) as point,
        pytest.raises(Unavailable) as caught,
    ):
        point.profile(asked())
    assert caught.value.code == "unavailable.log_space"
    assert read == []


def test_the_schema_alone_reads_no_row(house: House) -> None:
    read: list[str] = []
    with before_each(house, read.append) as point:
        proposal = point.profile(asked(rows=0))
    assert read == [""]
    assert len(proposal.receipts) == 1
    assert not proposal.is_sampled
    assert all(c.needs_review for table in proposal.tables for c in table.columns)


def test_the_log_of_a_scan_verifies(house: House) -> None:
    house.enforcement.profile(asked(tables=("loans",)))
    store = SqlLogStore(house.gateway.control.engine)
    found = audit.verify_log(store, verifier_key=house.host.verifier_key(house.settings))
    assert found.ok


# How it ends


def test_a_scan_that_is_cancelled_ends_as_one(house: House) -> None:
    def on(progress: Progress) -> None:
        if progress.done == 1:
            watch.stop()

    watch = Watch(on)
    error = refused(house, watch=watch)
    assert error.code == "unavailable.cancelled"
    (entry,) = entries(house, receipt=error.receipt, kind="access")
    assert (entry.result, entry.outcome["code"]) == ("failed", "unavailable.cancelled")


def test_a_scan_that_is_cancelled_before_it_begins_reads_nothing(house: House) -> None:
    read: list[str] = []
    watch = Watch()
    watch.stop()
    with before_each(house, read.append) as point, pytest.raises(Unavailable):
        point.profile(asked(), watch=watch)
    assert read == []


def test_a_scan_ends_with_the_lease_of_its_process(house: House) -> None:
    def lose(progress: Progress) -> None:
        if progress.done == 1:
            house.gateway.running.stop_all(Unavailable("this gateway process lost its lease", code="lease"))

    assert refused(house, watch=Watch(lose)).code == "unavailable.lease"


def failing(*tables: str) -> Callable[[str], None]:
    def act(table: str) -> None:
        if table in tables:
            raise Unavailable("source core: it is gone", code="source")

    return act


def test_one_table_that_cannot_be_read_does_not_end_the_others(house: House) -> None:
    with before_each(house, failing("customers", "loans")) as point:
        found = {each.dataset: each for each in point.profile(asked()).tables}
    assert found["core.customers"].note == "not sampled: unavailable.source"
    columns = found["core.customers"].columns
    assert {column.classification for column in columns} == {"direct_identifier"}
    assert [column.name for column in columns if not column.needs_review] == ["customer_id"]  # other tables name it
    assert found["core.accounts"].sampled_rows > 0


def test_a_source_that_goes_down_in_the_middle_ends_the_scan(house: House) -> None:
    with before_each(house, failing("call_notes", "customers", "loans")) as point, pytest.raises(Unavailable) as caught:
        point.profile(asked())
    assert caught.value.code == "unavailable.source"
    (entry,) = entries(house, receipt=caught.value.receipt, kind="access")
    assert entry.result == "failed"


def test_progress_names_tables_and_comes_to_its_end(house: House) -> None:
    told: list[Progress] = []
    house.enforcement.profile(asked(), watch=Watch(told.append))
    assert [progress.table for progress in told] == [*sorted(bank.DECLARED), ""]
    assert told[-1].done == told[-1].total == TABLES


# What never leaves


def test_no_value_is_in_the_proposal_the_file_or_the_log(house: House) -> None:
    before = size(house)
    proposal = house.enforcement.profile(asked())
    texts = [json.dumps(as_json(proposal)), one_file(proposal, PolicyFiles({})), repr(proposal)]
    for receipt in proposal.receipts:
        texts += [json.dumps([entry.payload, entry.outcome]) for entry in entries(house, receipt=receipt)]
    assert size(house) > before
    values = bank.canaries(bank.first_world(customers=120))
    assert len(values) > 100
    assert [value for value in values for text in texts if value.lower() in text.lower()] == []


def test_two_scans_propose_the_same(house: House) -> None:
    first, second = (house.enforcement.profile(asked()) for _ in range(2))
    assert _timeless(first) == _timeless(second)


def _timeless(proposal: CatalogProposal) -> CatalogProposal:
    return dataclasses.replace(proposal, at=datetime.datetime.min.replace(tzinfo=datetime.UTC), receipts=())


def test_the_active_catalog_is_without_drift_but_for_what_evidence_says(house: House) -> None:
    files = read_policies(POLICIES)
    proposal = house.enforcement.profile(asked(beside=read_catalog(files), rows=0))
    assert proposal.drift == ()
    assert {column.listing for table in proposal.tables for column in table.columns} == {"listed"}


def test_columns_in_capitals_are_proposed_as_a_catalog_has_them(house: House) -> None:
    with closing(sqlite3.connect(house.settings.home.parent / "core.db")) as file, file:
        file.execute(
            'CREATE TABLE "Clients"'
            ' ("ClientID" INTEGER PRIMARY KEY, "firstName" TEXT, "E-Mail" TEXT, "DateOfBirth" TEXT)'
        )
        rows = [(n, "Ana", f"ana{n}@example.org", f"19{60 + n % 30}-02-03") for n in range(200)]
        file.executemany('INSERT INTO "Clients" VALUES (?, ?, ?, ?)', rows)
    try:
        proposal = house.enforcement.profile(asked(tables=("Clients",)))
        text = one_file(proposal, PolicyFiles({}))
        (dataset,) = read_catalog(PolicyFiles({"catalog/core.yaml": text})).values()
        assert dataset.table == ("Clients",)
        assert list(dataset.columns) == ["client_id", "first_name", "e_mail", "date_of_birth"]
        assert dataset.columns["e_mail"].domain == "email"
        assert dataset.columns["date_of_birth"].classification == "quasi_identifier"
        assert dataset.subject is not None
        assert dataset.subject.column == "client_id"
    finally:
        with closing(sqlite3.connect(house.settings.home.parent / "core.db")) as file, file:
            file.execute('DROP TABLE "Clients"')
