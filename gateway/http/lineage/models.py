"""Bodies of the routes of models, lineage and freshness."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from etl.freshness import FreshnessView
from etl.lineage import Edge, Graph, Node, Registration
from gateway.terms.model import ModelVersion

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["loan-default"])]
Age = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}[mhd]$", examples=["7d", "36h"])]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class ModelIn(BaseModel):
    """A model version to register."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    version: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$", examples=["2026-11"])
    trained_on: list[Annotated[str, Field(max_length=80, examples=["loan-default@1"])]] = Field(
        min_length=1, max_length=100, description="Dataset versions of yours, in this environment"
    )
    max_age: Age | None = Field(default=None, description="How old its training data may be; null: no requirement")
    metrics: dict[str, float] = Field(default_factory=dict, max_length=100)
    evidence: Literal["declared", "sdk"] = Field(
        default="declared", description="`sdk`: the client that read the files registers in the same session"
    )

    def registration(self) -> Registration:
        """As the desk takes it."""
        age = self.max_age
        return Registration(
            name=self.name,
            version=self.version,
            trained_on=self.trained_on,
            max_age=datetime.timedelta(**{_UNITS[age[-1]]: int(age[:-1])}) if age else None,
            metrics=self.metrics,
            evidence=self.evidence,
        )


class ModelOut(BaseModel):
    """A registered model version."""

    name: str
    version: str
    owner: str
    environment: str
    registered: datetime.datetime
    trained_on: list[str]
    evidence: str
    max_age_seconds: int | None
    metrics: dict[str, float]

    @classmethod
    def of(cls, model: ModelVersion) -> ModelOut:
        """From the desk's."""
        return cls(
            name=model.name,
            version=model.version,
            owner=model.owner,
            environment=model.environment,
            registered=model.registered,
            trained_on=[f"{name}@{number}" for name, number in model.trained_on],
            evidence=model.evidence,
            max_age_seconds=_seconds(model.max_age),
            metrics=dict(model.metrics),
        )


class NodeOut(BaseModel):
    """A model, dataset version, source column, policy or grant."""

    id: str
    kind: str
    name: str
    facts: dict[str, str | int | float | bool | None]

    @classmethod
    def of(cls, node: Node) -> NodeOut:
        """From the desk's."""
        return cls(id=node.id, kind=node.kind, name=node.name, facts=dict(node.facts))


class EdgeOut(BaseModel):
    """From what was made to what it was made of; ids of nodes."""

    source: str
    target: str
    kind: str
    facts: dict[str, str | int | float | bool | None]

    @classmethod
    def of(cls, edge: Edge) -> EdgeOut:
        """From the desk's."""
        return cls(source=edge.source, target=edge.target, kind=edge.kind, facts=dict(edge.facts))


class GraphOut(BaseModel):
    """Lineage around one root."""

    root: str
    nodes: list[NodeOut]
    edges: list[EdgeOut]

    @classmethod
    def of(cls, graph: Graph) -> GraphOut:
        """From the desk's."""
        return cls(
            root=graph.root,
            nodes=[NodeOut.of(node) for node in graph.nodes],
            edges=[EdgeOut.of(edge) for edge in graph.edges],
        )


class FreshnessOut(BaseModel):
    """One model's newest version against the age that its owner allows."""

    model: str
    version: str
    state: str
    watermark: datetime.datetime | None
    source_watermark: datetime.datetime | None
    max_age_seconds: int | None
    due: datetime.datetime | None
    job: str | None
    findings: list[str]

    @classmethod
    def of(cls, view: FreshnessView) -> FreshnessOut:
        """From the desk's."""
        freshness = view.freshness
        return cls(
            model=freshness.model.name,
            version=freshness.model.version,
            state=freshness.state,
            watermark=freshness.watermark,
            source_watermark=freshness.source_watermark,
            max_age_seconds=_seconds(freshness.model.max_age),
            due=freshness.due,
            job=freshness.job,
            findings=list(view.findings),
        )


def _seconds(length: datetime.timedelta | None) -> int | None:
    return None if length is None else int(length.total_seconds())
