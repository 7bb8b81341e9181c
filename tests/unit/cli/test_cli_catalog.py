"""A scan on the command line: Ctrl-C ends it, and whatever ends it is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rich.console import Console

from gateway.cli.catalog import scanning
from gateway.cli.catalog.scanning import told, watched
from gateway.errors import Exhausted
from gateway.profiling import CANCELLED, Watch
from gateway.terms.proposal_catalog import CatalogProposal, Progress

_INTERRUPTED = """
import os, signal, time
from gateway.cli.catalog.scanning import watched
from gateway.errors import Unavailable

def scan(watch):
    os.kill(os.getpid(), signal.SIGINT)
    while True:  # what stops it raises here
        watch.check()
        time.sleep(0.01)

try:
    watched(scan)
except Unavailable as error:
    print(error.code, signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""
"""In a process of its own: a SIGINT that nothing handles would end the one that runs the tests."""


def test_an_interrupt_ends_the_scan_and_not_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", _INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{CANCELLED} True\n", "")


def test_what_ended_a_scan_is_raised_in_its_place() -> None:
    def scan(watch: Watch) -> CatalogProposal:
        raise Exhausted("too much", code="time")

    with pytest.raises(Exhausted, match="too much"):
        watched(scan)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_one_line_of_a_terminal_and_nothing_is_left_of_it(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console(force_terminal=is_terminal, width=80, color_system=None)
    monkeypatch.setattr(scanning, "stderr", console)
    with console.capture() as written:
        told(Progress(done=0, total=2, table="transactions"))
        told(Progress(done=1, total=2, table="loans"))
        told(Progress(done=2, total=2, table=""))
    blank = "\r\x1b[2K"
    assert written.get() == (
        f"{blank}1/2  transactions\r{blank}2/2  loans\r{blank}" if is_terminal else "1/2  transactions\n2/2  loans\n"
    )
