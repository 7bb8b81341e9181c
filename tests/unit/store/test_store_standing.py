"""Tokens, bundles, grants, leases, release windows: the same on both databases."""

from __future__ import annotations

import datetime
import decimal
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Integrity, Invalid
from gateway.store import Bundles, Destructions, Grants, Leases, SqlLogStore, Tokens, Windows
from gateway.store.policies import _predicate_from_json, _predicate_to_json
from gateway.terms.audit import Conditions
from gateway.terms.document import PolicyFiles
from gateway.terms.identity import StoredToken
from gateway.terms.key import KeyEpoch
from gateway.terms.policy import Grant, Level, RowRule, RuleRef
from gateway.terms.predicate import And, Compare, IsNull, Not, OneOf, Or

NOW = datetime.datetime.now(datetime.UTC)
HOUR = datetime.timedelta(hours=1)
FILES = PolicyFiles({"roles.yaml": "{}", "grants.yaml": "# ümläut\n[]"})


def token(token_id: str = "0123456789", **changes: object) -> StoredToken:
    fields: dict = {
        "id": token_id,
        "secret_sha256": bytes(range(32)),
        "principal": "ana",
        "roles": frozenset({"data-scientist", "auditor"}),
        "environment": "dev",
        "created": NOW,
        "expires": NOW + HOUR,
    }
    return StoredToken(**{**fields, **changes})


def grant(grant_id: str = "request-1", **changes: object) -> Grant:
    fields: dict = {
        "id": grant_id,
        "effect": "allow",
        "role": "intern",
        "environment": "dev",
        "datasets": frozenset({"core.customers", "core.loans"}),
        "purposes": frozenset({"credit-default-model"}),
        "level": Level.PSEUDONYMIZED,
        "columns": {"income": Level.FULL},
        "denied_columns": frozenset(),
        "at_most": None,
        "rows": RowRule(dataset="core.customers", predicate=OneOf("region", ("DE", "FR")), text="region IN …"),
        "rows_follow": frozenset({"core.loans"}),
        "expires": NOW + HOUR,
        "rule": RuleRef(file="dynamic", line=1, id=grant_id),
        "dynamic": True,
    }
    return Grant(**{**fields, **changes})


def test_a_token_comes_back_as_it_was_stored(engine: sa.Engine) -> None:
    tokens = Tokens(engine)
    tokens.add(token())
    assert tokens.find("0123456789") == token()
    assert tokens.find("nobody") is None


def test_tokens_are_listed_oldest_first(engine: sa.Engine) -> None:
    tokens = Tokens(engine)
    for at, name in enumerate("cab"):
        tokens.add(token(name, created=NOW + at * HOUR))
    assert [stored.id for stored in tokens.listed()] == ["c", "a", "b"]


def test_a_token_id_is_taken_once(engine: sa.Engine) -> None:
    Tokens(engine).add(token())
    with pytest.raises(Integrity):
        Tokens(engine).add(token())


def test_a_token_is_revoked_once(engine: sa.Engine) -> None:
    tokens = Tokens(engine)
    tokens.add(token())
    assert tokens.revoke("0123456789", now=NOW)
    assert not tokens.revoke("0123456789", now=NOW + HOUR)
    assert not tokens.revoke("nobody", now=NOW)
    assert tokens.find("0123456789").revoked == NOW


def test_no_bundle_is_active_before_init(engine: sa.Engine) -> None:
    assert (Bundles(engine).active(), Bundles(engine).active_digest()) == (None, "")


def test_the_last_activated_bundle_is_active(engine: sa.Engine) -> None:
    bundles, other = Bundles(engine), PolicyFiles({"roles.yaml": "other"})
    for files in (FILES, other, FILES):
        bundles.activate(files, by="operator:test", now=NOW)
        assert bundles.active().digest == bundles.active_digest() == files.digest


def test_a_bundle_that_was_edited_in_the_database_is_not_served(engine: sa.Engine) -> None:
    Bundles(engine).activate(FILES, by="operator:test", now=NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql('UPDATE policy_bundle SET files = \'{"roles.yaml": "{evil: {}}"}\'')
    with pytest.raises(Integrity):
        Bundles(engine).active()


def test_a_grant_comes_back_as_it_was_stored(engine: sa.Engine) -> None:
    grants = Grants(engine)
    stored = [
        grant("a"),
        grant("b", effect="deny", level=None, columns={}, denied_columns=frozenset({"income"}), rows=None),
        grant("c", at_most=Level.AGGREGATED, rows_follow=frozenset()),
    ]
    for one in reversed(stored):
        grants.add(one, by="ben", now=NOW)
    assert list(grants.current(now=NOW)) == stored


scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.text(),
    st.dates(),
    st.datetimes(timezones=st.just(datetime.UTC)).map(lambda time: time.replace(fold=0)),
)
leaves = st.one_of(
    st.builds(Compare, st.text(), st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), scalars),
    st.builds(OneOf, st.text(), st.lists(scalars, min_size=1).map(tuple)),
    st.builds(IsNull, st.text()),
)
predicates = st.recursive(
    leaves,
    lambda part: st.one_of(
        st.builds(Not, part),
        st.builds(And, st.lists(part, min_size=1).map(tuple)),
        st.builds(Or, st.lists(part, min_size=1).map(tuple)),
    ),
    max_leaves=6,
)


@settings(max_examples=150)
@given(predicates)
def test_a_predicate_survives_json_with_its_types(predicate: object) -> None:
    again = _predicate_from_json(json.loads(json.dumps(_predicate_to_json(predicate), allow_nan=False)))
    assert again == predicate
    assert repr(again) == repr(predicate)  # True, 1, 1.0 and Decimal(1) are equal, and not the same


@pytest.mark.parametrize(
    "changes",
    [{"dynamic": False}, {"expires": None}, {"expires": NOW}],
    ids=["not dynamic", "no expiry", "expired"],
)
def test_a_grant_that_does_not_expire_later_is_refused(engine: sa.Engine, changes: dict) -> None:
    with pytest.raises(Invalid):
        Grants(engine).add(grant(**changes), by="ben", now=NOW)


def test_a_grant_is_gone_once_expired_or_revoked(engine: sa.Engine) -> None:
    grants = Grants(engine)
    grants.add(grant("a"), by="ben", now=NOW)
    grants.add(grant("b"), by="ben", now=NOW)
    assert grants.revoke("a", by="ben", now=NOW)
    assert not grants.revoke("a", by="ben", now=NOW)
    assert not grants.revoke("unknown", by="ben", now=NOW)
    assert [one.id for one in grants.current(now=NOW)] == ["b"]
    assert grants.current(now=NOW + HOUR) == []


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE dynamic_grant SET document = '{}'",
        "UPDATE dynamic_grant SET document = '[]'",
        "UPDATE dynamic_grant SET expires = expires + 1",
        "UPDATE dynamic_grant SET id = 'other'",
    ],
)
def test_a_grant_that_was_edited_in_the_database_stops_all(engine: sa.Engine, edit: str) -> None:
    Grants(engine).add(grant(), by="ben", now=NOW)
    with engine.begin() as connection:
        connection.exec_driver_sql(edit)
    with pytest.raises(Integrity):
        Grants(engine).current(now=NOW)


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"compare": ["a", "like", 1]},
        {"eval": "x"},
        {"compare": ["a", "=", {"bytes": "x"}]},
        {"and": 3},
        {"not": {}},
    ],
    ids=str,
)
def test_a_predicate_of_another_form_stops_all(engine: sa.Engine, predicate: dict) -> None:
    Grants(engine).add(grant(), by="ben", now=NOW)
    with engine.begin() as connection:
        document = json.loads(json.dumps(connection.execute(sa.text("SELECT document FROM dynamic_grant")).scalar()))
        document = json.loads(document) if isinstance(document, str) else document
        document["rows"]["predicate"] = predicate
        connection.execute(sa.text("UPDATE dynamic_grant SET document = :d"), {"d": json.dumps(document)})
    with pytest.raises(Integrity):
        Grants(engine).current(now=NOW)


def test_a_decimal_stays_a_decimal(engine: sa.Engine) -> None:
    rule = RowRule(dataset="core.loans", predicate=Compare("amount", "<", decimal.Decimal("10.50")), text="…")
    Grants(engine).add(grant(rows=rule), by="ben", now=NOW)
    (stored,) = Grants(engine).current(now=NOW)
    assert str(stored.rows.predicate.value) == "10.50"


def test_a_lease_is_renewed_while_it_runs(engine: sa.Engine) -> None:
    leases = Leases(engine)
    instance = leases.begin(ttl_seconds=60)
    assert leases.renew(instance, ttl_seconds=60)
    leases.end(instance)
    assert not leases.renew(instance, ttl_seconds=60)
    assert not leases.renew("unknown", ttl_seconds=60)
    assert leases.begin(ttl_seconds=60) != instance


def test_a_lease_runs_out_by_the_databases_clock(engine: sa.Engine) -> None:
    leases = Leases(engine)
    instance = leases.begin(ttl_seconds=1)
    assert leases.renew(instance, ttl_seconds=1)
    time.sleep(1.05)
    assert not leases.renew(instance, ttl_seconds=60)


def test_a_release_window_is_about_its_first_cell(engine: sa.Engine) -> None:
    windows = Windows(engine)
    assert windows.admit("core.customers", cell="a", window_start=NOW)
    assert windows.admit("core.customers", cell="a", window_start=NOW)
    assert not windows.admit("core.customers", cell="b", window_start=NOW)
    assert windows.admit("core.customers", cell="b", window_start=NOW + HOUR)
    assert windows.admit("core.loans", cell="b", window_start=NOW)


def test_one_of_many_cells_wins_a_release_window(engine: sa.Engine) -> None:
    windows = Windows(engine)
    with ThreadPoolExecutor(8) as threads:
        admitted = list(threads.map(lambda at: windows.admit("d", cell=str(at), window_start=NOW), range(16)))
    assert sum(admitted) == 1


@pytest.fixture
def conditions(engine: sa.Engine) -> Conditions:
    """Five conditions that hold."""
    Bundles(engine).activate(FILES, by="operator:test", now=NOW)
    Tokens(engine).add(token())
    Grants(engine).add(grant("a"), by="ben", now=NOW)
    Grants(engine).add(grant("b"), by="ben", now=NOW)
    return Conditions(
        digest=FILES.digest,
        dynamic_grants=("a", "b"),
        credential_id="0123456789",
        instance=Leases(engine).begin(ttl_seconds=60),
        key=KeyEpoch("credit-risk", 2),
    )


def test_a_destroyed_key_breaks_a_condition(engine: sa.Engine, conditions: Conditions) -> None:
    Destructions(engine).add(KeyEpoch("credit-risk", 1), now=NOW)
    assert SqlLogStore(engine).broken(conditions) == ""
    for _ in range(2):
        Destructions(engine).add(KeyEpoch("credit-risk", 2), now=NOW)
    assert SqlLogStore(engine).broken(conditions) == "key"


def test_conditions_hold(engine: sa.Engine, conditions: Conditions) -> None:
    assert SqlLogStore(engine).broken(conditions) == ""


@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        ("DELETE FROM policy_bundle", "digest"),
        ("DELETE FROM dynamic_grant WHERE id = 'b'", "grant"),
        ("UPDATE dynamic_grant SET expires = 1 WHERE id = 'b'", "grant"),
        ("INSERT INTO dynamic_grant_revocation VALUES ('b', 1, 'ben')", "grant"),
        ("DELETE FROM api_token", "credential"),
        ("UPDATE api_token SET expires = 1", "credential"),
        ("UPDATE api_token SET revoked = 1", "credential"),
        ("INSERT INTO key_destruction VALUES ('credit-risk', 2, 1)", "key"),
        ("INSERT INTO key_destruction VALUES ('credit-risk', 1, 1), ('fraud', 2, 1)", ""),
        ("DELETE FROM gateway_instance", "lease"),
        ("UPDATE gateway_instance SET lease_until = 1", "lease"),
    ],
)
def test_each_condition_breaks(engine: sa.Engine, conditions: Conditions, edit: str, broken: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(edit)
    assert SqlLogStore(engine).broken(conditions) == broken
