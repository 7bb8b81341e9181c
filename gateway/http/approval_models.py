"""Bodies of proposals, grants and policies, as OpenAPI shows them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gateway.governance import AccessRequest, ActiveBundle, GrantView, PolicyDiff, ProposalView
from gateway.governance.requesting import DEFAULT_DAYS

Text = Annotated[str, Field(max_length=1000)]
Short = Annotated[str, Field(max_length=128)]
Names = Annotated[list[Short], Field(max_length=64)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RowsIn(_Strict):
    """A row filter on one of the datasets."""

    dataset: Short
    where: str = Field(max_length=16_384, examples=["region IN ('DE', 'FR')"])


class AccessRequestIn(_Strict):
    """What to ask for: the keys of a grant in grants.yaml."""

    datasets: Annotated[list[Short], Field(min_length=1, max_length=64, examples=[["core.loans"]])]
    purposes: Annotated[list[Short], Field(min_length=1, max_length=64, examples=[["credit-default-model"]])]
    level: Short = Field(examples=["pseudonymized"])
    role: Short | None = Field(default=None, description="One of your own; may be left out if there is one")
    columns: dict[Short, Short] = Field(default_factory=dict, max_length=64, examples=[{"income": "full"}])
    rows: RowsIn | None = None
    rows_follow: Names = Field(default_factory=list)
    days: int = Field(default=DEFAULT_DAYS, strict=True, description="1..90, from the approval on")
    reason: Text = ""

    def request(self) -> AccessRequest:
        """As the desk takes it."""
        return AccessRequest(
            datasets=tuple(self.datasets),
            purposes=tuple(self.purposes),
            level=self.level,
            role=self.role,
            columns=self.columns,
            rows=self.rows.model_dump() if self.rows else None,
            rows_follow=tuple(self.rows_follow),
            days=self.days,
            reason=self.reason,
        )


class VerdictIn(_Strict):
    """A second person's word on what he looked at."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="The proposal's, as it was shown")
    note: Text = ""


class BundleIn(_Strict):
    """A policy folder."""

    files: dict[str, str] = Field(max_length=512, description="Path to text")
    reason: Text = ""


class VerdictOut(BaseModel):
    """What the second person said."""

    approved: bool
    by: str
    issuer: str
    at: datetime.datetime
    note: str


class ProposalOut(BaseModel):
    """A proposal as the caller may see it."""

    id: str
    kind: str
    state: str
    summary: str
    digest: str = Field(description="Give it back with your verdict")
    proposer: str
    environment: str
    created: datetime.datetime
    expires: datetime.datetime
    may_decide: bool
    verdict: VerdictOut | None
    caution: str = Field(description="What a verdict by a token of the gateway's host is worth")

    @classmethod
    def of(cls, view: ProposalView) -> ProposalOut:
        """From the desk's."""
        return cls.model_validate(_fields(view))


class ProposalDetailOut(ProposalOut):
    """The same with everything that is decided."""

    document: dict[str, object]
    review: dict[str, object] = Field(description="What an approver should know beside the document")

    @classmethod
    def of(cls, view: ProposalView) -> ProposalDetailOut:
        """From the desk's."""
        document = {"document": dict(view.proposal.document), "review": dict(view.review)}
        return cls.model_validate(_fields(view) | document)


class GrantOut(BaseModel):
    """A grant; its row filter is named, not shown."""

    id: str
    effect: str
    role: str
    environment: str
    datasets: list[str]
    purposes: list[str]
    level: str | None
    columns: dict[str, str]
    has_row_filter: bool
    rule: str
    dynamic: bool
    expires: datetime.datetime | None
    proposal: str | None

    @classmethod
    def of(cls, view: GrantView) -> GrantOut:
        """From the desk's."""
        grant = view.grant
        return cls(
            id=grant.id,
            effect=grant.effect,
            role=grant.role,
            environment=grant.environment,
            datasets=list(view.datasets),
            purposes=sorted(grant.purposes),
            level=grant.level,
            columns={name: str(level) for name, level in sorted(grant.columns.items())},
            has_row_filter=grant.rows is not None,
            rule=str(grant.rule),
            dynamic=grant.dynamic,
            expires=grant.expires,
            proposal=view.proposal,
        )


class ActiveBundleOut(BaseModel):
    """What decides today."""

    digest: str
    files: list[str]

    @classmethod
    def of(cls, bundle: ActiveBundle) -> ActiveBundleOut:
        """From the desk's."""
        return cls(digest=bundle.digest, files=list(bundle.files))


class FileChangeOut(BaseModel):
    """One file that differs, as a unified diff."""

    path: str
    change: str
    lines: list[str]


class LevelChangeOut(BaseModel):
    """What a role gains or loses of one column."""

    role: str
    environment: str
    dataset: str
    column: str
    before: str | None
    after: str | None


class PolicyDiffOut(BaseModel):
    """A bundle beside the active one."""

    active: str
    proposed: str
    files: list[FileChangeOut]
    levels: list[LevelChangeOut]
    warnings: list[str]

    @classmethod
    def of(cls, diff: PolicyDiff) -> PolicyDiffOut:
        """From the desk's."""
        return cls.model_validate(dataclasses.asdict(diff))


def _fields(view: ProposalView) -> dict[str, object]:
    proposal, verdict = view.proposal, view.verdict
    told = ("id", "kind", "digest", "proposer", "environment", "created", "expires")
    return {
        **{name: getattr(proposal, name) for name in told},
        "state": view.state,
        "summary": view.summary,
        "may_decide": view.may_decide,
        "caution": view.caution,
        "verdict": verdict
        and VerdictOut(
            approved=verdict.approved, by=verdict.by, issuer=verdict.by_issuer, at=verdict.at, note=verdict.note
        ),
    }
