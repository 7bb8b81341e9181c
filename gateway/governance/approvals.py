"""Four eyes: one principal proposes, another approves, and then it is done, once.

Each step is in the log before it takes effect. Who may decide: a principal with the capability of the proposal's
kind, in the proposal's environment, never the proposer, and in `prod` never by a token that the host made (T11).
What is decided is what was looked at: the approver gives back the digest over everything that is proposed.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol

import rfc8785

from gateway.errors import Denied, Exhausted, GatewayError, Integrity, Invalid, Unavailable
from gateway.governance.desk import Desk, actor_of
from gateway.store import Proposals
from gateway.terms.audit import Actor
from gateway.terms.identity import Credentials, Principal
from gateway.terms.proposal import ActOutcome, Proposal, ProposalKind, ProposalState, Verdict

LIFETIME: Final = datetime.timedelta(days=7)
"""How long a proposal waits for a second person."""
MAX_OPEN: Final = 50
"""Open proposals of one principal: who approves reads them."""
MAX_TEXT: Final = 1000
"""Characters of a reason or note."""
LISTED: Final = 200
"""Newest proposals in a list of all."""
_HOST_ISSUER: Final = "token"
_PROD: Final = "prod"
_PROPOSED: Final[Mapping[ProposalKind, str]] = {
    "access": "access-request",
    "extract": "extract-propose",
    "key-destroy": "key-destroy-propose",
    "policy": "policy-propose",
    "reidentify": "reidentify-propose",
}
_CAUTION: Final = (
    "decided with a token that this gateway's host made: the two people are as different as the host's operator made "
    "them. Environment prod accepts an identity provider only."
)
Done = Literal["done", "stale"]


class Act(Protocol):
    """What approval leads to, for one kind of proposal."""

    @property
    def capability(self) -> str:
        """What an approver needs."""

    def summary(self, proposal: Proposal) -> str:
        """The proposal in one line."""

    def check(self, proposal: Proposal) -> None:
        """Whether it could be done now.

        Raises:
            Invalid, Denied: no.
        """

    def review(self, proposal: Proposal) -> Mapping[str, object]:
        """What an approver should know beside the document; errors as check."""

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:
        """Log and do it; what was done before is not done again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """A proposal as one principal may see it."""

    proposal: Proposal
    verdict: Verdict | None
    state: ProposalState
    summary: str
    may_decide: bool
    """Whether this principal could decide it now."""
    caution: str = ""
    """What a verdict by the viewer's credential is worth, where that is less than two people (T11)."""
    review: Mapping[str, object] = dataclasses.field(default_factory=dict)
    """What an approver should know beside the document."""


class ExtractAct:
    """Kind extract: the job queue's business, told by callbacks. They MUST bear a second call."""

    capability = "extract.approve"

    def __init__(
        self,
        *,
        proposals: Proposals,
        on_approved: Callable[[Proposal], None],
        on_denied: Callable[[Proposal], None] = lambda _: None,
    ) -> None:
        self._proposals = proposals
        self._on_approved = on_approved
        self._on_denied = on_denied

    def summary(self, proposal: Proposal) -> str:
        """Its name and purpose, as far as the document says them."""
        told = [str(proposal.document[key]) for key in ("name", "purpose") if key in proposal.document]
        return f"extract {' for '.join(told)}".rstrip()

    def check(self, proposal: Proposal) -> None:
        """Nothing: the job is decided again when it runs."""

    def review(self, proposal: Proposal) -> Mapping[str, object]:  # noqa: ARG002 - the protocol's signature
        """Nothing: the document says it all."""
        return {}

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:  # noqa: ARG002 - the protocol's signature
        """Release or refuse the job."""
        (self._on_approved if verdict.approved else self._on_denied)(proposal)
        self._proposals.close(proposal.id, outcome="done", now=now)
        return "done"


class Approvals:
    """Proposals of every kind, and the second person's verdict."""

    def __init__(self, desk: Desk, *, proposals: Proposals, acts: Mapping[ProposalKind, Act], environment: str) -> None:
        self._desk = desk
        self._proposals = proposals
        self._acts = acts
        self._environment = environment
        """What this gateway serves: `prod` accepts no host token for anything."""

    def propose(
        self,
        principal: Principal,
        kind: ProposalKind,
        document: Mapping[str, object],
        lifetime: datetime.timedelta = LIFETIME,
    ) -> Proposal:
        """Log and store what shall be done; the caller has checked that it makes sense.

        Raises:
            Invalid: the document holds what JSON does not.
            Exhausted: too many open ones of this principal.
        """
        if sum(known.proposer == principal.id for known, _ in self._proposals.undecided()) >= MAX_OPEN:
            raise Exhausted(f"{MAX_OPEN} proposals of yours are open", code="proposals", fix="wait for verdicts")
        now = self._desk.clock.now()
        stated = Proposal(
            id=f"p-{self._desk.entropy.draw(8).hex()}",
            kind=kind,
            document=document,
            digest="",
            proposer=principal.id,
            proposer_issuer=principal.issuer,
            environment=principal.environment,
            created=now,
            expires=now + lifetime,
        )
        proposal = dataclasses.replace(stated, digest=digest_of(stated))
        self._desk.write(actor_of(principal), action=_PROPOSED[kind], now=now, detail=_detail(proposal))
        self._proposals.add(proposal)
        return proposal

    def listed(self, credentials: Credentials, *, everything: bool = False) -> Sequence[ProposalView]:
        """Open ones that the caller proposed or may decide, oldest first; `everything`: the newest 200 of any state."""
        principal, now = self._desk.enter(credentials)
        known = self._proposals.listed()[-LISTED:] if everything else self._proposals.undecided()
        seen = [(proposal, verdict) for proposal, verdict in known if self._sees(principal, proposal)]
        outcomes = self._proposals.outcomes([proposal.id for proposal, verdict in seen if verdict is not None])
        return [self._view(p, v, outcomes.get(p.id), principal=principal, now=now) for p, v in seen]

    def shown(self, credentials: Credentials, proposal_id: str) -> ProposalView:
        """One of them, with what an approver should know.

        Raises:
            Denied: unknown, or neither proposed by the caller nor the caller's to decide: one text for both.
        """
        principal, now = self._desk.enter(credentials)
        return self.view(principal, proposal_id, now=now)

    def view(self, principal: Principal, proposal_id: str, *, now: datetime.datetime) -> ProposalView:
        """As `shown`, for a principal that a desk let in."""
        proposal, verdict = self._found(principal, proposal_id)
        outcome = self._proposals.acted(proposal.id)
        view = self._view(proposal, verdict, outcome, principal=principal, now=now)
        if view.state != "open":
            return view
        try:
            review = self._acts[proposal.kind].review(proposal)
        except (Invalid, Denied) as error:
            review = {"obstacle": error.message}
        return dataclasses.replace(view, review=review)

    def approve(self, credentials: Credentials, proposal_id: str, *, digest: str, note: str = "") -> ProposalView:
        """Say yes, and do it at once.

        Raises:
            Denied: as `deny`; or `denied.stale`: what it was proposed against has changed.
            Invalid: it no longer makes sense under the active policy.
        """
        principal, now, verdict = self._decide(credentials, proposal_id, approved=True, digest=digest, note=note)
        proposal, _ = self._found(principal, proposal_id)
        self._act(proposal, verdict, actor=actor_of(principal), now=now)
        return self.view(principal, proposal_id, now=now)

    def deny(self, credentials: Credentials, proposal_id: str, *, digest: str, note: str = "") -> ProposalView:
        """Say no.

        Raises:
            Denied: `denied.proposal` unknown, or not the caller's to see; `.four_eyes`, `.issuer`, `.digest`,
                `.closed`, `.decided`, `.expired`; each is logged.
        """
        principal, now, verdict = self._decide(credentials, proposal_id, approved=False, digest=digest, note=note)
        proposal, _ = self._found(principal, proposal_id)
        if proposal.kind == "extract":
            self._act(proposal, verdict, actor=actor_of(principal), now=now)
        return self.view(principal, proposal_id, now=now)

    def settle(self, actor: Actor) -> int:
        """Do what was approved and has not happened, as after a crash; how many were done. Call it at start.

        What cannot be done any more is logged and closed: it grants nothing.

        Raises:
            Unavailable: something cannot be done now, and must be; everything else is done.
        """
        done, now = 0, self._desk.clock.now()
        stuck: list[Unavailable] = []
        for proposal, verdict in self._proposals.unsettled():
            try:
                self._act(proposal, verdict, actor=actor, now=now)
                done += 1
            except Unavailable as error:
                stuck.append(error)
            except GatewayError:
                continue  # _act has logged and closed it
        if stuck:
            raise stuck[0]
        return done

    def _decide(
        self, credentials: Credentials, proposal_id: str, *, approved: bool, digest: str, note: str
    ) -> tuple[Principal, datetime.datetime, Verdict]:
        principal, now = self._desk.enter(credentials)
        check_text(note, what="a note")
        try:
            proposal, _ = self._found(principal, proposal_id)
            self._check(principal, proposal, digest=digest)
            if approved:
                self._acts[proposal.kind].check(proposal)
        except Denied as error:
            raise self._desk.refused(principal, error, now=now) from None
        action = "proposal-approve" if approved else "proposal-deny"
        self._desk.write(actor_of(principal), action=action, now=now, detail=_detail(proposal, issuer=principal.issuer))
        verdict = Verdict(
            proposal=proposal.id,
            approved=approved,
            by=principal.id,
            by_issuer=principal.issuer,
            digest=digest,
            at=now,
            note=note,
        )
        try:
            self._proposals.decide(verdict)
        except Denied as error:  # another one was faster, or it expired meanwhile: the log says that, too
            raise self._desk.refused(principal, error, now=now) from None
        return principal, now, verdict

    def _act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> None:
        try:
            if verdict.digest != digest_of(proposal):
                raise Integrity("the stored proposal is not what was approved: its digest differs", code="proposal")
            if self._acts[proposal.kind].act(proposal, verdict, actor=actor, now=now) == "stale":
                raise Denied("what it was proposed against has changed", code="stale", fix="propose it again")
        except Unavailable:
            raise  # `settle` tries again
        except GatewayError as error:
            detail = _detail(proposal, code=error.code)
            self._desk.write(actor, action="proposal-fail", now=now, detail=detail)
            self._proposals.close(proposal.id, outcome="failed", now=now)
            raise

    def _found(self, principal: Principal, proposal_id: str) -> tuple[Proposal, Verdict | None]:
        found = self._proposals.find(proposal_id)
        if found is None or not self._sees(principal, found[0]):
            raise Denied("no proposal of yours, and none that you may decide, has this id", code="proposal")
        if found[0].digest != digest_of(found[0]):
            raise Integrity("a stored proposal is not what was proposed: its digest differs", code="proposal")
        return found

    def _sees(self, principal: Principal, proposal: Proposal) -> bool:
        return principal.id == proposal.proposer or self._is_approver(principal, proposal)

    def _is_approver(self, principal: Principal, proposal: Proposal) -> bool:
        """Whether the roles and the environment are an approver's."""
        capability = self._acts[proposal.kind].capability
        return principal.environment == proposal.environment and self._desk.policy().pdp.may(principal, capability)

    def _obstacle(self, principal: Principal, proposal: Proposal) -> Denied | None:
        """Why this principal may not decide, whatever the proposal's state."""
        if principal.id == proposal.proposer:
            return Denied("nobody decides what he proposed himself", code="four_eyes", fix="ask another approver")
        if self._is_prod(principal, proposal) and principal.issuer == _HOST_ISSUER:
            return Denied(
                "in environment prod a token made on the gateway's host approves nothing",
                code="issuer",
                fix="sign in through the identity provider",
            )
        return None

    def _is_prod(self, principal: Principal, proposal: Proposal) -> bool:
        return _PROD in {self._environment, proposal.environment, principal.environment}

    def _check(self, principal: Principal, proposal: Proposal, *, digest: str) -> None:
        if (obstacle := self._obstacle(principal, proposal)) is not None:
            raise obstacle
        if digest != proposal.digest:
            raise Denied("the digest is not this proposal's", code="digest", fix="look at the proposal again")
        if not self._proposals.is_open(proposal.id):
            raise Denied("it has a verdict or has expired", code="closed", fix="`gateway approve` lists open ones")

    def _view(
        self,
        proposal: Proposal,
        verdict: Verdict | None,
        outcome: ActOutcome | None,
        *,
        principal: Principal,
        now: datetime.datetime,
    ) -> ProposalView:
        state = _state(proposal, verdict, outcome, now=now)
        may = state == "open" and self._is_approver(principal, proposal)
        may = may and self._obstacle(principal, proposal) is None
        host_made = _HOST_ISSUER in {principal.issuer if verdict is None else verdict.by_issuer}
        return ProposalView(
            proposal=proposal,
            verdict=verdict,
            state=state,
            summary=self._acts[proposal.kind].summary(proposal),
            may_decide=may,
            caution=_CAUTION if host_made and (may or verdict is not None) else "",
        )


def digest_of(proposal: Proposal) -> str:
    """SHA-256 over RFC 8785 JSON of id, kind, document, proposer and expiry, hex.

    Raises:
        Invalid: the document holds what JSON does not, or an integer beyond 2^53.
    """
    stated = {
        "id": proposal.id,
        "kind": proposal.kind,
        "document": proposal.document,
        "proposer": proposal.proposer,
        "expires": proposal.expires.astimezone(datetime.UTC).isoformat(),
    }
    try:
        return hashlib.sha256(rfc8785.dumps(stated)).hexdigest()  # type: ignore[arg-type] # what is no JSON raises
    except rfc8785.CanonicalizationError:
        raise Invalid("a proposal is made of plain JSON values", code="proposal") from None


def check_text(text: str, *, what: str) -> None:
    """A text that people wrote for people.

    Raises:
        Invalid: too long, or with characters that act on a screen.
    """
    if len(text) > MAX_TEXT:
        raise Invalid(f"{what} has {MAX_TEXT} characters at most", code="text")
    if not text.isprintable():
        raise Invalid(f"{what} is one line of printable characters", code="text")


def _state(
    proposal: Proposal, verdict: Verdict | None, outcome: ActOutcome | None, *, now: datetime.datetime
) -> ProposalState:
    """For people; whether a verdict still counts is the database's to say."""
    if verdict is not None:
        if not verdict.approved:
            return "denied"
        return "approved" if outcome is None or outcome == "done" else outcome
    return "open" if now < proposal.expires else "expired"


def _detail(proposal: Proposal, **more: str) -> Mapping[str, str]:
    """What the log tells of a proposal: never its document, but what names it to people."""
    named = {"policy": "bundle", "reidentify": "case"}.get(proposal.kind)
    named_as = {named: str(proposal.document.get(named, ""))} if named else {}
    return {"proposal": proposal.id, "digest": proposal.digest, "kind": proposal.kind, **named_as, **more}
