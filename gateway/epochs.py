"""One epoch of a project's keys for all scans and columns of one access.

It is chosen before the access entry, which names it. A rotation meanwhile changes nothing; a destruction ends it.
"""

from __future__ import annotations

import dataclasses

from gateway.ports import KeyRing
from gateway.terms.key import Key, KeyEpoch, KeyScope


class PinnedKeys:
    """A KeyRing whose current epoch of one project stands still."""

    def __init__(self, keys: KeyRing, pinned: KeyEpoch) -> None:
        self._keys = keys
        self._pinned = pinned

    def derive(self, scope: KeyScope) -> Key:
        """As the ring's; a scope of the pinned project without an epoch of its own gets the pinned one."""
        if scope.project == self._pinned.project and scope.epoch is None:
            scope = dataclasses.replace(scope, epoch=self._pinned.number)
        return self._keys.derive(scope)

    def epoch(self, project: str) -> int:
        """The pinned one of its project."""
        return self._pinned.number if project == self._pinned.project else self._keys.epoch(project)
