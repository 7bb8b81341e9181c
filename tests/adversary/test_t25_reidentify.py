"""T25: re-identification in bulk, alone, twice, of other lists or of rows that one may not see."""

from __future__ import annotations

import datetime
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Invalid, Unavailable, Unsupported
from gateway.terms.audit import EntryFilter
from gateway.terms.identity import Credentials
from gateway.terms.request import ReidentifyRequest
from tests import bank
from tests.cases import PROJECT, PURPOSE, Bureau, policies
from tests.house import open_house
from tests.pg import postgres_server, postgres_url  # noqa: F401 - fixtures
from tests.unit.http.door import entries, size

SEEN = "SELECT customer_id FROM customers WHERE region = 'DE'"
"""By Ana, whose pseudonyms these are, and by the handler in full."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Bureau]]:
    houses = []

    def build(*, more: str = "", old: str = "", new: str = "", **settings: Any) -> Bureau:
        source = bank.write(bank.first_world(), tmp_path / "core.db")
        folder = policies(tmp_path, more=more, old=old, new=new)
        houses.append(open_house(tmp_path, bank=source, policies=folder, requests_per_minute=100_000, **settings))
        return Bureau(houses[0].__enter__())

    yield build
    for house in houses:
        house.__exit__(None, None, None)


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    root = tmp_path_factory.mktemp("cases")
    source = bank.write(bank.first_world(), root / "core.db")
    settings = {"requests_per_minute": 100_000, "reidentify_cases_per_day": 1000}
    with open_house(root, bank=source, policies=policies(root), **settings) as house:
        yield Bureau(house)


def refused(act: Callable[..., object], *given: Any, **more: Any) -> GatewayError:
    with pytest.raises(GatewayError) as error:
        act(*given, **more)
    return error.value


def in_database(bureau: Bureau, sql: str, *values: object) -> None:
    with sqlite3.connect(bureau.house.settings.home / "control.db") as connection:
        assert connection.execute(sql, values).rowcount == 1
    connection.close()


# What it gives


def test_an_approved_case_leads_to_the_identifiers_of_rows_that_the_asker_sees_in_full(bureau: Bureau) -> None:
    shown = bureau.shown()
    found, unresolved = bureau.told(shown)
    assert set(found.values()) == bureau.column(SEEN)
    assert unresolved == len(shown) - len(found) > 0  # FR, which the handler's row filter hides


@pytest.mark.parametrize(
    ("dataset", "column", "truth"),
    [
        ("core.customers", "email", "SELECT email FROM customers WHERE region = 'DE'"),
        ("core.customers", "iban", "SELECT iban FROM customers WHERE region = 'DE'"),
        (
            "core.accounts",
            "account_id",
            "SELECT account_id FROM accounts JOIN customers USING (customer_id) WHERE region = 'DE'",
        ),
    ],
)
def test_other_identifiers_lead_back_too(bureau: Bureau, dataset: str, column: str, truth: str) -> None:
    shown = bureau.shown(column, dataset)
    found, _ = bureau.told(shown, dataset=dataset, column=column)
    assert set(found.values()) == bureau.column(truth)


def test_a_pseudonym_of_a_hidden_row_is_told_from_none_that_exists_by_nothing(bureau: Bureau) -> None:
    hidden = sorted(set(bureau.shown()) - bureau.told(bureau.shown())[0].keys())[0]
    results = []
    for listed in ([hidden], ["0000000000000000"]):
        found = bureau.fetch(bureau.approved(listed), listed)
        receipt = found["trailer"].pop("receipt")
        (access,) = entries(bureau.house, receipt=receipt, kind="access")
        assert access.outcome is not None
        outcome = {name: access.outcome[name] for name in ("result", "rows", "code", "suppressed_rows", "subjects")}
        results.append((found, outcome))
    assert results[0] == results[1]
    assert results[0][0]["trailer"]["unresolved"] == 1


def test_pseudonyms_of_another_project_lead_nowhere(bureau: Bureau) -> None:
    body, _ = bureau.house.ask(
        bureau.house.token("inge", "fraud-analyst"), "SELECT customer_id FROM core.customers", purpose=PURPOSE
    )
    others = [row[0] for row in json.loads(body)["rows"]]
    assert others
    assert bureau.told(others) == ({}, len(others))
    assert len(bureau.told(others, project="fraud")[0]) > 0


# Who, and when


@pytest.mark.parametrize("who", ["hugo", "ana"])
def test_nobody_approves_alone_or_without_the_capability(bureau: Bureau, who: str) -> None:
    view = bureau.propose(bureau.shown())
    error = refused(bureau.approve, view, who=getattr(bureau, who))
    assert error.code == {"hugo": "denied.four_eyes", "ana": "denied.proposal"}[who]
    assert refused(bureau.fetch, view.proposal.id, bureau.shown()).code == "denied.unapproved"


def test_who_may_do_both_still_needs_another(bureau: Bureau) -> None:
    both = bureau.house.token("bodo", "case-handler", "privacy-officer")
    view = bureau.propose(bureau.shown(), who=both)
    assert refused(bureau.approve, view, who=both).code == "denied.four_eyes"


def test_a_denied_case_gives_nothing(bureau: Bureau) -> None:
    view = bureau.propose(bureau.shown())
    approvals = bureau.house.gateway.approvals.approvals
    approvals.deny(Credentials(bearer=bureau.petra), view.proposal.id, digest=view.proposal.digest)
    shown = bureau.shown()
    assert refused(bureau.fetch, view.proposal.id, shown).code == "denied.unapproved"
    asked = ReidentifyRequest(
        credentials=Credentials(bearer=bureau.hugo), proposal=view.proposal.id, pseudonyms=tuple(shown)
    )
    cases, hugo = bureau.house.enforcement._rooms.cases, bureau.house.principal(bureau.hugo)
    assert refused(cases.approved, hugo, asked).code == "denied.unapproved"  # by the book,
    with pytest.raises(Denied):  # and by the database
        bureau.house.gateway.control.proposals.spend(
            view.proposal.id, by="hugo", within=datetime.timedelta(days=1), per_day=1000
        )


def test_proposing_needs_the_capability_and_the_column_in_full(bureau: Bureau) -> None:
    assert refused(bureau.propose, ["x"], who=bureau.ana).code == "denied.capability"
    assert refused(bureau.propose, ["x"], purpose="regulatory-reporting").code == "denied.grant"
    error = refused(bureau.propose, ["x"], column="full_name")
    assert isinstance(error, Unsupported) and error.code == "unsupported.recover"


def test_only_pseudonyms_that_one_sees_are_not_enough(opened: Callable[..., Bureau]) -> None:
    """The handler's other grant shows the column too, but as pseudonyms."""
    bureau = opened(
        old="purposes: [fraud-detection], level: full, rows", new="purposes: [data-quality], level: full, rows"
    )
    error = refused(bureau.propose, ["x"])
    assert (error.code, "full" in error.message) == ("denied.grant", True)
    assert error.fix.endswith("--level full")


@pytest.mark.parametrize("who", ["hans", "petra", "ana"])
def test_the_result_is_the_proposers(bureau: Bureau, who: str) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    error = refused(bureau.fetch, case, shown, who=getattr(bureau, who))
    expected = {"hans": "denied.proposal", "petra": "denied.capability", "ana": "denied.capability"}[who]
    assert (error.code, bool(error.receipt)) == (expected, True)
    assert bureau.fetch(case, shown)["rows"]


def test_another_id_and_another_kind_of_proposal_are_equally_unknown(bureau: Bureau) -> None:
    from gateway.governance import AccessRequest

    wanted = AccessRequest(datasets=("core.customers",), purposes=("data-quality",), level="pseudonymized")
    other = bureau.house.gateway.approvals.access.request(Credentials(bearer=bureau.hugo), wanted).proposal.id
    told = {refused(bureau.fetch, case, ["x"]).message for case in (other, "p-0000000000000000", "")}
    assert len(told) == 1
    cases = bureau.house.gateway.approvals.cases
    assert refused(cases.shown, Credentials(bearer=bureau.hugo), other).code == "denied.proposal"


def test_another_environments_credential_is_another_asker(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    elsewhere = bureau.house.token("hugo", "case-handler", environment="prod")
    assert refused(bureau.fetch, case, shown, who=elsewhere).code == "denied.proposal"


# Once


def test_a_second_result_is_refused(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.fetch(case, shown)
    error = refused(bureau.fetch, case, shown)
    assert (error.code, error.fix) == ("denied.spent", "propose a new one")


def test_a_result_that_broke_off_is_spent(bureau: Bureau) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.begin(case, shown).body.close()
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_a_failing_source_spends_the_case_and_says_so(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise Unavailable("the source does not answer", code="source")

    shown = bureau.shown()
    case = bureau.approved(shown)
    with monkeypatch.context() as patched:
        patched.setattr(bureau.house.enforcement._rooms.sources["core"], "session", broken)
        error = refused(bureau.fetch, case, shown)
    assert (error.code, error.fix) == ("unavailable.source", "this case is spent: propose a new one")
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_without_an_access_entry_it_is_spent_and_nothing_is_read(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spent before: two results of one case are worse than none."""
    shown = bureau.shown()
    case = bureau.approved(shown)

    def broken(entry: Any, **_: Any) -> int:
        raise Unavailable("the log cannot be written", code="log")

    read: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(bureau.house.gateway.control.log, "append", broken)
        patched.setattr(bureau.house.enforcement._rooms.sources["core"], "session", lambda *_, **__: read.append(1))
        assert refused(bureau.begin, case, shown).code == "unavailable.log"
    assert not read
    assert refused(bureau.fetch, case, shown).code == "denied.spent"


def test_of_two_at_once_one_gets_it(bureau: Bureau) -> None:
    shown = bureau.shown()
    for _ in range(5):
        case, told, start = bureau.approved(shown), [], threading.Barrier(3)

        def take(case: str = case, told: list[str] = told, start: threading.Barrier = start) -> None:
            start.wait()
            try:
                bureau.fetch(case, shown)
                told.append("ok")
            except GatewayError as error:
                told.append(error.code)

        threads = [threading.Thread(target=take) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["denied.spent", "denied.spent", "ok"]


@pytest.mark.postgres
def test_a_control_database_of_postgresql_keeps_the_same_rules(
    opened: Callable[..., Bureau],
    postgres_url: str,  # noqa: F811 - the fixture
) -> None:
    bureau = opened(database_url=postgres_url, reidentify_cases_per_day=1)
    shown = bureau.shown()
    case = bureau.approved(shown)
    bureau.fetch(case, shown)
    assert refused(bureau.fetch, case, shown).code == "denied.spent"
    assert refused(bureau.propose, shown).code == "exhausted.cases"
    late = bureau.approved(shown, who=bureau.hans)
    engine = bureau.house.gateway.control.engine
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE proposal_verdict SET decided_at = decided_at - {25 * 3600 * 10**6} WHERE proposal_id = '{late}'"
        )
    assert refused(bureau.fetch, late, shown, who=bureau.hans).code == "denied.expired"


def test_a_day_after_the_verdict_is_too_late(bureau: Bureau) -> None:
    shown = bureau.shown()
    case, other = bureau.approved(shown), bureau.approved(shown)
    day = 24 * 3600 * 1_000_000
    update = "UPDATE proposal_verdict SET decided_at = decided_at - ? WHERE proposal_id = ?"
    in_database(bureau, update, day + 1_000_000, case)
    in_database(bureau, update, day - 60_000_000, other)
    assert refused(bureau.fetch, case, shown).code == "denied.expired"
    assert bureau.fetch(other, shown)["rows"]


# What was approved


@pytest.mark.parametrize("change", ["less", "more", "other"])
def test_the_list_is_the_one_that_was_approved(bureau: Bureau, change: str) -> None:
    shown = sorted(bureau.shown())
    case = bureau.approved(shown[:-1])
    sent = {"less": shown[:-2], "more": shown, "other": [*shown[:-2], shown[-1]]}[change]
    assert refused(bureau.fetch, case, sent).code == "denied.pseudonyms"
    assert bureau.fetch(case, [*reversed(shown[:-1]), shown[0]])["rows"]  # order and repetition are no other list


@pytest.mark.parametrize(
    ("old", "new"), [('"customer_id"', '"email"'), ('"epoch": 1', '"epoch": 2'), ("credit-risk", "fraud")]
)
def test_a_stored_case_that_was_changed_is_refused(bureau: Bureau, old: str, new: str) -> None:
    shown = bureau.shown()
    case = bureau.approved(shown)
    in_database(bureau, "UPDATE proposal SET document = replace(document, ?, ?) WHERE id = ?", old, new, case)
    assert isinstance(refused(bureau.fetch, case, shown), Integrity)


def test_what_was_approved_is_decided_again(opened: Callable[..., Bureau]) -> None:
    bureau = opened()
    shown = bureau.shown()
    case = bureau.approved(shown)
    without = {
        path: text.replace("role: case-handler", "role: intern")
        for path, text in bureau.house.gateway.control.bundles.active().files.items()  # type: ignore[union-attr]
    }
    alma, arno = (Credentials(bearer=bureau.house.token(name, "admin")) for name in ("alma", "arno"))
    desks = bureau.house.gateway.approvals
    proposed = desks.policies.propose(alma, without)
    desks.approvals.approve(arno, proposed.proposal.id, digest=proposed.proposal.digest)
    assert refused(bureau.fetch, case, shown).code == "denied.grant"


def test_a_destroyed_epoch_leads_nowhere_for_anybody(opened: Callable[..., Bureau]) -> None:
    bureau = opened()
    shown = bureau.shown()
    before = bureau.approved(shown)
    alma, arno = (Credentials(bearer=bureau.house.token(name, "admin")) for name in ("alma", "arno"))
    desks = bureau.house.gateway.approvals
    view = desks.keys.propose(alma, project=PROJECT)
    desks.approvals.approve(arno, view.proposal.id, digest=view.proposal.digest)
    for error in (refused(bureau.fetch, before, shown), refused(bureau.propose, shown)):
        assert (type(error), error.code) == (Integrity, "integrity.keys.destroyed")


def test_an_older_epoch_is_asked_for_by_its_number(opened: Callable[..., Bureau]) -> None:
    bureau = opened()
    first = bureau.shown()
    bureau.house.gateway._keys.begin(PROJECT)
    second = bureau.shown()
    assert not set(first) & set(second)
    assert bureau.told(first)[0] == {}
    assert set(bureau.told(first, epoch=1)[0].values()) == bureau.column(SEEN)
    assert set(bureau.told(second)[0].values()) == bureau.column(SEEN)
    assert refused(bureau.propose, first, epoch=3).code == "invalid.epoch"


# In bulk


def test_a_case_has_so_many_pseudonyms_and_a_person_so_many_cases_a_day(opened: Callable[..., Bureau]) -> None:
    bureau = opened(reidentify_values=12, reidentify_cases_per_day=2)
    assert refused(bureau.propose, range(13)).code == "exhausted.values"
    shown = bureau.shown()
    first, second = bureau.approved(shown), bureau.approved(shown)
    error = refused(bureau.propose, shown)
    assert (type(error), error.code) == (Exhausted, "exhausted.cases")
    assert bureau.propose(shown, who=bureau.hans)
    in_database(bureau, "UPDATE proposal SET created = created - ? WHERE id = ?", 25 * 3600 * 10**6, first)
    third = bureau.approved(shown)
    bureau.fetch(first, shown)
    bureau.fetch(second, shown)
    assert refused(bureau.fetch, third, shown).code == "denied.cases"


def test_what_is_given_counts_as_rows_of_the_day(opened: Callable[..., Bureau]) -> None:
    bureau = opened(rows_per_day=15)
    shown = bureau.shown()
    assert len(bureau.told(shown)[0]) == 6
    assert len(bureau.told(shown)[0]) == 6
    assert refused(bureau.told, shown).code == "exhausted.row_allowance"


@pytest.mark.parametrize(
    "wrong",
    [
        {"case": "two words"},
        {"case": ""},
        {"case": "x" * 65},
        {"reason": "a\nb"},
        {"dataset": "core.nothing"},
        {"column": "nothing"},
        {"project": "nothing"},
        {"project": "gateway"},
        {"pseudonyms": []},
        {"pseudonyms": ["x" * 513]},
        {"pseudonyms": ["\ud800"]},
        {"pseudonyms": ["a\x1b[2J"]},
        {"epoch": 7},
    ],
    ids=str,
)
def test_what_cannot_be_asked_so_is_said_without_a_value(bureau: Bureau, wrong: dict[str, Any]) -> None:
    error = refused(bureau.propose, wrong.pop("pseudonyms", ["ZQX-PSEUDONYM"]), **wrong)
    assert isinstance(error, Invalid)
    assert "ZQX" not in f"{error.message}{error.reasons}{error.fix}"


# What is written


def test_every_step_is_in_the_log_before_it_happens_and_none_names_a_pseudonym_or_a_person(bureau: Bureau) -> None:
    shown, before = bureau.shown(), size(bureau.house)
    found, _ = bureau.told(shown, case="CASE-9", reason="alerts of November")
    assert found
    log = bureau.house.gateway.control.log_store.search(EntryFilter(after=before - 1, limit=1000))
    steps = [(e.kind, (e.payload or {}).get("action", "")) for e in log]
    assert steps == [("event", "reidentify-propose"), ("event", "proposal-approve"), ("access", "")]
    assert all("CASE-9" in json.dumps(entry.payload) for entry in log)
    access = log[-1]
    assert access.payload is not None and access.outcome is not None
    assert {name: access.payload[name] for name in ("case", "project", "key_epoch", "purpose")} == {
        "case": "CASE-9",
        "project": PROJECT,
        "key_epoch": 1,
        "purpose": PURPOSE,
    }
    assert str(access.payload["shape"]).startswith(f"reidentify {len(shown)} pseudonyms of core.customers.customer_id")
    assert [(c["column"], c["level"]) for c in access.payload["columns"]] == [("customer_id", "full")]  # type: ignore[attr-defined]
    assert (access.outcome["result"], access.outcome["rows"]) == ("ok", len(found))
    assert list(access.outcome["subjects"]) == ["core.customers"]  # type: ignore[call-overload]


def test_the_sketch_of_the_answer_holds_those_who_were_named_and_few_others(bureau: Bureau) -> None:
    """An erasure asks it whose identifiers somebody took (T6)."""
    import pyarrow as pa

    from gateway import masks
    from gateway.epochs import PinnedKeys
    from gateway.terms.key import KeyEpoch

    shown = bureau.shown()
    result = bureau.fetch(case := bureau.approved(shown), shown)
    assert case
    (access,) = entries(bureau.house, receipt=result["trailer"]["receipt"], kind="access")
    assert access.outcome is not None
    sketch = access.outcome["subjects"]["core.customers"]  # type: ignore[index]
    keys = PinnedKeys(bureau.house.gateway._keys, KeyEpoch(PROJECT, 1))
    everybody = sorted(bureau.column("SELECT customer_id FROM customers"))
    hashes = masks.sketch_hash(pa.array(everybody), keys=keys, project=PROJECT, domain="customer")
    inside = {who for who, each in zip(everybody, hashes, strict=True) if masks.may_contain(sketch, int(each))}
    named = {row[1] for row in result["rows"]}
    assert named <= inside and len(inside) <= len(named) + 2


def test_no_pseudonym_and_no_identifier_stays_in_the_home(bureau: Bureau) -> None:
    shown = bureau.shown()
    found, _ = bureau.told(shown, reason="ZQX-REASON")
    assert refused(bureau.fetch, bureau.approved(shown[1:]), shown).code == "denied.pseudonyms"
    everything = b"".join(p.read_bytes() for p in bureau.house.settings.home.rglob("*") if p.is_file())
    assert b"ZQX-REASON" in everything
    left = [each for each in (*shown, *map(str, found.values())) if each.encode() in everything]
    assert not left


def test_a_denial_is_logged_and_repeats_nothing_of_the_list(bureau: Bureau) -> None:
    case = bureau.approved(bureau.shown())
    error = refused(bureau.fetch, case, ["ZQX-PSEUDONYM"])
    assert isinstance(error, Denied)
    (entry,) = entries(bureau.house, receipt=error.receipt)
    assert (entry.kind, "ZQX" in json.dumps(entry.payload)) == ("denial", False)
