"""T21, of lineage: neither an answer, an event nor a log entry of it lets anybody test a guess of SQL or values."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator

import pytest

from etl.lineage import EventWriter, OpaqueNames
from etl.outgoing import webhook
from gateway.terms.key import Key
from tests.unit.etl.training import Training, open_training
from tests.unit.http.door import entries

SQL = "SELECT customer_id, income FROM core.customers WHERE income > 31415.93"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    with open_training(tmp_path_factory.mktemp("oracles")) as training:
        training.extract("guess", sql=SQL)
        training.register("guess", "1", "guess@1")
        yield training


def test_t21_no_event_call_or_answer_commits_to_sql(house: Training) -> None:
    version = house.works.stock.versions.find("guess", 1)
    job = house.works.stock.queue.find(version.job)
    names = OpaqueNames(Key(b"1" * 32))
    writer = EventWriter(origin="o", is_discoverable=lambda _: True, names=names)
    graph = house.desks.lineage.trace(house["ana"], model="guess@1")
    told = [
        json.dumps(writer.complete(job, version, at=version.created)),
        *(notice.body for notice in webhook.published(job, version, channels=["w"])),
        json.dumps(dataclasses.asdict(graph)),
        json.dumps([entry.payload for entry in entries(house.house, kind="event", principal="ana")]),
    ]
    manifest = json.loads(version.manifest)
    secrets = ["31415.93", SQL, version.nonce, manifest["sql_hmac"], manifest["plan_hmac"]]
    secrets += [hashlib.sha256(text.encode()).hexdigest() for text in (SQL, SQL.rstrip())]
    secrets += [file["sha256"] for file in manifest["files"]]
    found = [(place, secret) for place, text in enumerate(told) for secret in secrets if secret in text]
    assert not found
