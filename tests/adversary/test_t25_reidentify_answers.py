"""T25: re-identification of rows that one may not see, of another list than was approved, in bulk; what stays of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Denied, Exhausted, Integrity, Invalid
from gateway.terms.audit import EntryFilter
from gateway.terms.identity import Credentials
from tests.cases import PROJECT, PURPOSE, Bureau, bureaus, in_database, refused
from tests.unit.http.door import entries, size

SEEN = "SELECT customer_id FROM customers WHERE region = 'DE'"
"""By Ana, whose pseudonyms these are, and by the handler in full."""


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Bureau]]:
    with bureaus(tmp_path) as build:
        yield build


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    with bureaus(tmp_path_factory.mktemp("cases")) as build:
        yield build(reidentify_cases_per_day=1000)


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
