"""Approved cases, as the enforcement point asks for them (rooms.Cases)."""

from __future__ import annotations

import datetime
import hmac
from collections.abc import Callable
from typing import Final

from gateway.errors import Denied, Integrity
from gateway.governance.approvals import digest_of
from gateway.governance.reidentification.listed import digest_of_list, distinct
from gateway.rooms import ActivePolicy
from gateway.store import Proposals
from gateway.terms.identity import Principal
from gateway.terms.proposal import Proposal, Verdict
from gateway.terms.request import ApprovedCase, ReidentifyRequest

FETCHED_WITHIN: Final = datetime.timedelta(hours=24)
"""After the verdict: who looks so late has another reason than the one that was approved."""
CAPABILITY: Final = "subject.reidentify"


class CaseBook:
    """Cases of the control database. Says nothing of one to anybody but its proposer."""

    def __init__(self, proposals: Proposals, *, policy: Callable[[], ActivePolicy], per_day: int) -> None:
        """`per_day`: results that one principal may take in 24 hours."""
        self._proposals = proposals
        self._policy = policy
        self._per_day = per_day

    def approved(self, principal: Principal, request: ReidentifyRequest) -> ApprovedCase:
        """The case, if its result may be had now. Nothing changes.

        Raises:
            Denied: `capability`; `proposal`: no such case of the principal's; `unapproved`; `spent`; `pseudonyms`:
                not the list that was approved.
            Integrity: the stored case is not what was proposed, or not what was approved.
        """
        if not self._policy().pdp.may(principal, CAPABILITY):
            raise Denied(f"none of your roles may do this: it needs {CAPABILITY}", code="capability")
        proposal, verdict = self._found(principal, request.proposal)
        if verdict is None or not verdict.approved:
            raise Denied("nobody approved this case", code="unapproved", fix="`gateway approve` is for another person")
        if verdict.digest != proposal.digest:
            raise Integrity("what was approved is not the stored case: its digest differs", code="proposal")
        if self._proposals.acted(proposal.id) is not None:
            raise Denied(
                "this case's result was taken, whole or not, or can no longer be", code="spent", fix="propose a new one"
            )
        pseudonyms = distinct(request.pseudonyms)
        case = _case(proposal, pseudonyms)
        if not hmac.compare_digest(digest_of_list(pseudonyms), case.digest):
            raise Denied(
                "these are not the pseudonyms that were approved", code="pseudonyms", fix="send the same list again"
            )
        return case

    def spend(self, case: ApprovedCase, principal: Principal) -> None:
        """Durably, once, by the database's clock.

        Raises:
            Denied: `spent`; `expired`: 24 hours after the verdict; `unapproved`; `cases`: too many in a day.
        """
        self._proposals.spend(case.proposal, by=principal.id, within=FETCHED_WITHIN, per_day=self._per_day)

    def _found(self, principal: Principal, proposal_id: str) -> tuple[Proposal, Verdict | None]:
        found = self._proposals.find(proposal_id)
        if (
            found is None
            or found[0].kind != "reidentify"
            or found[0].proposer != principal.id
            or found[0].environment != principal.environment
        ):
            raise Denied("you proposed no such case here", code="proposal")
        if found[0].digest != digest_of(found[0]):
            raise Integrity("a stored case is not what was proposed: its digest differs", code="proposal")
        return found


def _case(proposal: Proposal, pseudonyms: tuple[str, ...]) -> ApprovedCase:
    stated = proposal.document
    return ApprovedCase(
        proposal=proposal.id,
        dataset=str(stated["dataset"]),
        column=str(stated["column"]),
        purpose=str(stated["purpose"]),
        project=str(stated["project"]),
        epoch=int(str(stated["epoch"])),
        name=str(stated["case"]),
        digest=str(stated["digest"]),
        pseudonyms=pseudonyms,
    )
