"""Extracts, jobs and dataset versions: a part of `Client`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from gateway.client.errors import Incomplete


class Extracting(ABC):
    """Orders extracts and fetches what they became."""

    def submit_extract(self, spec: Mapping[str, object], *, idempotency_key: str | None = None) -> dict[str, Any]:
        """Order an extract; the job.

        Args:
            spec: the keys of an extract's YAML file.
            idempotency_key: repeat an order with the same key and it is the same job.
        """
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._document("POST", "/v1/extracts", json=dict(spec), headers=headers)

    def jobs(self) -> list[dict[str, Any]]:
        """The caller's jobs, newest first."""
        return self._documents("GET", "/v1/jobs")

    def job(self, job: str) -> dict[str, Any]:
        """One of them."""
        return self._document("GET", f"/v1/jobs/{quote(job, safe='')}")

    def cancel_job(self, job: str) -> dict[str, Any]:
        """Cancel it."""
        return self._document("DELETE", f"/v1/jobs/{quote(job, safe='')}")

    def dataset_versions(self, *, name: str | None = None) -> list[dict[str, Any]]:
        """Dataset versions that the caller may know of."""
        return self._documents("GET", "/v1/dataset-versions", params={} if name is None else {"name": name})

    def dataset_version(self, version: str) -> dict[str, Any]:
        """One of them (`loan-default@1`) with its manifest, signature and files."""
        return self._document("GET", f"/v1/dataset-versions/{quote(version, safe='@')}")

    @contextmanager
    def version_file(self, version: str, path: str) -> Iterator[Iterator[bytes]]:
        """One file's bytes in chunks. MUST be checked against the manifest before it is used.

        Raises:
            Refused: the gateway said no.
            Incomplete: the connection broke (while reading).
        """
        target = f"/v1/dataset-versions/{quote(version, safe='@')}/files/{quote(path, safe='')}"
        with self._streamed("GET", target) as response:
            yield _chunks(response)

    @abstractmethod
    def _document(self, method: str, path: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - httpx's own
        """The JSON object that the gateway answers."""

    @abstractmethod
    def _documents(self, method: str, path: str, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - httpx's own
        """The JSON list that the gateway answers."""

    @abstractmethod
    def _streamed(self, method: str, path: str) -> AbstractContextManager[httpx.Response]:
        """The gateway's response with its body still to come, or Refused."""


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.HTTPError as error:
        raise Incomplete(f"the file broke off ({type(error).__name__}): do not use it") from None
