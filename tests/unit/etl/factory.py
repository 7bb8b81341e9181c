"""Desk, shelf and worker over a house, wired as the composition root does it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etl.extracts import ExtractDesk, ExtractDesks, Folders, Shelf, Stock, Worker, Workshop
from gateway import keys, store
from gateway.http import create_app
from gateway.http.extracts import routes
from gateway.http.server import server_for
from gateway.identity import ApiTokens, Authenticators, Tickets
from gateway.terms.extract import DatasetVersion, ExtractSpec, Job
from gateway.terms.identity import Credentials
from gateway.terms.policy import Grant, Level, RuleRef
from tests import bank
from tests.house import House
from tests.unit.http.door import wait_for

SQL = "SELECT customer_id, region, income FROM core.customers"
LEASE_SECONDS = 2
"""Of workers that are to be killed."""
ROWS = 12
"""Of Ana's regions among 48 customers."""


def credentials(token: str) -> Credentials:
    return Credentials(bearer=token)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Factory:
    """A house that makes extracts."""

    house: House
    stock: Stock
    desk: ExtractDesk
    shelf: Shelf
    worker: Worker
    shop: Workshop

    def order(self, token: str, **changes: Any) -> Job:
        return self.desk.submit(credentials(token), spec(**changes))

    def made(self, token: str, **changes: Any) -> DatasetVersion:
        job = self.order(token, **changes)
        while self.worker.run_once():
            pass
        version = self.stock.versions.of_job(job.id)
        assert version is not None, self.stock.queue.find(job.id)
        return version

    def job(self, job: Job) -> Job:
        found = self.stock.queue.find(job.id)
        assert found is not None
        return found

    def folder(self, version: DatasetVersion) -> Path:
        return self.stock.folders.of(version)

    def attempts(self) -> list[Path]:
        return [folder for _, _, folder in self.stock.folders.attempts()]


def spec(**changes: Any) -> ExtractSpec:
    given = {
        "name": "loan-default",
        "sql": SQL,
        "purpose": bank.ANA[1],
        "environment": "dev",
        "subject": "customer_id",
    }
    return ExtractSpec(**{**given, **changes})


def factory(house: House, *, propose: Any = None, proposals: Any = None, **more: Any) -> Factory:
    """Everything over the house's own rooms."""
    gateway, control = house.gateway, house.gateway.control
    queue = store.Jobs(control.engine)
    control.gate._authenticator = Authenticators(
        tokens=ApiTokens(control.tokens), tickets=Tickets(queue, control.tokens)
    )
    stock = Stock(
        queue=queue,
        versions=store.Versions(control.engine),
        folders=Folders(house.settings.home / "extracts"),
        keys=gateway.enforcement._rooms.keys,
        clock=control.clock,
        entropy=control.entropy,
    )
    shop = Workshop(
        stock=stock,
        enforcement=gateway.enforcement,
        proposals=proposals,
        log=control.log,
        checkpoint=control.log_store.checkpoint,
        signer=keys.load_signer(house.settings.home, kek_path=house.settings.kek_path),
        **more,
    )
    return Factory(
        house=house,
        stock=stock,
        desk=ExtractDesk(control.desk, stock, enforcement=gateway.enforcement, propose=propose),
        shelf=Shelf(control.desk, stock, tokens=control.tokens, admission=control.admission),
        worker=Worker(shop, retry_seconds=0.0),
        shop=shop,
    )


def manifest(version: DatasetVersion) -> dict[str, Any]:
    return json.loads(version.manifest)


@contextlib.contextmanager
def open_front(works: Factory) -> Iterator[str]:
    """The HTTP door with the routes of extracts, and a worker behind it; the URL."""
    app = create_app(works.house.gateway.services())
    app.include_router(routes(ExtractDesks(extracts=works.desk, shelf=works.shelf)), prefix="/v1")
    server, stop = server_for(app, host="127.0.0.1", port=0), threading.Event()
    worker = Worker(works.shop, poll_seconds=0.05, retry_seconds=0.0)
    threads = [threading.Thread(target=server.run), threading.Thread(target=worker.run, args=(stop,))]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        stop.set()
        for thread in threads:
            thread.join()


def in_thread(worker: Worker, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=worker.run_once, args=(stop,))
    thread.start()
    return thread


def extra_grant(house: House, **changes: object) -> Grant:
    given = {
        "id": "g-extra",
        "effect": "allow",
        "role": bank.ANA[0],
        "environment": "dev",
        "datasets": frozenset({"core.transactions"}),
        "purposes": frozenset({"churn-model"}),
        "level": Level.FULL,
        "columns": {},
        "denied_columns": frozenset(),
        "at_most": None,
        "rows": None,
        "rows_follow": frozenset(),
        "expires": house.now() + datetime.timedelta(days=1),
        "rule": RuleRef(file="access-request", line=1, id="g-extra"),
        "dynamic": True,
    }
    return Grant(**{**given, **changes})
