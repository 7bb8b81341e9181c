"""`python -m tests.unit.etl.worker_process HOME SOURCES`: a worker as a process of its own, to be killed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

from etl.extracts import Worker, run_worker
from gateway.app import Control, Gateway, Host
from gateway.settings import Settings
from gateway.sources import open_sources
from tests.house import POLICIES, House
from tests.unit.etl.factory import LEASE_SECONDS, factory


def main(home: Path, sources: Path) -> None:
    settings = Settings(
        home=home, policies=POLICIES, sources=sources, lease_seconds=LEASE_SECONDS, sandbox_warm_children=1
    )
    with contextlib.closing(Gateway(Control(settings), sources=open_sources(sources))) as gateway:
        gateway.start()
        works = factory(House(gateway=gateway, host=Host(), settings=settings), lease_seconds=LEASE_SECONDS)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        run_worker(Worker(works.shop, poll_seconds=0.1, tidy_seconds=1.0, retry_seconds=0.1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
