"""What the gateway tells the world outside: lineage events and webhook calls, on their way."""

from __future__ import annotations

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message for one destination. Names, states and ids; no SQL, no value, no host of production."""

    channel: str
    """The destination: notices of one channel leave in the order in which they came."""
    key: str
    """What it is about; a second notice of one channel and key is dropped."""
    body: str = dataclasses.field(repr=False)
    """JSON."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WaitingNotice:
    """A notice that is to be sent now."""

    sequence: int
    notice: Notice
    created: datetime.datetime
    attempts: int
    """Failed ones so far."""
