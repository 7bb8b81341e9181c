"""Notices on their way: in order, again after a failure, signed, and whole lines in a file."""

from __future__ import annotations

import base64
import datetime
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.outgoing import AddressRules, Courier, HttpDestination, JsonLinesFile, SigningSecret, channel_of, open_outgoing
from etl.outgoing.courier import GIVEN_UP_AFTER, wait_seconds
from gateway.client import Forged, verify_webhook
from gateway.errors import Invalid, Unavailable
from gateway.store import Outbox
from gateway.terms.notice import Notice, WaitingNotice
from tests.unit.audit.building import open_migrated
from tests.unit.etl.receiver import open_receiver
from tests.unit.http.door import wait_for

NOW = datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC)
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
BODY = '{"data": {"name": "loan-default"}, "type": "model.stale"}'


class SettableClock:
    def __init__(self) -> None:
        self.time = datetime.datetime.now(datetime.UTC)

    def now(self) -> datetime.datetime:
        return self.time


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine: sa.Engine = open_migrated(f"sqlite:///{tmp_path / 'control.db'}")
    yield Outbox(engine)
    engine.dispose()


def waiting(body: str = BODY, *, key: str = "k") -> WaitingNotice:
    return WaitingNotice(sequence=1, notice=Notice(channel="c", key=key, body=body), created=NOW, attempts=0)


def put(outbox: Outbox, channel: str, *keys: str) -> None:
    outbox.put([Notice(channel=channel, key=key, body=json.dumps({"key": key})) for key in keys])


# A file


def test_notices_are_appended_as_whole_lines_that_only_the_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for number in range(3):
        JsonLinesFile(path, kind="openlineage").send(waiting(json.dumps(number)), now=NOW)
    assert path.read_text() == "0\n1\n2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_that_a_crash_cut_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"cut": ')
    JsonLinesFile(path, kind="openlineage").send(waiting("1"), now=NOW)
    assert path.read_text().splitlines()[-1] == "1"


def test_a_file_that_cannot_be_written_says_so_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as failed:
        JsonLinesFile(tmp_path / "absent" / "secret-place.jsonl", kind="openlineage").send(waiting(), now=NOW)
    assert "secret-place" not in failed.value.message


# An endpoint


def test_a_call_carries_the_body_and_a_signature_that_its_receiver_verifies() -> None:
    with open_receiver() as receiver:
        destination = HttpDestination(receiver.url, kind="webhook", rules=AddressRules(), secret=SigningSecret(SECRET))
        destination.send(waiting(), now=NOW)
        ((path, headers, body),) = receiver.calls
    assert (path, body) == ("/events?from=gateway", BODY.encode())
    assert headers["Host"] == receiver.url.split("/")[2]
    assert verify_webhook(SECRET, headers=headers, body=body, now=NOW.timestamp()) == json.loads(BODY)


def test_a_repeat_has_the_same_id_and_another_notice_another() -> None:
    with open_receiver() as receiver:
        destination = HttpDestination(receiver.url, kind="webhook", rules=AddressRules(), secret=SigningSecret(SECRET))
        for key in ("a", "a", "b"):
            destination.send(waiting(key=key), now=NOW)
        ids = [headers["webhook-id"] for _, headers, _ in receiver.calls]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("status", [302, 400, 404, 410, 500, 503])
def test_any_answer_but_success_is_a_failure(status: int) -> None:
    with open_receiver(status, Location="http://127.0.0.1:1/elsewhere") as receiver:
        with pytest.raises(Unavailable, match=f"answered with {status}"):
            HttpDestination(receiver.url, kind="openlineage", rules=AddressRules()).send(waiting(), now=NOW)
        assert len(receiver.calls) == 1


def test_an_endpoint_that_does_not_answer_is_a_failure_without_its_url() -> None:
    with pytest.raises(Unavailable) as failed:
        HttpDestination("http://127.0.0.1:1/token-in-path", kind="x", rules=AddressRules()).send(waiting(), now=NOW)
    assert "token-in-path" not in str(failed.value)


# Signatures, as a receiver checks them


def signed(body: bytes = BODY.encode(), **changes: str) -> dict[str, str]:
    headers = SigningSecret(SECRET).headers(body.decode(), message="msg_1", now=NOW)
    return {**headers, **changes}


def test_the_signature_is_the_standards() -> None:
    # From the Standard Webhooks specification's reference implementation: its published test vector.
    secret = SigningSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    at = datetime.datetime.fromtimestamp(1614265330, datetime.UTC)
    headers = secret.headers('{"test": 2432232314}', message="msg_p5jXN8AQM9LWM0D4loKWxJek", now=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_whole_call_of_now_is_accepted() -> None:
    upper = {name.title(): value for name, value in signed().items()}
    assert verify_webhook(SECRET, headers=upper, body=BODY.encode(), now=NOW.timestamp() + 299) == json.loads(BODY)
    both = signed(**{"webhook-signature": f"v1,AAAA {signed()['webhook-signature']}"})
    assert verify_webhook(SECRET, headers=both, body=BODY.encode(), now=NOW.timestamp())


@pytest.mark.parametrize(
    ("headers", "body", "late"),
    [
        (signed(), BODY.replace("loan", "loam"), 0),
        (signed(**{"webhook-id": "msg_2"}), BODY, 0),
        (signed(**{"webhook-timestamp": str(int(NOW.timestamp()) + 1)}), BODY, 0),
        (signed(**{"webhook-timestamp": "²"}), BODY, 0),
        (signed(**{"webhook-signature": "v1,AAAA"}), BODY, 0),
        (signed(**{"webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,")}), BODY, 0),
        (signed(**{"webhook-signature": "ü"}), BODY, 0),
        ({}, BODY, 0),
        (signed(), BODY, 301),
        (signed(), BODY, -301),
    ],
)
def test_a_forged_changed_or_old_call_is_refused(headers: dict[str, str], body: str, late: int) -> None:
    with pytest.raises(Forged):
        verify_webhook(SECRET, headers=headers, body=body.encode(), now=NOW.timestamp() + late)


def test_another_secret_does_not_verify() -> None:
    other = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    with pytest.raises(Forged):
        verify_webhook(other, headers=signed(), body=BODY.encode(), now=NOW.timestamp())


@pytest.mark.parametrize("text", ["", "secret", "whsec_", "whsec_AAAA", SECRET.removeprefix("whsec_"), "whsec_!"])
def test_a_secret_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        SigningSecret(text)


def test_a_secret_never_prints_itself() -> None:
    assert SECRET[6:] not in repr(SigningSecret(SECRET))


# The courier


def test_what_failed_is_sent_again_and_then_the_next_in_order(outbox: Outbox) -> None:
    with open_receiver(500, 204) as receiver:
        destination = HttpDestination(receiver.url, kind="openlineage", rules=AddressRules())
        courier = Courier(outbox, [destination], clock=SettableClock())
        put(outbox, destination.channel, "a", "b", "c")
        assert courier.round() == 0
        assert courier.round() == 0  # it waits
        outbox.retry(1, after_seconds=0)
        assert courier.round() == 3
        assert [json.loads(body)["key"] for _, _, body in receiver.calls] == ["a", "a", "b", "c"]
        assert courier.round() == 0


def test_a_destination_that_fails_holds_up_no_other(outbox: Outbox, tmp_path: Path) -> None:
    dead = HttpDestination("http://127.0.0.1:1/", kind="webhook", rules=AddressRules())
    file = JsonLinesFile(tmp_path / "events.jsonl", kind="openlineage")
    put(outbox, dead.channel, "a")
    put(outbox, file.channel, "a", "b")
    assert Courier(outbox, [dead, file], clock=SettableClock()).round() == 2


def test_a_notice_that_nobody_takes_is_given_up_and_the_next_goes_on(
    outbox: Outbox, caplog: pytest.LogCaptureFixture
) -> None:
    with open_receiver(500, 204) as receiver:
        destination = HttpDestination(receiver.url, kind="openlineage", rules=AddressRules())
        clock = SettableClock()
        courier = Courier(outbox, [destination], clock=clock)
        put(outbox, destination.channel, "a", "b")
        clock.time += GIVEN_UP_AFTER + datetime.timedelta(hours=1)
        courier.round()
        assert courier.round() == 1
        assert json.loads(receiver.calls[-1][2]) == {"key": "b"}
    assert "given up" in caplog.text
    assert receiver.url not in caplog.text


def test_waits_double_to_an_hour() -> None:
    assert [wait_seconds(attempts) for attempts in (0, 1, 2, 8, 9, 10_000)] == [10, 20, 40, 2560, 3600, 3600]


def test_the_thread_sends_and_stops(outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.outgoing.courier._PAUSE_SECONDS", 0.01)
    file = JsonLinesFile(tmp_path / "events.jsonl", kind="openlineage")
    courier = Courier(outbox, [file], clock=SettableClock())
    put(outbox, file.channel, "a")
    courier.start()
    wait_for((tmp_path / "events.jsonl").exists)
    courier.close()
    Courier(outbox, [], clock=SettableClock()).close()


# Settings


def test_destinations_are_what_the_operator_names(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    outgoing = open_outgoing(
        openlineage_file=tmp_path / "events.jsonl",
        openlineage_url="https://lineage.example/api/v1/lineage",
        webhook_urls=["https://hooks.example/a", "https://hooks.example/b"],
        webhook_secret_file=secret,
        networks=["10.1.0.0/16"],
    )
    assert len(outgoing.all) == len({one.channel for one in outgoing.all}) == 4
    assert outgoing.webhook_channels[0] == channel_of("webhook", "https://hooks.example/a")
    assert "example" not in "".join(outgoing.lineage_channels + outgoing.webhook_channels)


def test_nothing_is_sent_anywhere_by_default() -> None:
    nothing = open_outgoing(
        openlineage_file=None, openlineage_url="", webhook_urls=[], webhook_secret_file=None, networks=[]
    )
    assert nothing.all == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook_secret_file": None},
        {"webhook_secret_file": Path("/absent")},
        {"webhook_urls": ["http://hooks.example/"]},
        {"openlineage_url": "ftp://lineage.example/"},
        {"networks": ["10.1.0.0/8"]},
    ],
)
def test_settings_that_cannot_be_used_stop_the_start(tmp_path: Path, wrong: dict[str, object]) -> None:
    (tmp_path / "secret").write_text(SECRET)
    given: dict[str, object] = {
        "openlineage_file": None,
        "openlineage_url": "",
        "webhook_urls": ["https://hooks.example/"],
        "webhook_secret_file": tmp_path / "secret",
        "networks": [],
    }
    with pytest.raises(Invalid):
        open_outgoing(**{**given, **wrong})
