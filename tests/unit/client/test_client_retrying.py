"""Calls that may be repeated are; all others are made once."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Iterator

import pytest

import gateway.client as gw
from gateway.client.wire.retrying import MAX_TRIES
from tests.unit.client.origin import Call, Reply, open_origin

BUSY = Reply(status=503, body=b'{"code": "unavailable.lock", "detail": "busy"}')
WHOLE = Reply()


def first(*replies: Reply | None) -> Callable[[Call], Reply | None]:
    """These one after the other, then the last of them again."""
    left: Iterator[Reply | None] = iter(replies)
    return lambda _: next(left, replies[-1])


def test_a_read_is_repeated_until_the_gateway_answers() -> None:
    with open_origin(first(BUSY, BUSY, WHOLE)) as (url, calls), gw.connect(url, "gw_x") as g:
        begun = time.monotonic()
        assert g.datasets() == []
        assert time.monotonic() - begun >= 0.1 + 0.2
    assert [call.path for call in calls] == ["/v1/datasets"] * 3


def test_a_broken_connection_is_repeated_once_the_gateway_is_known() -> None:
    with open_origin(first(WHOLE, None, None, WHOLE)) as (url, calls), gw.connect(url, "gw_x") as g:
        g.datasets()
        assert g.datasets() == []
    assert len(calls) == 4


def test_a_url_at_which_nothing_ever_answered_is_told_at_once() -> None:
    with (
        open_origin(first(None)) as (url, calls),
        gw.connect(url, "gw_x") as g,
        pytest.raises(gw.Unreachable, match="no gateway answers"),
    ):
        g.datasets()
    assert len(calls) == 1


def test_a_query_is_asked_once() -> None:
    with open_origin(first(BUSY)) as (url, calls), gw.connect(url, "gw_x") as g:
        with pytest.raises(gw.Unavailable, match=r"unavailable\.lock"):
            g.query("SELECT 1", purpose="p").to_arrow()
        with pytest.raises(gw.Unavailable):
            g.explain("SELECT 1", purpose="p")
        with pytest.raises(gw.Unavailable):
            g.register_model("m", "1", ["d@1"])
    assert len(calls) == 3


def test_an_order_is_repeated_with_the_same_key_and_the_next_order_has_another() -> None:
    job = Reply(status=202, body=b'{"id": "j-1", "name": "a", "state": "queued"}')
    with open_origin(first(job, BUSY, job)) as (url, calls), gw.connect(url, "gw_x") as g:
        g.extract(name="a")
        g.extract(name="a")
    keys = [call.headers["Idempotency-Key"] for call in calls]
    assert len(keys) == 3
    assert keys[1] == keys[2] != keys[0]
    assert min(map(len, keys)) == 32


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(*, as_date: bool) -> None:
    later = email.utils.formatdate(time.time() + 2, usegmt=True) if as_date else "1"
    slow = Reply(status=429, body=b'{"code": "exhausted.rate"}', headers={"Retry-After": later})
    with open_origin(first(slow, WHOLE)) as (url, calls), gw.connect(url, "gw_x") as g:
        begun = time.monotonic()
        g.datasets()
        assert time.monotonic() - begun >= 0.9
    assert len(calls) == 2


def test_a_limit_that_waiting_does_not_lift_is_told_at_once() -> None:
    spent = Reply(status=429, body=b'{"code": "exhausted.row_allowance"}')
    with open_origin(first(spent)) as (url, calls), gw.connect(url, "gw_x") as g, pytest.raises(gw.LimitReached):
        g.datasets()
    assert len(calls) == 1


def test_patience_ends() -> None:
    with open_origin(first(BUSY)) as (url, calls), gw.connect(url, "gw_x", patience_seconds=0.5) as g:
        begun = time.monotonic()
        with pytest.raises(gw.Unavailable):
            g.datasets()
        assert time.monotonic() - begun < 2
    assert 2 <= len(calls) <= 3


def test_a_pause_longer_than_patience_is_not_begun() -> None:
    slow = Reply(status=503, body=b"{}", headers={"Retry-After": "3600"})
    with open_origin(first(slow)) as (url, calls), gw.connect(url, "gw_x") as g, pytest.raises(gw.Refused):
        g.datasets()
    assert len(calls) == 1


def test_tries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    with (
        open_origin(first(BUSY)) as (url, calls),
        gw.connect(url, "gw_x", patience_seconds=1e6) as g,
        pytest.raises(gw.Unavailable),
    ):
        g.datasets()
    assert len(calls) == MAX_TRIES
    assert [pause for pause in pauses if pause >= 0.1] == [0.1 * 2**n for n in range(MAX_TRIES - 1)]


def test_the_raw_client_makes_each_call_once() -> None:
    with (
        open_origin(first(BUSY)) as (url, calls),
        gw.Client(url, token="gw_x") as client,
        pytest.raises(gw.Unavailable),
    ):
        client.datasets()
    assert len(calls) == 1
