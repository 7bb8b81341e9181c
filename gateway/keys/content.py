"""The ring file's content: canonical JSON under a seal of the house's key-encryption key.

Format 2 holds masters wrapped under keys of their projects. Format 1 held them wrapped under the house's key, which
stands in no project's way when it is destroyed: it is rewritten as format 2 when it is opened.
"""

from __future__ import annotations

import dataclasses
import datetime
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import Integrity
from gateway.keys.wrapping import Kek
from gateway.terms.key import Destruction, Key, KeyEpoch

RING_ROLE: Final = "key ring file"
_FORMAT: Final = "gateway-key-ring/2"
_OLD_FORMAT: Final = "gateway-key-ring/1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One epoch in the ring."""

    created: datetime.datetime | None
    wrapped: str = dataclasses.field(default="", repr=False)
    """The master; empty once destroyed."""
    destroyed: Destruction | None = None


Epochs = Mapping[int, Held]
"""Of one project, by number; never empty."""
Projects = Mapping[str, Epochs]


def ring_content(projects: Projects, house: Kek) -> bytes:
    """The ring file, byte for byte."""
    told = {project: {str(n): _told(held) for n, held in epochs.items()} for project, epochs in projects.items()}
    return _sealed({"format": _FORMAT, "projects": told}, house)


def read_content(content: bytes, house: Kek) -> Projects:
    """The ring of a file.

    Raises:
        Integrity: not as ring_content made it.
    """
    try:
        document = json.loads(content)
        if hmac.compare_digest(content, _sealed(_body(document), house)) and document["format"] == _FORMAT:
            told = document["projects"].items()
            return {project: {int(n): _held(held) for n, held in epochs.items()} for project, epochs in told}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Integrity(f"the {RING_ROLE} is damaged or under another key-encryption key", code="keys.ring")


def old_masters(content: bytes, house: Kek) -> Mapping[KeyEpoch, Key] | None:
    """All masters of a ring of format 1; None if it is of another.

    Raises:
        Integrity: damaged, or under another key-encryption key.
    """
    try:
        document = json.loads(content)
        if document["format"] != _OLD_FORMAT or not hmac.compare_digest(content, _sealed(_body(document), house)):
            return None
        wrapped = [
            (KeyEpoch(project, int(number)), text)
            for project, epochs in document["projects"].items()
            for number, text in epochs.items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # read_content says what it is
    return {
        epoch: house.unwrap(text, context=("master", epoch.project, str(epoch.number)), role=RING_ROLE)
        for epoch, text in wrapped
    }


def _body(document: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": document["format"], "projects": document["projects"]}


def _sealed(body: Mapping[str, object], house: Kek) -> bytes:
    seal = house.seal(json.dumps(body, sort_keys=True).encode())
    return json.dumps({**body, "seal": seal}, sort_keys=True, indent=1).encode() + b"\n"


def _told(held: Held) -> Mapping[str, str | None]:
    created = held.created.isoformat() if held.created else None
    if held.destroyed is None:
        return {"created": created, "wrapped": held.wrapped}
    return {"created": created, "destroyed": held.destroyed.at.isoformat(), "entry": held.destroyed.entry}


def _held(told: Mapping[str, Any]) -> Held:
    created = datetime.datetime.fromisoformat(told["created"]) if told["created"] else None
    if "destroyed" not in told:
        return Held(created=created, wrapped=told["wrapped"])
    at = datetime.datetime.fromisoformat(told["destroyed"])
    return Held(created=created, destroyed=Destruction(at=at, entry=told["entry"]))
