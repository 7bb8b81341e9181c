"""What the log says. Canonical JSON of an entry's payload is committed to, so fields are plain values."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Literal

from gateway.terms.key import KeyEpoch

Result = Literal["ok", "failed", "cut", "exhausted", "unknown", "denied"]
Door = Literal["http", "cli", "job", "host"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAccess:
    """One source column in an access or a denial."""

    dataset: str
    column: str
    level: str
    """A Level's value; empty in a denial."""
    grant: str
    """Empty in a denial."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who, from where."""

    principal: str
    """Name; `operator:<os user>` on the host; `anonymous` for counted failures."""
    environment: str
    roles: tuple[str, ...]
    door: Door


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessEntry:
    """Durable before the first raw byte is read."""

    receipt: str
    """Random id, known to the principal; the log index is not."""
    time: datetime.datetime
    actor: Actor
    purpose: str
    project: str
    columns: tuple[ColumnAccess, ...]
    datasets: tuple[str, ...]
    """Every dataset read, also those without a column (`count(*)`)."""
    digest: str
    """Bundle."""
    dynamic_grants: tuple[str, ...]
    shape: str
    """SQL, literals replaced; ≤ 16 KiB."""
    sql_hmac: str
    """HMAC-SHA-256 of the SQL under a nonce that only the recipient gets (T21), hex."""
    instance: str
    key_epoch: int = 0
    """Of the project's keys: all scans and columns of one access are under this one."""
    case: str = ""
    """Of a re-identification, in the words of those who work on it; empty of everything else."""
    kind: Literal["access"] = "access"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeEntry:
    """How an access ended."""

    receipt: str
    time: datetime.datetime
    access_index: int
    result: Result
    rows: int
    """Rows delivered."""
    body_hmac: str
    """HMAC-SHA-256 of the delivered bytes' SHA-256 under the receipt's nonce, hex; empty unless ok."""
    code: str
    """Error code unless ok."""
    suppressed_rows: int = 0
    """Rows that the second evaluation of a row filter rejected (T10); an operator's figure."""
    subjects: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By dataset released row by row to a person: masks.Sketch of the subjects, or `any` (T6). Datasets of the access
    that are not named here gave groups or went into a dataset version, unless the result is `unknown`: then `any`."""
    kind: Literal["outcome"] = "outcome"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DenialEntry:
    """A request that ended before anything was read: denied, invalid, exhausted or unavailable."""

    receipt: str
    time: datetime.datetime
    actor: Actor
    purpose: str
    """As asked if it is a known purpose, else empty: unknown text is not repeated."""
    datasets: tuple[str, ...]
    """Known ones only."""
    columns: tuple[ColumnAccess, ...]
    code: str
    reasons: tuple[str, ...]
    shape: str
    """≤ 4 KiB (T18); empty if the SQL did not parse."""
    digest: str
    kind: Literal["denial"] = "denial"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventEntry:
    """An act on the gateway itself: init, token-create, audit-search, refused-credentials and so on."""

    receipt: str
    time: datetime.datetime
    actor: Actor
    action: str
    detail: Mapping[str, str | int]
    """No secret, no row's value."""
    kind: Literal["event"] = "event"


Entry = AccessEntry | OutcomeEntry | DenialEntry | EventEntry


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must still hold, by the database's clock, in the transaction that appends an access entry (T17)."""

    digest: str
    """The activated bundle."""
    dynamic_grants: tuple[str, ...]
    """Each still granted and not revoked."""
    credential_id: str
    """Still valid: neither revoked nor expired."""
    instance: str
    """Its lease has not run out."""
    key: KeyEpoch | None = None
    """Not destroyed."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """What an auditor searches for; None leaves a field open. All given ones must hold."""

    principal: str | None = None
    dataset: str | None = None
    column: str | None = None
    """`core.customers.income`, or a bare column name together with dataset."""
    purpose: str | None = None
    grant: str | None = None
    level: str | None = None
    since: datetime.datetime | None = None
    """Inclusive, aware."""
    until: datetime.datetime | None = None
    """Exclusive, aware."""
    result: Result | None = None
    kind: Literal["access", "outcome", "denial", "event"] | None = None
    """None: accesses (joined with their outcome), denials and events."""
    action: str | None = None
    receipt: str | None = None
    after: int = -1
    """Page on: only entries with a larger index."""
    limit: int = 100
    """Entries, 1..1000."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FoundEntry:
    """One row of an auditor's answer."""

    index: int
    time: datetime.datetime
    kind: str
    payload: Mapping[str, object] | None
    """None after erasure."""
    result: Result | None
    """Of an access: its outcome's, None while it runs. Of a denial: `denied`."""
    outcome: Mapping[str, object] | None
    """The outcome entry's payload, for an access that has one."""
