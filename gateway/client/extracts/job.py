"""An extract's job, as its owner follows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from gateway.client.connection import Client
from gateway.client.errors import ExtractFailed, printable
from gateway.client.extracts.version import OnRead, Version

_FIRST_POLL_SECONDS: Final = 0.2
_LONGEST_POLL_SECONDS: Final = 5.0
_ENDED: Final = frozenset({"published", "failed", "cancelled"})
Show = Callable[[str, int], None]
"""(state in words, rows so far)"""


class Extract(dict[str, Any]):
    """The job's document as last seen (`GET /v1/jobs/{id}`), with what one does with a job. Never repeats its SQL."""

    def __init__(self, client: Client, document: Mapping[str, Any], *, on_read: OnRead) -> None:
        super().__init__(document)
        self._client = client
        self._on_read = on_read

    @property
    def id(self) -> str:
        """With which `Gateway.job` opens it again."""
        return str(self["id"])

    @property
    def status(self) -> str:
        """Now: `waiting` (for a second person), `queued`, `running`, `published`, `failed` or `cancelled`."""
        return str(self.refresh()["state"])

    @property
    def version(self) -> Version:
        """What it became.

        Raises:
            ExtractFailed: it ended without one.
            RuntimeError: it has not ended yet.
        """
        if self["state"] not in _ENDED:
            self.refresh()
        if self["state"] not in _ENDED:
            raise RuntimeError(f"{self.id} has no version yet: {self._words()}; wait() for it")
        if self["state"] != "published":
            raise self._failure()
        return Version(self._client, self._client.dataset_version(self["version"]), on_read=self._on_read)

    def refresh(self) -> Extract:
        """Ask how it stands."""
        self.update(self._client.job(self.id))
        return self

    def cancel(self) -> Extract:
        """End it; an attempt that runs stops within its lease."""
        self.update(self._client.cancel_job(self.id))
        return self

    def wait(self, timeout: float | None = None, *, progress: bool = True) -> Version:
        """Until it has become a version.

        Args:
            timeout: seconds; None: for as long as it takes.
            progress: show state and rows on stderr, if that is a terminal.

        Raises:
            ExtractFailed: it failed or was cancelled.
            TimeoutError: it has not ended; it goes on, and may be waited for again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = _FIRST_POLL_SECONDS
        with _shown(wanted=progress) as show:
            while self.refresh()["state"] not in _ENDED:
                show(self._words(), int(self["rows"]))
                left = pause if end is None else end - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"{self.id}: {self._words()} after {timeout} s")
                time.sleep(min(pause, left))
                pause = min(pause * 1.5, _LONGEST_POLL_SECONDS)
        return self.version

    def __repr__(self) -> str:
        became = f" → {self['version']}" if self.get("version") else ""
        return printable(f"Extract({self.id}, {self['name']}, {self._words()}{became})")

    def _words(self) -> str:
        if self["state"] == "waiting":
            return f"waits for approval of {self['proposal']}"
        return str(self["state"])

    def _failure(self) -> ExtractFailed:
        problem = {
            "code": self["code"] or f"extract.{self['state']}",
            "detail": self["message"] or f"{self.id} has no version: {self._words()}",
            "receipt": self["receipt"],
        }
        return ExtractFailed(problem, status=0)


@contextmanager
def _shown(*, wanted: bool) -> Iterator[Show]:
    from rich.console import Console  # here: only who waits pays for it
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed} rows"))
    console = Console(stderr=True)
    is_off = not (wanted and console.is_terminal)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=is_off) as bar:
        task = bar.add_task("", total=None)
        yield lambda words, rows: bar.update(task, description=printable(words), completed=rows)
