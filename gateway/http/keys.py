"""Routes of projects' keys: what there is, and the proposal to destroy."""

from __future__ import annotations

import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from gateway.governance import EpochView, KeyDesk
from gateway.http.approval_models import ProposalDetailOut, Short, Text
from gateway.http.caller import Caller


class DestructionIn(BaseModel):
    """Which keys shall end, and what becomes of what was made under them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Short = Field(examples=["credit-risk"])
    epoch: int | None = Field(default=None, ge=1, lt=2**31, strict=True, description="None: every epoch")
    unattributable: Annotated[list[Short], Field(max_length=100_000)] = Field(
        default_factory=list,
        description="The dataset versions under these keys, by name: nobody can attribute their rows afterwards",
        examples=[["loan-default@1"]],
    )
    reason: Text = ""


class DestroyedOut(BaseModel):
    """When, and the receipt of the log's entry."""

    at: datetime.datetime
    entry: str


class EpochOut(BaseModel):
    """One epoch of a project's keys; never a byte of them."""

    project: str
    epoch: int
    created: datetime.datetime | None
    destroyed: DestroyedOut | None
    versions: list[str] = Field(description="Dataset versions that were made under it")

    @classmethod
    def of(cls, view: EpochView) -> EpochOut:
        """From the desk's."""
        state = view.state
        return cls(
            project=state.epoch.project,
            epoch=state.epoch.number,
            created=state.created,
            destroyed=DestroyedOut(at=ended.at, entry=ended.entry) if (ended := state.destroyed) else None,
            versions=list(view.versions),
        )


def routes(desk: KeyDesk) -> APIRouter:
    """Everything below `/v1/keys`."""
    router = APIRouter(prefix="/keys", tags=["keys"])

    @router.get("")
    def listed(caller: Caller) -> list[EpochOut]:
        """Every project's epochs, with the dataset versions under them: needs key.destroy."""
        return [EpochOut.of(view) for view in desk.listed(caller)]

    @router.post("/destructions", status_code=201)
    def propose(body: DestructionIn, caller: Caller) -> ProposalDetailOut:
        """Propose to destroy keys for good; a second person does it by approving."""
        made = desk.propose(
            caller, project=body.project, epoch=body.epoch, unattributable=body.unattributable, reason=body.reason
        )
        return ProposalDetailOut.of(made)

    return router
