"""Ends a piece of work that takes too much of the processor.

By this process's processor time, not by the clock: what a text costs does not depend on who else is at work. Python
looks for signals between its steps and inside `re`; what stays in native code the gateway ends from outside.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

AGAIN_SECONDS = 0.01
"""Repeated until it was heard: an exception inside a destructor or a callback is swallowed."""


class TooSlow(BaseException):
    """The piece of work in hand took longer than it may. No Exception: what reads texts may catch those."""


class Alarm:
    """One for a process, armed around one piece of work at a time. MUST be made on the main thread."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._is_armed = False
        signal.signal(signal.SIGPROF, self._ring)

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        """Let the body take at most the seconds.

        Raises:
            TooSlow: it took more.
        """
        self._is_armed = True
        signal.setitimer(signal.ITIMER_PROF, self._seconds, AGAIN_SECONDS)
        try:
            yield
        finally:
            self.disarm()

    def extend(self, seconds: float) -> None:
        """Give the piece of work in hand so much more."""
        if self._is_armed:
            left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_PROF, left + seconds, AGAIN_SECONDS)

    def disarm(self) -> None:
        """Be still. MUST be called after TooSlow, which may have come while `armed` ended."""
        self._is_armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_armed:
            raise TooSlow
