"""Access requests: what a denial says that is missing, asked for by whoever needs it, granted by whoever may.

An approved request is a dynamic grant for a role: everybody with that role has it until it expires or is revoked.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from gateway.errors import Denied, Invalid
from gateway.governance.approvals import Approvals, Done, ProposalView, check_text
from gateway.governance.desk import Desk, actor_of
from gateway.policy import check_request, read_request, would_expose
from gateway.query import parse_predicate
from gateway.store import Grants, Proposals
from gateway.terms.audit import Actor
from gateway.terms.dataset import Datasets
from gateway.terms.identity import Credentials, Principal
from gateway.terms.policy import Grant, Level
from gateway.terms.proposal import Proposal, Verdict

DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 90
"""A need that lasts longer belongs into the reviewed files."""
_MAX_ITEMS: Final = 64
_APPROVE: Final = "access.approve"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """What somebody asks for; not checked yet."""

    datasets: tuple[str, ...]
    purposes: tuple[str, ...]
    level: str
    role: str | None = None
    """One of the asker's own; None: the only one."""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Exceptions from the level, by column."""
    rows: Mapping[str, str] | None = None
    """`dataset` and `where`, as in grants.yaml."""
    rows_follow: tuple[str, ...] = ()
    days: int = DEFAULT_DAYS
    reason: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GrantView:
    """A grant as its holder or an approver may see it: a row filter is named, not shown."""

    grant: Grant
    datasets: tuple[str, ...]
    """Those that the viewer may know of."""
    proposal: str | None
    """Of a dynamic grant."""


class AccessAct:
    """Kind access: an approved request becomes a dynamic grant."""

    capability = _APPROVE

    def __init__(self, desk: Desk, *, proposals: Proposals, grants: Grants) -> None:
        self._desk = desk
        self._proposals = proposals
        self._grants = grants

    def summary(self, proposal: Proposal) -> str:
        """Role, datasets, level, purposes."""
        stated = cast("Mapping[str, Any]", proposal.document)
        what = f"{', '.join(stated['datasets'])} {stated['level']} for {', '.join(stated['purposes'])}"
        return f"{what}, role {stated['role']}, {stated['days']} days"

    def check(self, proposal: Proposal) -> None:
        """Whether it fits the active policy, and keeps its laws beside all other grants (T8, T25)."""
        self._grant(proposal, since=self._desk.clock.now())

    def review(self, proposal: Proposal) -> Mapping[str, object]:
        """What the role could join besides (T7), and that it is the role that gets it."""
        grant = self._grant(proposal, since=self._desk.clock.now())
        exposures = would_expose(self._desk.policy().pdp.bundle, grant)
        return {"holders": f"everybody with role {grant.role} in {grant.environment}", "warnings": list(exposures)}

    def act(self, proposal: Proposal, verdict: Verdict, *, actor: Actor, now: datetime.datetime) -> Done:
        """Add the grant; its days begin with the verdict."""
        if self._proposals.acted(proposal.id) is not None:
            return "done"
        grant = self._grant(proposal, since=verdict.at)
        detail = {
            "grant": grant.id,
            "proposal": proposal.id,
            "digest": proposal.digest,
            "kind": proposal.kind,
            "role": grant.role,
            "datasets": " ".join(sorted(grant.datasets)),
            "purposes": " ".join(sorted(grant.purposes)),
            "level": str(grant.level),
            "expires": grant.expires.isoformat() if grant.expires else "",
        }
        self._desk.write(actor, action="grant-add", now=now, detail=detail)
        self._proposals.grant(proposal.id, grant, by=verdict.by, now=now)
        return "done"

    def _grant(self, proposal: Proposal, *, since: datetime.datetime) -> Grant:
        return read_grant(
            proposal.document,
            grant_id=grant_id_of(proposal.id),
            since=since,
            desk=self._desk,
            datasets=self._desk.policy().datasets,
            dynamic=self._grants.current(now=self._desk.clock.now()),
        )


class AccessDesk:
    """Asks for access, lists grants, and takes approved ones back."""

    def __init__(self, desk: Desk, *, approvals: Approvals, proposals: Proposals, grants: Grants) -> None:
        self._desk = desk
        self._approvals = approvals
        self._proposals = proposals
        self._grants = grants

    def request(self, credentials: Credentials, wanted: AccessRequest) -> ProposalView:
        """Propose a grant for one of the caller's roles, in the credential's environment.

        Raises:
            Invalid: what grants.yaml would not take either; a dataset that the caller may not know of is unknown.
        """
        principal, now = self._desk.enter(credentials)
        active = self._desk.policy()
        visible = active.pdp.visible(principal, now=now)
        document = _document(wanted, role=self._role(principal, wanted.role), environment=principal.environment)
        if not visible.issuperset(wanted.datasets):
            raise Invalid("unknown dataset", code="dataset", fix="`gateway datasets` lists those that you may know of")
        known = {name: dataset for name, dataset in active.datasets.items() if name in visible}
        read_grant(
            document,
            grant_id="g-new",
            since=now,
            desk=self._desk,
            datasets=known,
            dynamic=self._grants.current(now=now),
        )
        proposal = self._approvals.propose(principal, "access", document)
        return self._approvals.view(principal, proposal.id, now=now)

    def grants(self, credentials: Credentials, *, everything: bool = False) -> Sequence[GrantView]:
        """Grants that hold for the caller's roles here; `everything`: of all roles, for those who may approve."""
        if everything:
            principal, now = self._desk.enter_with(credentials, capability=_APPROVE)
        else:
            principal, now = self._desk.enter(credentials)
        active = self._desk.policy()
        reached = active.pdp.bundle.vocabulary.reach(principal.roles)
        visible = frozenset(active.datasets) if everything else active.pdp.visible(principal, now=now)
        views = []
        for grant in (*active.pdp.bundle.grants, *self._grants.current(now=now)):
            is_own = grant.role in reached and grant.environment == principal.environment
            holds = grant.expires is None or now < grant.expires
            named = tuple(sorted(grant.datasets & visible))
            if holds and named and (everything or is_own):
                proposal = proposal_id_of(grant.id) if grant.dynamic else None
                views.append(GrantView(grant=grant, datasets=named, proposal=proposal))
        return views

    def revoke(self, credentials: Credentials, grant_id: str) -> None:
        """Take a dynamic grant back, at once and everywhere: by who may approve, or by who asked for it.

        Raises:
            Denied: none such that the caller may revoke; logged.
        """
        principal, now = self._desk.enter(credentials)
        found = self._proposals.find(proposal_id_of(grant_id))
        asked = found is not None and found[0].proposer == principal.id
        may = asked or self._desk.policy().pdp.may(principal, _APPROVE)
        if not may or grant_id not in {grant.id for grant in self._grants.current(now=now)}:
            error = Denied("no approved grant that you may revoke has this id", code="grant", fix="GET /v1/grants")
            raise self._desk.refused(principal, error, now=now)
        detail = {"grant": grant_id, "proposal": proposal_id_of(grant_id), "kind": "access"}
        self._desk.write(actor_of(principal), action="grant-revoke", now=now, detail=detail)
        self._grants.revoke(grant_id, by=principal.id, now=now)

    def _role(self, principal: Principal, wanted: str | None) -> str:
        own = sorted(principal.roles & self._desk.policy().pdp.roles)
        if wanted is None and len(own) == 1:
            return own[0]
        if wanted is None or wanted not in own:
            told = ", ".join(own) or "none that the policy knows"
            raise Invalid("a request is for one of your own roles", code="role", fix=f"yours are: {told}")
        return wanted


def read_grant(
    document: Mapping[str, object],
    *,
    grant_id: str,
    since: datetime.datetime,
    desk: Desk,
    datasets: Datasets,
    dynamic: Sequence[Grant],
) -> Grant:
    """The grant that a request's document asks for, under the active policy.

    Raises:
        Invalid: as grants.yaml; or days or reason are wrong; or it breaks a law beside the files' grants and `dynamic`.
    """
    stated = dict(document)
    days, reason = stated.pop("days", None), stated.pop("reason", None)
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= MAX_DAYS:
        raise Invalid(f"days are 1..{MAX_DAYS}", code="days", fix="what lasts longer belongs into grants.yaml")
    if not isinstance(reason, str):
        raise Invalid("a reason is a text", code="text")
    check_text(reason, what="a reason")
    grant = read_request(
        stated,
        grant_id=grant_id,
        expires=since + datetime.timedelta(days=days),
        vocabulary=desk.policy().pdp.bundle.vocabulary,
        datasets=datasets,
        parse_predicate=parse_predicate,
    )
    check_request(grant, bundle=desk.policy().pdp.bundle, dynamic=dynamic)
    return grant


def grant_id_of(proposal_id: str) -> str:
    """`g-…` of `p-…`."""
    return f"g-{proposal_id.removeprefix('p-')}"


def proposal_id_of(grant_id: str) -> str:
    """`p-…` of `g-…`."""
    return f"p-{grant_id.removeprefix('g-')}"


def _document(wanted: AccessRequest, *, role: str, environment: str) -> Mapping[str, object]:
    """Keys as in grants.yaml, with days and reason; empty ones are left out."""
    if max(map(len, (wanted.datasets, wanted.purposes, wanted.columns, wanted.rows_follow))) > _MAX_ITEMS:
        raise Invalid(f"a list has {_MAX_ITEMS} items at most", code="request")
    if wanted.level not in set(Level):
        raise Invalid("unknown level", code="level", fix=f"levels are: {', '.join(Level)}")
    stated: dict[str, object] = {
        "role": role,
        "environment": environment,
        "datasets": sorted(set(wanted.datasets)),
        "purposes": sorted(set(wanted.purposes)),
        "level": str(wanted.level),
        "columns": dict(wanted.columns),
        "rows": dict(wanted.rows) if wanted.rows else None,
        "rows_follow": sorted(set(wanted.rows_follow)),
        "days": wanted.days,
        "reason": wanted.reason,
    }
    optional = ("columns", "rows", "rows_follow")
    return {name: value for name, value in stated.items() if value or name not in optional}
