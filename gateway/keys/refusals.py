"""What is said of keys that are no more, and of rings that are older than their keys."""

from __future__ import annotations

from gateway.errors import Integrity
from gateway.terms.key import Destruction, KeyEpoch


def destroyed(epoch: KeyEpoch, destruction: Destruction) -> Integrity:
    """The epoch's key is gone for good."""
    return Integrity(
        f"the key of {epoch} was destroyed at {destruction.at:%Y-%m-%dT%H:%M:%SZ} (log entry {destruction.entry})",
        code="keys.destroyed",
        fix=f"gateway key rotate {epoch.project} begins a new epoch; old pseudonyms stay unlinkable",
    )


def unknown(epoch: KeyEpoch) -> Integrity:
    """No such epoch was ever begun here."""
    return Integrity(f"the key ring knows no key of {epoch}", code="keys.epoch", fix="`gateway key list` shows epochs")


def older(epoch: KeyEpoch) -> Integrity:
    """A key is there, or was, that the ring should know."""
    return Integrity(
        f"there is or was a key of {epoch} that the key ring does not know: the ring is an older one put back",
        code="keys.older",
        fix="put back the newest ring.json",
    )
