"""What a caller may ask, and what a second person decides: a part of `Client`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx


class Governing(ABC):
    """Access requests, proposals, grants, policies, keys."""

    def request_access(self, **wanted: object) -> dict[str, Any]:
        """Ask for access: `datasets`, `purposes`, `level`, and what else a grant has; None is left out."""
        return self._document(
            "POST", "/v1/access-requests", json={name: value for name, value in wanted.items() if value is not None}
        )

    def proposals(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Open proposals that the caller made or may decide; `everything`: of any state."""
        return self._documents("GET", "/v1/proposals", params={"all": everything})

    def proposal(self, proposal: str) -> dict[str, Any]:
        """One of them, with its document and digest."""
        return self._document("GET", f"/v1/proposals/{quote(proposal, safe='')}")

    def approve(self, proposal: str, *, digest: str, note: str = "") -> dict[str, Any]:
        """Approve what was looked at: `digest` is the shown proposal's."""
        return self._decide(proposal, "approve", digest=digest, note=note)

    def deny(self, proposal: str, *, digest: str, note: str = "") -> dict[str, Any]:
        """Deny it."""
        return self._decide(proposal, "deny", digest=digest, note=note)

    def grants(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Grants of the caller's roles; `everything`: of all roles, for approvers."""
        return self._documents("GET", "/v1/grants", params={"all": everything})

    def revoke_grant(self, grant: str) -> None:
        """Take an approved grant back, at once and everywhere."""
        self._call("DELETE", f"/v1/grants/{quote(grant, safe='')}")

    def active_policy(self) -> dict[str, Any]:
        """The active bundle's digest and files' names."""
        return self._document("GET", "/v1/policies")

    def policy_diff(self, files: Mapping[str, str]) -> dict[str, Any]:
        """What these files would change."""
        return self._document("POST", "/v1/policies/diff", json={"files": dict(files)})

    def propose_policy(self, files: Mapping[str, str], *, reason: str = "") -> dict[str, Any]:
        """Propose to activate these files."""
        return self._document("POST", "/v1/policies", json={"files": dict(files), "reason": reason})

    def keys(self) -> list[dict[str, Any]]:
        """Every project's key epochs with the dataset versions under them; never a byte of a key."""
        return self._documents("GET", "/v1/keys")

    def propose_key_destruction(
        self, project: str, *, epoch: int | None = None, unattributable: Sequence[str] = (), reason: str = ""
    ) -> dict[str, Any]:
        """Propose to destroy a project's key for good, or one epoch of it.

        Args:
            unattributable: the dataset versions under it, which `keys` names.
        """
        wanted = {"project": project, "epoch": epoch, "unattributable": list(unattributable), "reason": reason}
        return self._document("POST", "/v1/keys/destructions", json=wanted)

    def propose_reidentification(self, pseudonyms: Sequence[str | int], **wanted: object) -> dict[str, Any]:
        """Propose a case: `dataset`, `purpose`, `project`, `case`; `column`, `epoch`, `reason`. None is left out."""
        given = {name: value for name, value in wanted.items() if value is not None}
        return self._document("POST", "/v1/reidentifications", json={**given, "pseudonyms": list(pseudonyms)})

    def reidentification(self, proposal: str) -> dict[str, Any]:
        """A case, as its proposer or an approver sees it."""
        return self._document("GET", f"/v1/reidentifications/{quote(proposal, safe='')}")

    def _decide(self, proposal: str, verdict: str, *, digest: str, note: str) -> dict[str, Any]:
        path = f"/v1/proposals/{quote(proposal, safe='')}/{verdict}"
        return self._document("POST", path, json={"digest": digest, "note": note})

    @abstractmethod
    def _document(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        """The JSON object that the gateway answers."""

    @abstractmethod
    def _documents(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - httpx's own
        """The JSON list that the gateway answers."""

    @abstractmethod
    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """The gateway's response, or Refused."""
