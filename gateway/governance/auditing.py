"""The auditor's desk: search, checkpoints, proofs; and everybody's own receipts."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence

from gateway import audit
from gateway.errors import Denied, Invalid
from gateway.governance.desk import Desk, actor_of
from gateway.ports import LogStore
from gateway.terms.audit import EntryFilter, FoundEntry
from gateway.terms.identity import Credentials
from gateway.terms.log import Checkpoint

CAPABILITY = "audit.read"
MAX_ENTRIES = 1000
OUTCOME_SECONDS = 2.0
"""A receipt that is asked for right after its answer waits so long for the outcome."""
_POLL_SECONDS = 0.02


class AuditDesk:
    """Reads the log for whoever may, and logs that too."""

    def __init__(self, desk: Desk, *, store: LogStore) -> None:
        self._desk = desk
        self._store = store

    def search(self, credentials: Credentials, wanted: EntryFilter) -> Sequence[FoundEntry]:
        """Entries that match, oldest first; the search itself is an entry.

        Raises:
            Invalid: limit is not 1..1000, or a time has no zone.
            Denied: no role of the caller carries `audit.read`.
        """
        principal, now = self._desk.enter_with(credentials, capability=CAPABILITY)
        if not 1 <= wanted.limit <= MAX_ENTRIES:
            raise Invalid(f"limit is 1..{MAX_ENTRIES}", code="limit", fix="page on with after=INDEX")
        if any(time is not None and time.tzinfo is None for time in (wanted.since, wanted.until)):
            raise Invalid("since and until need a time zone", code="time", fix="write 2026-11-01T00:00:00Z")
        asked = {
            field.name: value if isinstance(value, str | int) else str(value)
            for field in dataclasses.fields(wanted)
            if (value := getattr(wanted, field.name)) is not None
        }
        self._desk.write(actor_of(principal), action="audit-search", now=now, detail=asked)
        return self._store.search(wanted)

    def checkpoint(self, credentials: Credentials) -> Checkpoint:
        """The newest signed checkpoint."""
        self._desk.enter_with(credentials, capability=CAPABILITY)
        return self._newest()

    def inclusion(self, credentials: Credentials, *, index: int, size: int | None = None) -> Mapping[str, object]:
        """Proof that entry `index` is in the log of `size` entries (default: the newest checkpoint's).

        It shows the entry, so it is logged like a search.
        """
        principal, now = self._desk.enter_with(credentials, capability=CAPABILITY)
        self._desk.write(actor_of(principal), action="audit-proof", now=now, detail={"index": index})
        return audit.prove_inclusion(self._store, index=index, size=size or self._newest().size)

    def consistency(self, credentials: Credentials, *, old: int, size: int | None = None) -> Mapping[str, object]:
        """Proof that the log of `size` entries extends the one of `old` entries."""
        self._desk.enter_with(credentials, capability=CAPABILITY)
        return audit.prove_consistency(self._store, old=old, size=size or self._newest().size)

    def receipt(self, credentials: Credentials, *, receipt: str) -> FoundEntry:
        """The caller's own entry; another's receipt answers like an unknown one.

        An answer that has just been read to its end gets its outcome in a moment: this waits a little for it.
        """
        principal, _ = self._desk.enter(credentials)
        until = time.monotonic() + OUTCOME_SECONDS
        while True:
            found = self._store.search(EntryFilter(receipt=receipt, principal=principal.id, limit=1))
            if not found:
                raise Denied("no receipt of yours has this id", code="receipt")
            if found[0].kind != "access" or found[0].result is not None or time.monotonic() >= until:
                return found[0]
            time.sleep(_POLL_SECONDS)

    def _newest(self) -> Checkpoint:
        newest = self._store.checkpoint()
        if newest is None:
            raise Invalid("the log is empty", code="empty_log")
        return newest
