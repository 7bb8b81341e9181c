"""Runs a scan in a thread of its own, so that Ctrl-C ends it at the source within a second."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Final

from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from gateway.cli.output import safe, stderr
from gateway.errors import GatewayError, Unavailable
from gateway.profiling import Watch
from gateway.terms.proposal_catalog import CatalogProposal, Progress

_LOOK_SECONDS: Final = 0.2
_ERASED: Final = Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
"""The line is blank and written from its beginning again."""


def told(progress: Progress) -> None:
    """How far it is, on stderr: one line of a terminal, gone at the end; elsewhere a line for each tenth."""
    if stderr.is_terminal:
        stderr.control(_ERASED)
    if not progress.table:
        return
    step = max(1, progress.total // 10)
    if stderr.is_terminal or progress.done % step == 0:
        line = Text(f"{progress.done + 1}/{progress.total}  {safe(progress.table)}", style="dim")
        stderr.print(line, end="\r" if stderr.is_terminal else "\n", overflow="ellipsis", no_wrap=True)


def watched(scan: Callable[[Watch], CatalogProposal]) -> CatalogProposal:
    """The proposal.

    Raises:
        Unavailable: it was interrupted (`unavailable.cancelled`).
        GatewayError: whatever ended it.
    """
    watch, found, failed = Watch(told), list[CatalogProposal](), list[GatewayError]()

    def run() -> None:
        try:
            found.append(scan(watch))
        except GatewayError as error:
            failed.append(error)

    thread = threading.Thread(target=run, name="catalog-scan", daemon=True)
    with _interrupts(watch.stop):
        thread.start()
        while thread.is_alive():
            thread.join(_LOOK_SECONDS)  # not for ever: a signal is only looked at between two waits
    if failed:
        raise failed[0]
    if not found:
        raise Unavailable("the scan ended unforeseen; nothing was proposed", code="scan")
    return found[0]


@contextlib.contextmanager
def _interrupts(act: Callable[[], None]) -> Iterator[None]:
    """Do this on each Ctrl-C meanwhile; the outcome is written before the command ends."""
    before = signal.signal(signal.SIGINT, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
