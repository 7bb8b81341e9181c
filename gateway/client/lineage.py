"""Models, lineage and freshness: a part of `Client`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote


class Lineage(ABC):
    """What was trained on what, and how old that is."""

    def register_model(
        self,
        name: str,
        *,
        version: str,
        trained_on: Sequence[str],
        max_age: str | None = None,
        metrics: Mapping[str, float] | None = None,
        evidence: Literal["declared", "sdk"] = "declared",
    ) -> dict[str, Any]:
        """Register a model version.

        Args:
            name: of the model; it is its first registrant's.
            version: 1..63 of a-z, 0-9, `.` and `-`; never used twice.
            trained_on: dataset versions of yours, `loan-default@1`.
            max_age: how old its training data may be: `7d`, `36h`, `90m`.
            metrics: finite numbers by name.
            evidence: `sdk` only from the session that read the files.
        """
        body = {
            "name": name,
            "version": version,
            "trained_on": list(trained_on),
            "max_age": max_age,
            "metrics": dict(metrics or {}),
            "evidence": evidence,
        }
        return self._document("POST", "/v1/models", json=body)

    def models(self) -> list[dict[str, Any]]:
        """The caller's model versions, by name, newest first."""
        return self._documents("GET", "/v1/models")

    def model_versions(self, name: str) -> list[dict[str, Any]]:
        """One model's, newest first."""
        return self._documents("GET", f"/v1/models/{quote(name, safe='')}/versions")

    def lineage(
        self,
        *,
        model: str | None = None,
        dataset: str | None = None,
        column: str | None = None,
        grant: str | None = None,
    ) -> dict[str, Any]:
        """Nodes and edges around one root: `NAME@V`, `NAME@N`, `core.customers.income` or a grant's id."""
        asked = {"model": model, "dataset": dataset, "column": column, "grant": grant}
        given = {kind: name for kind, name in asked.items() if name is not None}
        return self._document("GET", "/v1/lineage", params=given)

    def freshness(self) -> list[dict[str, Any]]:
        """The newest version of each of the caller's models, with its state."""
        return self._documents("GET", "/v1/freshness")

    @abstractmethod
    def _document(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        """The JSON object that the gateway answers."""

    @abstractmethod
    def _documents(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - httpx's own
        """The JSON list that the gateway answers."""
