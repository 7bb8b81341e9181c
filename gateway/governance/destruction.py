"""Keys end by four eyes: one proposes to destroy a project's key, another approves, and it is gone for good (T12).

Who proposes says what becomes of the dataset versions that were made under it: nothing can attribute their rows to
anybody afterwards, so that an erasure finds neither rows nor versions. Each such version is declared so in the log.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from gateway.errors import Denied, Integrity, Invalid
from gateway.governance.approvals import Approvals, Done, ProposalView, check_text
from gateway.governance.desk import Desk
from gateway.key_ports import KeyKeeper
from gateway.ports import LogStore
from gateway.store import Destructions, Proposals, Versions
from gateway.terms.audit import Actor, EntryFilter
from gateway.terms.identity import Credentials
from gateway.terms.key import Destruction, EpochState, KeyEpoch
from gateway.terms.proposal import Proposal, Verdict

HOUSE_PROJECT: Final = "gateway"
"""Keys of the gateway itself: links, names, windows. No project's; they neither rotate nor end."""
_ACTION: Final = "key-destroy"
_CAPABILITY: Final = "key.destroy"
_PAGE: Final = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EpochView:
    """One epoch, and what was made under it."""

    state: EpochState
    versions: tuple[str, ...]
    """Dataset versions, `NAME@N`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeyStock:
    """What destruction works on."""

    keys: KeyKeeper
    destructions: Destructions
    versions: Versions

    def live(self, project: str) -> tuple[int, ...]:
        """Epochs that are not destroyed."""
        known = [state for state in self.keys.listed() if state.epoch.project == project]
        return tuple(state.epoch.number for state in known if state.destroyed is None)

    def made_under(self, project: str, epochs: Sequence[int]) -> tuple[str, ...]:
        """Dataset versions of these epochs."""
        made = [(version.id, json.loads(version.manifest)) for version in self.versions.of_project(project)]
        return tuple(sorted(name for name, manifest in made if manifest["key_epochs"].get(project) in epochs))


class KeyAct:
    """Kind key-destroy: the keys are deleted, and the versions under them declared unattributable."""

    capability = _CAPABILITY

    def __init__(self, desk: Desk, *, proposals: Proposals, stock: KeyStock) -> None:
        self._desk = desk
        self._proposals = proposals
        self._stock = stock

    def summary(self, proposal: Proposal) -> str:
        """Which key, and how many versions."""
        project, epochs = _told(proposal)
        numbers = ", ".join(map(str, epochs))
        made = len(cast("Sequence[str]", proposal.document["unattributable"]))
        return f"destroy the key of project {project}, epoch {numbers}: {made} dataset versions become unattributable"

    def check(self, proposal: Proposal) -> None:
        """Whether these epochs live, and these are the versions under them."""
        project, epochs = _told(proposal)
        if self._moved(proposal) or not set(epochs) <= set(self._stock.live(project)):
            raise Denied("the project has other epochs than when it was proposed", code="stale", fix="propose it again")
        if list(self._stock.made_under(project, epochs)) != proposal.document["unattributable"]:
            raise Denied("other dataset versions are under this key by now", code="stale", fix="propose it again")

    def review(self, proposal: Proposal) -> Mapping[str, object]:
        """What it means."""
        self.check(proposal)
        return {
            "warnings": [
                "a destroyed key never comes back: pseudonyms made under it cannot be re-identified or made again",
                "queries of the project are refused until `gateway key rotate`, unless a newer epoch is there",
            ]
        }

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:  # noqa: ARG002 - the protocol's signature
        """Log, withdraw, delete, declare. Each step bears a repetition; none happens without the ones before it."""
        if (before := self._proposals.acted(proposal.id)) is not None:
            return "done" if before == "done" else "stale"
        if self._moved(proposal):
            self._proposals.close(proposal.id, outcome="stale", now=now)
            return "stale"
        project, epochs = _told(proposal)
        for number in epochs:
            self._destroy(KeyEpoch(project, number), proposal, actor=actor, now=now)
        # Withdrawn under the log's lock: whatever is published under these keys is published by now.
        for version in self._stock.made_under(project, epochs):
            detail: dict[str, str | int] = {"version": version, "project": project, "proposal": proposal.id}
            self._desk.write(actor, action="version-unattributable", now=now, detail=detail)
        self._proposals.close(proposal.id, outcome="done", now=now)
        return "done"

    def _destroy(self, epoch: KeyEpoch, proposal: Proposal, *, actor: Actor, now: datetime.datetime) -> None:
        detail: dict[str, str | int] = {
            "project": epoch.project,
            "epoch": epoch.number,
            "proposal": proposal.id,
            "digest": proposal.digest,
        }
        entry = self._desk.write(actor, action=_ACTION, now=now, detail=detail)
        self._stock.destructions.add(epoch, now=now)
        self._stock.keys.destroy(epoch, Destruction(at=now.replace(microsecond=0), entry=entry))

    def _moved(self, proposal: Proposal) -> bool:
        """Whether a project that was to end has begun another epoch since."""
        project, epochs = _told(proposal)
        return bool(proposal.document["whole"]) and not set(self._stock.live(project)) <= set(epochs)


class KeyDesk:
    """Shows the keys to those who may end them, and proposes that."""

    def __init__(self, desk: Desk, *, approvals: Approvals, stock: KeyStock) -> None:
        self._desk = desk
        self._approvals = approvals
        self._stock = stock

    def listed(self, credentials: Credentials) -> Sequence[EpochView]:
        """Every project's epochs, the house's own left out."""
        self._desk.enter_with(credentials, capability=_CAPABILITY)
        states = [state for state in self._stock.keys.listed() if state.epoch.project != HOUSE_PROJECT]
        return [
            EpochView(state=state, versions=self._stock.made_under(state.epoch.project, [state.epoch.number]))
            for state in states
        ]

    def propose(
        self,
        credentials: Credentials,
        *,
        project: str,
        epoch: int | None = None,
        unattributable: Sequence[str] = (),
        reason: str = "",
    ) -> ProposalView:
        """Propose to destroy an epoch, or every epoch of a project.

        Args:
            unattributable: the dataset versions under it, each by name: who proposes has seen them.

        Raises:
            Invalid: `keys.project`, `keys.epoch`: nothing of it lives; `keys.versions`: other versions are under it,
                and `reasons` name those.
        """
        principal, now = self._desk.enter_with(credentials, capability=_CAPABILITY)
        check_text(reason, what="a reason")
        live = () if project == HOUSE_PROJECT else self._stock.live(project)
        if not live:
            raise Invalid("no such project has a key", code="keys.project", fix="`gateway key list` shows them")
        if epoch is not None and epoch not in live:
            raise Invalid("the project has no such epoch, or no more", code="keys.epoch", fix="`gateway key list`")
        epochs = live if epoch is None else (epoch,)
        made = self._stock.made_under(project, epochs)
        if made != tuple(sorted(unattributable)):
            raise Invalid(
                "the dataset versions under this key are others than those that were declared unattributable",
                code="keys.versions",
                reasons=made,
                fix="erase what must be erased first; then declare exactly these",
            )
        document = {
            "project": project,
            "epochs": list(epochs),
            "whole": epoch is None,
            "unattributable": list(made),
            "reason": reason,
        }
        proposal = self._approvals.propose(principal, "key-destroy", document)
        return self._approvals.view(principal, proposal.id, now=now)


def destroyed_keys(log: LogStore) -> Mapping[KeyEpoch, Destruction]:
    """Every destruction that the log tells of.

    Raises:
        Integrity: an entry of one was erased: nobody can tell what must stay destroyed.
    """
    found: dict[KeyEpoch, Destruction] = {}
    after = -1
    while page := log.search(EntryFilter(kind="event", action=_ACTION, after=after, limit=_PAGE)):
        for entry in page:
            payload = cast("Mapping[str, Any] | None", entry.payload)
            if payload is None:
                raise Integrity("the log's entry of a key's destruction was erased", code="log")
            epoch = KeyEpoch(payload["detail"]["project"], payload["detail"]["epoch"])
            told = Destruction(at=entry.time.replace(microsecond=0), entry=payload["receipt"])
            found.setdefault(epoch, told)
        after = page[-1].index
    return found


def _told(proposal: Proposal) -> tuple[str, tuple[int, ...]]:
    return str(proposal.document["project"]), tuple(cast("Sequence[int]", proposal.document["epochs"]))
