"""Keys end by four eyes: one proposes to destroy a project's key, another approves, and it is gone for good (T12).

Who proposes says what becomes of the dataset versions that were made under it: nothing can attribute their rows to
anybody afterwards, so that an erasure finds neither rows nor versions. Each such version is declared so in the log.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from gateway.errors import Denied, GatewayError, Integrity, Invalid, Unavailable
from gateway.governance.approvals import Approvals, Done, ProposalView, check_text
from gateway.governance.desk import Desk
from gateway.key_ports import KeyKeeper
from gateway.ports import LogStore
from gateway.store import Destructions, Proposals, Versions
from gateway.terms.audit import Actor, EntryFilter
from gateway.terms.identity import Credentials
from gateway.terms.key import HOUSE_PROJECT, Destruction, EpochState, KeyEpoch
from gateway.terms.proposal import Proposal, Verdict

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
    log: LogStore
    """Which destructions have begun."""

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
        """Log, withdraw, delete, declare. Each step bears a repetition; none happens without the ones before it.

        Once it is begun, it is finished: a newer epoch no longer makes it stale, and no error closes it.

        Raises:
            Unavailable: it is not done, and stays to be done.
        """
        if (before := self._proposals.acted(proposal.id)) is not None:
            return "done" if before == "done" else "stale"
        try:
            begun = self._begun(proposal)
            if not begun and self._moved(proposal):
                self._proposals.close(proposal.id, outcome="stale", now=now)
                return "stale"
            return self._finish(proposal, begun, actor=actor, now=now)
        except GatewayError as error:
            project, _ = _told(proposal)
            raise Unavailable(
                f"the approved destruction of the key of project {project} is not finished: {error.message}",
                code="keys.destroy",
                reasons=error.reasons,
                fix=error.fix or "start the gateway again: it goes on",
            ) from None

    def _finish(
        self, proposal: Proposal, begun: Mapping[KeyEpoch, Destruction], *, actor: Actor, now: datetime.datetime
    ) -> Done:
        project, epochs = _told(proposal)
        for epoch in (KeyEpoch(project, number) for number in epochs):
            self._destroy(epoch, begun.get(epoch) or self._log(epoch, proposal, actor=actor, now=now))
        # Withdrawn under the log's lock: whatever is published under these keys is published by now.
        for version in self._stock.made_under(project, epochs):
            detail: dict[str, str | int] = {"version": version, "project": project, "proposal": proposal.id}
            self._desk.write(actor, action="version-unattributable", now=now, detail=detail)
        self._proposals.close(proposal.id, outcome="done", now=now)
        return "done"

    def _log(self, epoch: KeyEpoch, proposal: Proposal, *, actor: Actor, now: datetime.datetime) -> Destruction:
        detail: dict[str, str | int] = {
            "project": epoch.project,
            "epoch": epoch.number,
            "proposal": proposal.id,
            "digest": proposal.digest,
        }
        entry = self._desk.write(actor, action=_ACTION, now=now, detail=detail)
        return Destruction(at=now.replace(microsecond=0), entry=entry)

    def _destroy(self, epoch: KeyEpoch, logged: Destruction) -> None:
        self._stock.destructions.add(epoch, now=logged.at)
        self._stock.keys.destroy(epoch, logged)

    def _begun(self, proposal: Proposal) -> Mapping[KeyEpoch, Destruction]:
        """What the log tells that this proposal destroys, after an act that was cut short."""
        logged = [each for each in _logged(self._stock.log) if each.detail.get("proposal") == proposal.id]
        return {each.epoch: each.destruction for each in reversed(logged)}

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
    return {each.epoch: each.destruction for each in reversed(list(_logged(log)))}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Logged:
    """One entry `key-destroy`."""

    epoch: KeyEpoch
    destruction: Destruction
    detail: Mapping[str, Any]


def _logged(log: LogStore) -> Iterator[_Logged]:
    """Oldest first; of several of one epoch the first counts."""
    after = -1
    while page := log.search(EntryFilter(kind="event", action=_ACTION, after=after, limit=_PAGE)):
        for entry in page:
            payload = cast("Mapping[str, Any] | None", entry.payload)
            if payload is None:
                raise Integrity("the log's entry of a key's destruction was erased", code="log")
            detail = payload["detail"]
            yield _Logged(
                epoch=KeyEpoch(detail["project"], detail["epoch"]),
                destruction=Destruction(at=entry.time.replace(microsecond=0), entry=payload["receipt"]),
                detail=detail,
            )
        after = page[-1].index


def _told(proposal: Proposal) -> tuple[str, tuple[int, ...]]:
    return str(proposal.document["project"]), tuple(cast("Sequence[int]", proposal.document["epochs"]))
