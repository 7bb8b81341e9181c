"""What every desk of this room does first, and what its asker may see."""

from __future__ import annotations

import dataclasses
import datetime
import hmac
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gateway.ports import Clock
from gateway.rooms import ActivePolicy
from gateway.terms.audit import Actor
from gateway.terms.extract import DatasetVersion
from gateway.terms.identity import Credentials, Principal
from gateway.terms.key import Key
from gateway.terms.model import ModelVersion

AUDITOR: Final = "audit.read"
_HASH_DIGITS: Final = 16


class Entrance(Protocol):
    """The first steps of a desk (gateway.governance.desk.Desk)."""

    @property
    def policy(self) -> Callable[[], ActivePolicy]:
        """The active policy."""

    @property
    def clock(self) -> Clock:
        """Time."""

    def enter(self, credentials: Credentials) -> tuple[Principal, datetime.datetime]:
        """The principal and the request's time."""

    def write(
        self, actor: Actor, *, action: str, now: datetime.datetime, detail: Mapping[str, str | int] | None = None
    ) -> str:
        """Log an act before it happens; its receipt."""


class OpaqueNames:
    """Stand-ins for names that somebody may not know: stable, joinable, and not to be guessed without the key (T25)."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def dataset(self, name: str) -> str:
        """`dataset-` and 16 hex digits."""
        return f"dataset-{self._digits('dataset', name)}"

    def column(self, dataset: str, column: str) -> str:
        """`column-` and 16 hex digits."""
        return f"column-{self._digits('column', dataset, column)}"

    def _digits(self, *parts: str) -> str:
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self._key.secret(), text, "sha256").hex()[:_HASH_DIGITS]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one asker may see: his own, or everything for who reads the log."""

    principal: Principal
    is_auditor: bool
    visible: frozenset[str]
    """Datasets that the asker may know of."""
    names: OpaqueNames

    def shows_model(self, model: ModelVersion) -> bool:
        """Whether it is the asker's own, in the asker's environment."""
        own = (model.owner, model.environment) == (self.principal.id, self.principal.environment)
        return own or self.is_auditor

    def shows_version(self, version: DatasetVersion) -> bool:
        """Likewise."""
        own = (version.requester, version.environment) == (self.principal.id, self.principal.environment)
        return own or self.is_auditor

    def knows(self, dataset: str) -> bool:
        """Whether the asker may read a dataset's name."""
        return self.is_auditor or dataset in self.visible

    def column(self, dataset: str, column: str) -> tuple[str, str]:
        """Dataset and column as the asker may read them."""
        if self.knows(dataset):
            return dataset, column
        return self.names.dataset(dataset), self.names.column(dataset, column)


def view_of(desk: Entrance, principal: Principal, *, names: OpaqueNames, now: datetime.datetime) -> View:
    """The asker's view by the active policy."""
    pdp = desk.policy().pdp
    return View(
        principal=principal,
        is_auditor=pdp.may(principal, AUDITOR),
        visible=pdp.visible(principal, now=now),
        names=names,
    )


def actor_of(principal: Principal) -> Actor:
    """The principal as an entry names it."""
    return Actor(
        principal=principal.id,
        environment=principal.environment,
        roles=tuple(sorted(principal.roles)),
        door="http",
    )
