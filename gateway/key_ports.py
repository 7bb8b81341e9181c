"""Ports of those who keep keys; beside ports.py, whose KeyRing is all that those who use keys see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.ports import KeyRing
from gateway.terms.key import Destruction, EpochState, Key, KeyEpoch


class Wrapper(Protocol):
    """Key-encryption keys, one for each project and epoch, kept where no backup of the home reaches (T12).

    A file, a key of a vault or of a cloud's key service. Each adapter passes tests/conformance/test_wrapper.py.
    """

    @property
    def name(self) -> str:
        """Of the adapter, as settings and errors say it."""

    def wrap(self, epoch: KeyEpoch, master: Key) -> str:
        """Make the epoch's key and wrap its one master with it; text for the ring. The caller holds the ring's lock.

        Raises:
            Integrity: `keys.older`: the epoch has, or had, a key already: the ring that lacks it is an old one.
            Unavailable: the key cannot be made.
        """

    def unwrap(self, epoch: KeyEpoch, wrapped: str) -> Key:
        """The master.

        Raises:
            Integrity: `keys.destroyed`; or damaged, another epoch's, or open to others.
            Unavailable: the key cannot be had.
        """

    def destroy(self, epoch: KeyEpoch, destruction: Destruction) -> None:
        """Delete the key for good, durably; a second call does nothing more.

        Raises:
            Unavailable: it may still be there: try again.
        """

    def holds(self, epoch: KeyEpoch) -> bool:
        """Whether its key is there."""

    def destroyed(self, epoch: KeyEpoch) -> Destruction | None:
        """The note that was left in its key's place; None: not destroyed, or no note is kept there."""


class KeyKeeper(KeyRing, Protocol):
    """A KeyRing whose epochs begin and end."""

    def begin(self, project: str) -> KeyEpoch:
        """Make the next epoch, which is the current one from now on.

        Raises:
            Unavailable, Integrity: as derive; nothing was begun.
        """

    def destroy(self, epoch: KeyEpoch, destruction: Destruction) -> None:
        """Delete an epoch's key and note it in the ring, known there or not; a second call does nothing more.

        Raises:
            Unavailable: it may still be there: try again.
        """

    def listed(self) -> Sequence[EpochState]:
        """Every epoch, by project and number."""

    def check(self, told: Mapping[KeyEpoch, Destruction]) -> None:
        """Hold the ring against what the log tells was destroyed, and against the keys themselves.

        Raises:
            Integrity: `keys.resurrected`: something that was destroyed is not, or the ring is older than its keys;
                `reasons` say what.
        """

    def settle(self, told: Mapping[KeyEpoch, Destruction]) -> Sequence[KeyEpoch]:
        """Destroy again what the log, or a note in a key's place, tells was destroyed; those that were not.

        Raises:
            Unavailable: as destroy.
        """
