"""One filter per dataset and release window, for all principals (THREATS T5).

Groups of two filters could be subtracted from each other. The first filter that is asked pins the window; a plan whose
filters contradict each other pins nothing.
"""

from __future__ import annotations

import datetime
import hmac
from typing import Final

from gateway import planning
from gateway.errors import Unsupported
from gateway.ports import KeyRing, ReleaseWindows
from gateway.terms.key import KeyScope
from gateway.terms.plan import GuardedScan, Plan

_KEY: Final = KeyScope(project="gateway", domain="release-window", mask="cell")
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class WindowPins:
    """Pins what guarded scans ask. Fingerprints are keyed: a filter's literals are not kept."""

    def __init__(self, windows: ReleaseWindows, *, keys: KeyRing, length: datetime.timedelta) -> None:
        self._windows = windows
        self._keys = keys
        self._length = length

    def pin(self, plan: Plan, *, now: datetime.datetime) -> None:
        """Pin the plan's cells, or find them pinned so.

        Raises:
            Unsupported: `second_filter`: this window's groups of a dataset are about another filter.
        """
        asked: dict[str, str] = {}
        start = _EPOCH + (now - _EPOCH) // self._length * self._length
        for step in plan.steps:
            if isinstance(step, GuardedScan):
                cell = self._fingerprint(step)
                if asked.setdefault(step.scan.dataset, cell) != cell:
                    raise self._second(step.scan.dataset, start)
        for dataset, cell in asked.items():
            if not self._windows.admit(dataset, cell=cell, window_start=start):
                raise self._second(dataset, start)

    def _fingerprint(self, step: GuardedScan) -> str:
        return hmac.digest(self._keys.derive(_KEY).secret(), planning.cell_text(step).encode(), "sha256").hex()

    def _second(self, dataset: str, start: datetime.datetime) -> Unsupported:
        return Unsupported(
            f"groups of {dataset} are pinned to another filter until {start + self._length:%Y-%m-%dT%H:%MZ}: "
            "answers to two filters could be subtracted",
            code="second_filter",
            fix="ask with the same WHERE as before, and narrow with HAVING or an outer query",
        )
