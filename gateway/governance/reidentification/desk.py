"""Proposes cases, and says what an approver approves."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.errors import Denied, Exhausted, Integrity, Invalid, Unsupported
from gateway.governance.approvals import Approvals, Done, ProposalView, check_text
from gateway.governance.desk import Desk
from gateway.governance.reidentification.book import CAPABILITY, FETCHED_WITHIN
from gateway.governance.reidentification.listed import digest_of_list, distinct
from gateway.key_ports import KeyKeeper
from gateway.store import Proposals
from gateway.terms.audit import Actor
from gateway.terms.dataset import Dataset
from gateway.terms.identity import Credentials, Principal
from gateway.terms.key import KeyEpoch
from gateway.terms.mask_spec import NAMING
from gateway.terms.proposal import Proposal, Verdict

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
_DAY: Final = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CaseLimits:
    """Against re-identification in bulk (T25)."""

    values: int
    """Distinct pseudonyms of one case."""
    cases_per_day: int
    """Of one principal: proposed, and taken."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WantedCase:
    """What is asked for."""

    dataset: str
    purpose: str
    """Under which the proposer sees the column in full."""
    project: str
    """Whose pseudonyms these are."""
    case: str
    pseudonyms: Sequence[str] = dataclasses.field(repr=False)
    column: str | None = None
    """None: the dataset's data subject."""
    epoch: int | None = None
    """None: the project's current one."""
    reason: str = ""


class ReidentifyAct:
    """Kind reidentify: approval does nothing by itself; the proposer may take the result once."""

    capability = "subject.reidentify.approve"

    def summary(self, proposal: Proposal) -> str:
        """How many, of what, of whom."""
        told = proposal.document
        return (
            f"re-identify {told['count']} pseudonyms of {told['dataset']}.{told['column']}, project {told['project']}, "
            f"epoch {told['epoch']}, case {told['case']}"
        )

    def check(self, proposal: Proposal) -> None:
        """Nothing: all of it is decided again when the result is asked for."""

    def review(self, proposal: Proposal) -> Mapping[str, object]:
        """What approval means."""
        hours = FETCHED_WITHIN // datetime.timedelta(hours=1)
        who, count = proposal.proposer, proposal.document["count"]
        return {
            "warnings": [
                f"approved, {who} gets up to {count} identifiers, once, within {hours} hours",
                f"only of rows that {who} sees in full for this purpose: to whom a pseudonym belongs is what is new",
            ]
        }

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:  # noqa: ARG002 - the protocol's signature
        """Nothing yet."""
        return "done"


class ReidentifyDesk:
    """Proposes cases. Reads no row, and keeps no pseudonym."""

    def __init__(
        self, desk: Desk, *, approvals: Approvals, proposals: Proposals, keys: KeyKeeper, limits: CaseLimits
    ) -> None:
        self._desk = desk
        self._approvals = approvals
        self._proposals = proposals
        self._keys = keys
        self._limits = limits

    def propose(self, credentials: Credentials, wanted: WantedCase) -> ProposalView:
        """Propose a case. The list is forgotten; its digest is what is approved.

        Raises:
            Denied: `capability`; `grant`: the proposer does not see the column in full for this purpose.
            Invalid: what cannot be asked so, or at all (`unsupported.recover`); a dataset that the proposer may not
                know of is unknown.
            Integrity: `keys.destroyed`: nobody can re-identify pseudonyms of this epoch.
            Exhausted: `values`, `cases`: more than one case, or one day, may have.
        """
        principal, now = self._desk.enter_with(credentials, capability=CAPABILITY)
        check_text(wanted.reason, what="a reason")
        if not _NAME.fullmatch(wanted.case):
            raise Invalid("a case is named by 1 to 64 of A-Z a-z 0-9 . _ / -", code="case")
        pseudonyms = distinct(wanted.pseudonyms)
        if len(pseudonyms) > self._limits.values:
            raise Exhausted(f"a case has {self._limits.values} pseudonyms at most", code="values")
        column = self._column(principal, wanted, now=now)
        epoch = self._epoch(wanted)
        self._check_day(principal, now=now)
        document = {
            "dataset": wanted.dataset,
            "column": column,
            "purpose": wanted.purpose,
            "project": wanted.project,
            "epoch": epoch,
            "case": wanted.case,
            "reason": wanted.reason,
            "count": len(pseudonyms),
            "digest": digest_of_list(pseudonyms),
        }
        proposal = self._approvals.propose(principal, "reidentify", document)
        return self._approvals.view(principal, proposal.id, now=now)

    def shown(self, credentials: Credentials, proposal: str) -> ProposalView:
        """A case, for its proposer and who may decide it."""
        view = self._approvals.shown(credentials, proposal)
        if view.proposal.kind != "reidentify":
            raise Denied("no case of yours, and none that you may decide, has this id", code="proposal")
        return view

    def _column(self, principal: Principal, wanted: WantedCase, *, now: datetime.datetime) -> str:
        """Its name, if the principal sees it in full and its pseudonyms can be made again."""
        active = self._desk.policy()
        dataset = active.datasets.get(wanted.dataset)
        if dataset is None or wanted.dataset not in active.pdp.visible(principal, now=now):
            raise Invalid("unknown dataset", code="dataset", fix="`gateway datasets` lists those that you may know of")
        column = _column_of(dataset, wanted.column)
        uses = {dataset.name: frozenset({column})}
        decision = active.pdp.decide(principal=principal, purpose=wanted.purpose, uses=uses, now=now, in_full=True)
        if not decision.allowed:
            missing = decision.missing
            error = Denied(
                missing.lacks if missing else "no grant shows this column in full",
                code="grant",
                reasons=decision.reasons,
                fix=missing.request if missing else "",
            )
            raise self._desk.refused(principal, error, now=now)
        masked = active.pdp.masked(dataset.name, column)
        if masked is None or masked.mask.name not in NAMING:
            name = masked.mask.name if masked else "none"
            raise Unsupported(
                f"the mask of {dataset.name}.{column} ({name}) stands for no single value",
                code="recover",
                fix=f"columns with one of these masks can be re-identified: {', '.join(sorted(NAMING))}",
            )
        return column

    def _epoch(self, wanted: WantedCase) -> int:
        """The number, if its key is there."""
        states = {state.epoch: state for state in self._keys.listed() if state.epoch.project == wanted.project}
        purposes = self._desk.policy().pdp.bundle.vocabulary.purposes.values()
        if not states or wanted.project not in {purpose.project for purpose in purposes}:
            raise Invalid("no such project has a key: nothing was made under it", code="project")
        epoch = max(states) if wanted.epoch is None else KeyEpoch(wanted.project, wanted.epoch)
        if epoch not in states:
            raise Invalid("the project has no such epoch", code="epoch", fix="versions name theirs in key_epochs")
        if (ended := states[epoch].destroyed) is not None:
            raise Integrity(
                f"the key of {epoch} was destroyed at {ended.at:%Y-%m-%dT%H:%M:%SZ} (log entry {ended.entry})",
                code="keys.destroyed",
                fix="pseudonyms that were made under it cannot be re-identified by anybody",
            )
        return epoch.number

    def _check_day(self, principal: Principal, *, now: datetime.datetime) -> None:
        known = self._proposals.listed(kind="reidentify", proposer=principal.id)
        if sum(proposal.created > now - _DAY for proposal, _ in known) >= self._limits.cases_per_day:
            raise Exhausted(f"{self._limits.cases_per_day} cases in 24 hours are yours already", code="cases")


def _column_of(dataset: Dataset, name: str | None) -> str:
    if name is None:
        if dataset.subject is None:
            raise Invalid(f"{dataset.name} has no data subject: name a column", code="column")
        return dataset.subject.column
    if name not in dataset.columns:
        raise Invalid(f"{dataset.name} has no such column", code="column")
    return name
