"""Bodies of re-identification, as OpenAPI shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gateway.governance import WantedCase
from gateway.http.approval_models import Short, Text

Pseudonyms = Annotated[
    list[StrictStr | StrictInt],
    Field(min_length=1, max_length=100_000, description="As an answer showed them", examples=[["5W0QK3ZJ9T8XH2MC"]]),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CaseIn(_Strict):
    """What shall be re-identified, for whom, and why."""

    dataset: Short = Field(examples=["core.customers"])
    column: Short | None = Field(default=None, description="None: the dataset's data subject")
    purpose: Short = Field(description="For which you see the column in full", examples=["fraud-detection"])
    project: Short = Field(description="Whose pseudonyms these are", examples=["credit-risk"])
    epoch: int | None = Field(default=None, ge=1, lt=2**31, strict=True, description="None: the current one")
    case: Short = Field(description="1 to 64 of A-Z a-z 0-9 . _ / -; stands in the log", examples=["CASE-2026-17"])
    reason: Text = ""
    pseudonyms: Pseudonyms

    def wanted(self) -> WantedCase:
        """As the desk takes it."""
        return WantedCase(
            dataset=self.dataset,
            column=self.column,
            purpose=self.purpose,
            project=self.project,
            epoch=self.epoch,
            case=self.case,
            reason=self.reason,
            pseudonyms=tuple(map(str, self.pseudonyms)),
        )


class ListIn(_Strict):
    """The same pseudonyms again: the gateway has not kept them."""

    pseudonyms: Pseudonyms
