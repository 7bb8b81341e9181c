"""A scan on the command line: Ctrl-C ends it, and whatever ends it is told."""

from __future__ import annotations

import os
import signal
import time

import pytest

from gateway.cli.catalog.scanning import watched
from gateway.errors import Exhausted, Unavailable
from gateway.profiling import Watch
from gateway.terms.proposal_catalog import CatalogProposal


def test_an_interrupt_ends_the_scan_and_not_the_process() -> None:
    def scan(watch: Watch) -> CatalogProposal:
        os.kill(os.getpid(), signal.SIGINT)
        while True:  # what stops it raises here
            watch.check()
            time.sleep(0.01)

    with pytest.raises(Unavailable) as caught:
        watched(scan)
    assert caught.value.code == "unavailable.cancelled"


def test_what_ended_a_scan_is_raised_in_its_place() -> None:
    def scan(watch: Watch) -> CatalogProposal:
        raise Exhausted("too much", code="time")

    with pytest.raises(Exhausted, match="too much"):
        watched(scan)
