"""Routes of four eyes: access requests and every other proposal, grants, policies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from gateway.governance import ApprovalDesks
from gateway.http.approval_models import (
    AccessRequestIn,
    ActiveBundleOut,
    BundleIn,
    GrantOut,
    PolicyDiffOut,
    ProposalDetailOut,
    ProposalOut,
    VerdictIn,
)
from gateway.http.caller import Caller

Id = Annotated[str, Path(max_length=64)]
All = Query(alias="all", description="Of every state, the newest 200; else open ones")
Everybodys = Query(alias="all", description="Of all roles and environments: needs access.approve")


def routes(desks: ApprovalDesks) -> APIRouter:
    """Everything below `/v1` that needs a second person."""
    router = APIRouter()
    router.include_router(_requests(desks), prefix="/access-requests")
    router.include_router(_proposals(desks), prefix="/access-requests")
    router.include_router(_proposals(desks), prefix="/proposals")
    router.include_router(_grants(desks), prefix="/grants")
    router.include_router(_policies(desks), prefix="/policies")
    return router


def _requests(desks: ApprovalDesks) -> APIRouter:
    router = APIRouter(tags=["approvals"])

    @router.post("", status_code=201)
    def request(body: AccessRequestIn, caller: Caller) -> ProposalDetailOut:
        """Ask for a grant for one of your roles, in your credential's environment."""
        return ProposalDetailOut.of(desks.access.request(caller, body.request()))

    return router


def _proposals(desks: ApprovalDesks) -> APIRouter:
    """Of every kind: access requests, extracts, policies."""
    router = APIRouter(tags=["approvals"])

    @router.get("")
    def listed(caller: Caller, everything: Annotated[bool, All] = False) -> list[ProposalOut]:  # noqa: FBT002 - a query parameter
        """Proposals that you made or may decide, oldest first."""
        return [ProposalOut.of(view) for view in desks.approvals.listed(caller, everything=everything)]

    @router.get("/{proposal}")
    def shown(proposal: Id, caller: Caller) -> ProposalDetailOut:
        """One of them with its document."""
        return ProposalDetailOut.of(desks.approvals.shown(caller, proposal))

    @router.post("/{proposal}/approve")
    def approve(proposal: Id, body: VerdictIn, caller: Caller) -> ProposalDetailOut:
        """Approve another's proposal; what it says happens at once."""
        return ProposalDetailOut.of(desks.approvals.approve(caller, proposal, digest=body.digest, note=body.note))

    @router.post("/{proposal}/deny")
    def deny(proposal: Id, body: VerdictIn, caller: Caller) -> ProposalDetailOut:
        """Deny another's proposal."""
        return ProposalDetailOut.of(desks.approvals.deny(caller, proposal, digest=body.digest, note=body.note))

    return router


def _grants(desks: ApprovalDesks) -> APIRouter:
    router = APIRouter(tags=["approvals"])

    @router.get("")
    def grants(caller: Caller, everything: Annotated[bool, Everybodys] = False) -> list[GrantOut]:  # noqa: FBT002 - a query parameter
        """Grants that hold for your roles, reviewed and approved ones."""
        return [GrantOut.of(view) for view in desks.access.grants(caller, everything=everything)]

    @router.delete("/{grant}", status_code=204)
    def revoke(grant: Id, caller: Caller) -> None:
        """Take an approved grant back, at once and everywhere."""
        desks.access.revoke(caller, grant)

    return router


def _policies(desks: ApprovalDesks) -> APIRouter:
    router = APIRouter(tags=["policies"])

    @router.get("")
    def active(caller: Caller) -> ActiveBundleOut:
        """The active bundle."""
        return ActiveBundleOut.of(desks.policies.active(caller))

    @router.post("", status_code=201)
    def propose(body: BundleIn, caller: Caller) -> ProposalDetailOut:
        """Propose a bundle; a second person activates it by approving."""
        return ProposalDetailOut.of(desks.policies.propose(caller, body.files, reason=body.reason))

    @router.post("/diff")
    def diff(body: BundleIn, caller: Caller) -> PolicyDiffOut:
        """What a bundle would change: files by line, roles by level."""
        return PolicyDiffOut.of(desks.policies.diff(caller, body.files))

    @router.get("/diff/{proposal}")
    def diff_of(proposal: Id, caller: Caller) -> PolicyDiffOut:
        """The same of an open proposal that you made or may decide."""
        return PolicyDiffOut.of(desks.policies.diff_of(caller, proposal))

    return router
