"""The lineage graph: model → dataset versions → source columns, policy and grants. Built from rows, reads nothing.

model ──trained_on──▶ version ──read (level, grant)──▶ column
                         ├──────decided_by───────────▶ policy
                         └──────allowed_by───────────▶ grant
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from etl.lineage.entrance import View
from etl.lineage.grants import WITHDRAWN, GrantStanding
from gateway.terms.audit import ColumnAccess
from gateway.terms.extract import DatasetVersion
from gateway.terms.model import ModelVersion

NodeKind = Literal["model", "version", "column", "policy", "grant"]
EdgeKind = Literal["trained_on", "read", "decided_by", "allowed_by"]
Fact = str | int | float | bool | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing."""

    id: str
    """`<kind>:<name>`."""
    kind: NodeKind
    name: str
    """As the asker may read it."""
    facts: Mapping[str, Fact] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """From what was made to what it was made of."""

    source: str
    """A node's id."""
    target: str
    kind: EdgeKind
    facts: Mapping[str, Fact] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """An answer. Nodes and edges are sorted; the root is a node's id."""

    root: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class GraphBuilder:
    """Collects what one asker may see. Each thing is one node, however often it is reached."""

    def __init__(
        self, *, view: View, grants: Mapping[str, GrantStanding], active_digest: str, now: datetime.datetime
    ) -> None:
        self._view = view
        self._grants = grants
        self._active_digest = active_digest
        self._now = now
        self._nodes: dict[str, Node] = {}
        self._edges: dict[tuple[str, str, str, str], Edge] = {}

    def build(self, root: str) -> Graph:
        """What was collected; `root` MUST be one of its nodes."""
        return Graph(
            root=self._nodes[root].id,
            nodes=tuple(node for _, node in sorted(self._nodes.items())),
            edges=tuple(edge for _, edge in sorted(self._edges.items())),
        )

    def model(self, model: ModelVersion, *, of: Iterable[DatasetVersion]) -> str:
        """A model, and which of these versions it was trained on; its node."""
        node = self._node(
            "model",
            model.id,
            owner=model.owner,
            environment=model.environment,
            registered=model.registered.isoformat(),
            evidence=model.evidence,
        )
        for version in of:
            if (version.name, version.number) in model.trained_on:
                self._edge(node, f"version:{version.id}", "trained_on")
        return node

    def version(self, version: DatasetVersion, *, keep: Callable[[ColumnAccess], bool] = lambda _: True) -> str:
        """A dataset version with its policy, and those source columns that `keep` names with their grants; its node."""
        node = self._node(
            "version",
            version.id,
            requester=version.requester,
            environment=version.environment,
            purpose=version.purpose,
            project=version.project,
            created=version.created.isoformat(),
            expires=version.expires.isoformat(),
            is_expired=version.expires <= self._now,
            watermark=version.watermark.isoformat() if version.watermark else None,
            rows=version.rows,
        )
        policy = self._node("policy", version.digest, is_active=version.digest == self._active_digest)
        self._edge(node, policy, "decided_by")
        for access in version.columns:
            if keep(access):
                column = self.column(access.dataset, access.column)
                self._edge(node, column, "read", level=access.level, grant=access.grant)
                self._edge(node, self.grant(access.grant), "allowed_by")
        return node

    def column(self, dataset: str, column: str) -> str:
        """A source column, under the name that the asker may read; its node."""
        shown, bare = self._view.column(dataset, column)
        return self._node("column", f"{shown}.{bare}", dataset=shown, column=bare)

    def grant(self, grant: str) -> str:
        """A grant and where it stands; its node."""
        standing = self._grants.get(grant, WITHDRAWN)
        until = standing.until.isoformat() if standing.until else None
        return self._node("grant", grant, origin=standing.origin, state=standing.state, until=until)

    def _node(self, kind: NodeKind, name: str, **facts: Fact) -> str:
        node = Node(id=f"{kind}:{name}", kind=kind, name=name, facts=facts)
        self._nodes[node.id] = node
        return node.id

    def _edge(self, source: str, target: str, kind: EdgeKind, **facts: Fact) -> None:
        key = (source, kind, target, str(sorted(facts.items())))
        self._edges[key] = Edge(source=source, target=target, kind=kind, facts=facts)
