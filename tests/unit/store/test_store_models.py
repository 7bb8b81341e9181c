"""Models and outgoing notices, on both databases."""

from __future__ import annotations

import dataclasses
import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.errors import Invalid
from gateway.store import GrantRecords, Grants, Models, Outbox
from gateway.terms.model import ModelVersion
from gateway.terms.notice import Notice
from gateway.terms.policy import Grant, Level, RuleRef

NOW = datetime.datetime.now(datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def model(version: str = "1", **changes: Any) -> ModelVersion:
    given = {
        "name": "loan-default",
        "version": version,
        "owner": "ana",
        "environment": "dev",
        "registered": NOW,
        "trained_on": (("customers", 2), ("loans", 1), ("loans", 3)),
        "evidence": "sdk",
        "max_age": datetime.timedelta(days=7),
        "metrics": {"auc": 0.74},
    }
    return ModelVersion(**{**given, **changes})


def notice(key: str, *, channel: str = "webhook-1") -> Notice:
    return Notice(channel=channel, key=key, body=f'{{"key": "{key}"}}')


def test_a_model_comes_back_as_it_was_stored(engine: sa.Engine) -> None:
    models = Models(engine)
    stored = [model(), model("2", max_age=None, metrics={}, evidence="declared", registered=NOW + HOUR)]
    for one in stored:
        models.add(one)
    assert models.find("loan-default", "1") == stored[0]
    assert models.find("loan-default", "2") == stored[1]
    assert models.find("loan-default", "3") is None


def test_models_are_listed_by_name_and_newest_first(engine: sa.Engine) -> None:
    models = Models(engine)
    models.add(model("1"))
    models.add(model("2", registered=NOW + HOUR, trained_on=(("other", 1),)))
    models.add(model("9", name="churn", owner="bob"))
    assert [one.id for one in models.listed()] == ["churn@9", "loan-default@2", "loan-default@1"]
    assert [one.id for one in models.listed(name="loan-default")] == ["loan-default@2", "loan-default@1"]
    assert [one.id for one in models.listed(dataset="other")] == ["loan-default@2"]
    assert models.listed(dataset="loans")[0].trained_on == model().trained_on


@pytest.mark.parametrize(
    "second",
    [
        {},
        {"metrics": {"auc": 0.99}},
        {"version": "2", "owner": "bob"},
        {"version": "2", "environment": "prod"},
    ],
)
def test_a_registered_version_stays_and_a_name_is_its_owners(engine: sa.Engine, second: dict[str, Any]) -> None:
    models = Models(engine)
    models.add(model())
    with pytest.raises(Invalid, match="registered already, or the model's name is another's"):
        models.add(dataclasses.replace(model(), **second))
    assert models.listed() == [model()]


def test_of_many_that_register_one_version_one_does(engine: sa.Engine) -> None:
    models = Models(engine)

    def register(number: int) -> bool:
        try:
            models.add(model(metrics={"auc": number}))
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(register, range(4))) == [False, False, False, True]


def test_a_notice_is_stored_once_per_channel_and_key(engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.put([notice("a"), notice("a"), notice("a", channel="other")])
    outbox.put([notice("a")])
    first = outbox.take("webhook-1", lease_seconds=60)
    assert first is not None
    assert (first.notice, first.attempts) == (notice("a"), 0)
    outbox.done(first.sequence)
    assert outbox.take("webhook-1", lease_seconds=60) is None
    outbox.put([notice("a")])
    assert outbox.take("webhook-1", lease_seconds=60) is None
    assert outbox.take("other", lease_seconds=60) is not None


def test_notices_leave_in_order_and_a_failed_one_holds_back_the_next(engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.put([notice("a"), notice("b")])
    first = outbox.take("webhook-1", lease_seconds=60)
    assert first is not None
    assert outbox.take("webhook-1", lease_seconds=60) is None  # leased
    outbox.retry(first.sequence, after_seconds=3600)
    assert outbox.take("webhook-1", lease_seconds=60) is None  # waits, and so does b
    outbox.retry(first.sequence, after_seconds=0)
    again = outbox.take("webhook-1", lease_seconds=60)
    assert again is not None
    assert (again.notice, again.attempts) == (notice("a"), 2)
    outbox.done(again.sequence)
    after = outbox.take("webhook-1", lease_seconds=60)
    assert after is not None
    assert after.notice == notice("b")


def test_a_taker_that_died_is_followed_by_another(engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.put([notice("a")])
    assert outbox.take("webhook-1", lease_seconds=0) is not None
    assert outbox.take("webhook-1", lease_seconds=60) is not None


def test_of_many_takers_one_gets_a_notice(engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.put([notice("a"), notice("b")])
    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(lambda _: outbox.take("webhook-1", lease_seconds=60), range(8)))
    assert [one.notice.key for one in taken if one is not None] == ["a"]


def test_what_was_done_long_ago_is_forgotten(engine: sa.Engine) -> None:
    outbox = Outbox(engine)
    outbox.put([notice("a"), notice("b")])
    first = outbox.take("webhook-1", lease_seconds=60)
    assert first is not None
    outbox.done(first.sequence)
    assert outbox.forget(days=1) == 0
    assert outbox.forget(days=-1) == 1  # a day from now: `b`, which waits, stays
    after = outbox.take("webhook-1", lease_seconds=60)
    assert after is not None
    assert after.notice.key == "b"


def test_grant_records_keep_what_no_longer_holds(engine: sa.Engine) -> None:
    grants = Grants(engine)
    for name in ("held", "revoked"):
        grants.add(
            Grant(
                id=name,
                effect="allow",
                role="intern",
                environment="dev",
                datasets=frozenset({"core.loans"}),
                purposes=frozenset({"study"}),
                level=Level.FULL,
                columns={},
                denied_columns=frozenset(),
                at_most=None,
                rows=None,
                rows_follow=frozenset(),
                expires=NOW + HOUR,
                rule=RuleRef(file="request", line=1, id=name),
                dynamic=True,
            ),
            by="ben",
            now=NOW,
        )
    grants.revoke("revoked", by="ben", now=NOW)
    assert GrantRecords(engine).lives() == {"held": (NOW + HOUR, None), "revoked": (NOW + HOUR, NOW)}
