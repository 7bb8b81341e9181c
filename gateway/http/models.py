"""Bodies of requests and responses, as OpenAPI shows them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

from gateway.governance import DatasetView
from gateway.terms.audit import EntryFilter, FoundEntry, Result
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.plan import GroupedScan, GuardedScan, MaskedScan, Plan, Step
from gateway.terms.policy import ColumnDecision, Level
from gateway.terms.predicate import text_of
from gateway.terms.request import Explanation

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["credit-default-model"])]


_LARGEST = 2**62
"""Databases take 64 bits."""


Value = StrictBool | StrictInt | StrictFloat | StrictStr | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryIn(_Strict):
    """One question."""

    sql: str = Field(examples=["SELECT region, count(*) FROM core.customers GROUP BY region"])
    purpose: Name
    dialect: str = Field(default="postgres", max_length=32)
    parameters: tuple[Value, ...] | dict[str, Value] = Field(
        default=(), description="Values of $1, $2 … or of :name in the SQL", examples=[["DE"], {"region": "DE"}]
    )
    grant: Name | None = None
    limit: int | None = Field(default=None, ge=0, le=_LARGEST, description="At most so many rows")


class ColumnOut(BaseModel):
    """What happens to one source column, and why."""

    dataset: str
    column: str
    level: str
    mask: str
    parameters: dict[str, Any]
    leaks: list[str] = Field(description="What the masked column still tells", examples=[["equality", "null"]])
    domain: str | None
    looked_for: list[str] = Field(
        default=[],
        description="Of a text: what is known of its subject and looked for in it",
        examples=[["name", "iban"]],
    )
    use: str
    grant: str
    rule: str = Field(examples=["levels.yaml:2 direct_identifier × pseudonymized"])

    @classmethod
    def of(cls, column: ColumnDecision, *, grant: str) -> ColumnOut:
        """From a decision."""
        return cls(
            dataset=column.dataset,
            column=column.column,
            level=column.level.value,
            mask=column.mask.name,
            parameters=column.mask.shown(),
            leaks=sorted(MASK_SPECS[column.mask.name].leaks_with(column.mask.parameters)),
            domain=column.domain,
            looked_for=sorted(known.role for known in column.known),
            use=column.use,
            grant=grant,
            rule=str(column.rule),
        )


_RELEASED: Final[Mapping[type, str]] = MappingProxyType(
    {MaskedScan: "rows", GuardedScan: "groups", GroupedScan: "source_groups"}
)


class ScanOut(BaseModel):
    """What is read of one table. Row filters are named, not shown: their constants would tell of hidden rows."""

    id: str
    dataset: str
    columns: list[str]
    released: str
    """`rows`; `groups`, protected ones; `source_groups`, which the source makes of rows that all are yours to see."""
    has_row_filter: bool
    mentions: int
    """How many mentions of the dataset read it."""
    prefilter: str | None
    """What of your own conditions the source evaluates, on columns that you see unmasked."""
    grouped_by: list[str] | None
    """Of `source_groups`."""
    is_read: bool
    """False: LIMIT 0 needs no row."""

    @classmethod
    def of(cls, step: Step, *, mentions: int) -> ScanOut:
        """From a step."""
        prefilter = step.scan.pushed if isinstance(step, MaskedScan) else step.filter
        return cls(
            id=step.scan.id,
            dataset=step.scan.dataset,
            columns=[column.name for column in step.scan.columns],
            released=_RELEASED[type(step)],
            has_row_filter=step.scan.rows is not None or step.scan.follow is not None,
            mentions=mentions,
            prefilter=text_of(prefilter) if prefilter is not None else None,
            grouped_by=list(step.keys) if isinstance(step, GroupedScan) else None,
            is_read=step.scan.is_read,
        )


class PlanOut(BaseModel):
    """What runs where."""

    scans: list[ScanOut]
    sql: str
    snapshot: str

    @classmethod
    def of(cls, plan: Plan) -> PlanOut:
        """From a plan."""
        scans = [ScanOut.of(step, mentions=plan.mentions.get(step.scan.id, 1)) for step in plan.steps]
        return cls(scans=scans, sql=plan.sql, snapshot=plan.snapshot)


class MissingOut(BaseModel):
    """The smallest missing grant."""

    dataset: str
    lacks: str
    request: str


class LimitsOut(BaseModel):
    """What the caller's own queries may cost, by the settings' names; no role is named."""

    query_seconds: float
    sandbox_memory_mb: int
    max_result_rows: int
    max_result_mb: int
    max_json_rows: int
    rows_per_day: int
    concurrent_queries: int


class ExplanationOut(BaseModel):
    """A verdict with its reasons."""

    allowed: bool
    purpose: str | None
    environment: str
    columns: list[ColumnOut]
    reasons: list[str]
    missing: MissingOut | None
    plan: PlanOut | None
    digest: str
    key_epoch: int | None = Field(description="Of the keys that an answer now would be masked with")
    limits: LimitsOut

    @classmethod
    def of(cls, explanation: Explanation) -> ExplanationOut:
        """From the enforcement point's."""
        decision = explanation.decision
        missing = decision.missing
        return cls(
            allowed=decision.allowed,
            purpose=decision.purpose.name if decision.purpose else None,
            environment=decision.environment,
            columns=[
                ColumnOut.of(column, grant=dataset.grant)
                for dataset in decision.datasets.values()
                for column in dataset.columns.values()
            ],
            reasons=list(decision.reasons),
            missing=MissingOut(dataset=missing.dataset, lacks=missing.lacks, request=missing.request)
            if missing
            else None,
            plan=PlanOut.of(explanation.plan) if explanation.plan else None,
            digest=decision.digest,
            key_epoch=explanation.key_epoch,
            limits=LimitsOut.model_validate(explanation.limits),
        )


class DatasetColumnOut(BaseModel):
    """One listed column with the caller's own level."""

    name: str
    type: str
    classification: str
    domain: str | None
    level: str | None


class DatasetOut(BaseModel):
    """One dataset."""

    name: str
    owner: str
    columns: list[DatasetColumnOut]

    @classmethod
    def of(cls, view: DatasetView) -> DatasetOut:
        """From the catalog desk's."""
        columns = [
            DatasetColumnOut(name=c.name, type=c.type, classification=c.classification, domain=c.domain, level=c.level)
            for c in view.columns
        ]
        return cls(name=view.name, owner=view.owner, columns=columns)


class EntryFilterIn(_Strict):
    """An auditor's filters; all given ones must hold."""

    principal: str | None = Field(default=None, pattern=r"^[a-z0-9:._-]{1,128}$")
    dataset: str | None = Field(default=None, max_length=128)
    column: str | None = Field(default=None, max_length=192, examples=["core.customers.income"])
    purpose: Name | None = None
    grant: Name | None = None
    level: Level | None = None
    since: datetime.datetime | None = None
    until: datetime.datetime | None = None
    result: Result | None = None
    kind: Literal["access", "outcome", "denial", "event"] | None = None
    action: str | None = Field(default=None, max_length=64)
    receipt: str | None = Field(default=None, max_length=64)
    after: int = Field(default=-1, ge=-1, le=_LARGEST)
    limit: int = 100

    def filter(self) -> EntryFilter:
        """As the desk takes it."""
        return EntryFilter(**{**self.model_dump(), "level": self.level.value if self.level else None})


class EntryOut(BaseModel):
    """One entry of the log; an access comes with its outcome."""

    index: int
    time: datetime.datetime
    kind: str
    result: str | None
    payload: dict[str, object] | None
    outcome: dict[str, object] | None

    @classmethod
    def of(cls, found: FoundEntry) -> EntryOut:
        """From the store's."""
        return cls(
            index=found.index,
            time=found.time,
            kind=found.kind,
            result=found.result,
            payload=dict(found.payload) if found.payload is not None else None,
            outcome=dict(found.outcome) if found.outcome is not None else None,
        )


class ReceiptOut(BaseModel):
    """What the recipient may know of his own access: the log's index is not part of it."""

    receipt: str
    time: datetime.datetime
    kind: str
    status: str | None
    rows: int | None
    body_hmac: str | None
    columns: list[dict[str, str]]

    @classmethod
    def of(cls, found: FoundEntry) -> ReceiptOut:
        """From the store's."""
        payload = found.payload or {}
        outcome = found.outcome or {}
        rows, body_hmac, columns = outcome.get("rows"), outcome.get("body_hmac"), payload.get("columns", [])
        return cls(
            receipt=str(payload.get("receipt", "")),
            time=found.time,
            kind=found.kind,
            status=found.result,
            rows=rows if isinstance(rows, int) else None,
            body_hmac=body_hmac if isinstance(body_hmac, str) else None,
            columns=[dict(column) for column in columns] if isinstance(columns, list) else [],
        )
