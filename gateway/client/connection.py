"""A connection to a running gateway."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final, Literal, Self, cast
from urllib.parse import quote

import httpx
import pyarrow as pa

from gateway.client.errors import Incomplete, Refused, Unreachable, refusal
from gateway.client.extracting import Extracting
from gateway.client.governing import Governing
from gateway.client.lineage import Lineage
from gateway.client.wire.arrow import ArrowAnswer
from gateway.client.wire.retrying import may_repeat, patient

Document = dict[str, Any]
"""A JSON object."""
Format = Literal["arrow", "parquet", "csv", "json"]
MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "json": "application/json",
}
_TIMEOUT: Final = httpx.Timeout(10.0, read=120.0)
_LIMITS: Final = httpx.Limits(max_connections=20, max_keepalive_connections=10, keepalive_expiry=3.0)
"""The gateway closes a connection that is idle for 5 s: a call MUST not meet one that is just closing."""


class Answer:
    """An answer on its way. Iterate over `chunks` to the end, then `Client.confirm` it."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._digest = hashlib.sha256()
        self.receipt: str = response.headers.get("Gateway-Receipt", "")
        self.nonce: str = response.headers.get("Gateway-Receipt-Nonce", "")
        self.decision: str = response.headers.get("Gateway-Decision", "")
        self.snapshot: str = response.headers.get("Gateway-Snapshot", "")

    def chunks(self) -> Iterator[bytes]:
        """The body.

        Raises:
            Incomplete: the connection broke before the body's end.
        """
        try:
            for chunk in self._response.iter_bytes():
                self._digest.update(chunk)
                yield chunk
        except httpx.HTTPError as error:
            raise Incomplete(f"the answer broke off ({type(error).__name__}): do not use it") from None

    @property
    def body_hmac(self) -> str:
        """What the receipt shows if every byte arrived: HMAC-SHA-256 of the body's SHA-256 under the nonce."""
        return hmac.digest(bytes.fromhex(self.nonce), self._digest.digest(), "sha256").hex()


class Client(Extracting, Governing, Lineage):
    """Everything that a caller may ask of a gateway, as JSON documents. Safe for several threads.

    Close it, or use it as a context manager.
    """

    def __init__(self, url: str, *, token: str, patience_seconds: float = 0.0) -> None:
        """`patience_seconds`: calls that may be repeated are repeated for so long; 0: each is made once."""
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=_TIMEOUT,
            limits=_LIMITS,
            trust_env=False,
        )
        self._patience_seconds = patience_seconds
        self._has_answered = False

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url})"

    @property
    def _url(self) -> str:
        """Without a user or password."""
        return str(self._http.base_url.copy_with(userinfo=b""))

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @contextmanager
    def stream(self, sql: str, *, purpose: str, format: Format, **options: object) -> Iterator[Answer]:  # noqa: A002
        """A query's answer as bytes in one of MEDIA_TYPES.

        Args:
            sql: one SELECT; datasets are `source.dataset`.
            purpose: one of the policy's purposes.
            format: what the bytes are.
            options: `dialect`, `grant`, `limit`, `parameters` as in the HTTP contract; None is left out.

        Raises:
            Refused: the gateway said no.
            Unreachable: nothing answered.
        """
        body = {"sql": sql, "purpose": purpose, **{k: v for k, v in options.items() if v is not None}}
        with self._answer("/v1/query", body, format=format) as answer:
            yield answer

    @contextmanager
    def reidentified(self, proposal: str, pseudonyms: Sequence[str | int], *, format: Format) -> Iterator[Answer]:  # noqa: A002
        """An approved case's result, once: `pseudonym` and `identifier`, of those that rows in the caller's sight have.

        Args:
            proposal: the case's id.
            pseudonyms: the list that was proposed.
            format: what the bytes are; JSON's trailer says how many are `unresolved`.

        Raises:
            Refused, Unreachable: as stream. A result that broke off needs a new case.
        """
        path = f"/v1/reidentifications/{quote(proposal, safe='')}/result"
        with self._answer(path, {"pseudonyms": list(pseudonyms)}, format=format) as answer:
            yield answer

    @contextmanager
    def _answer(self, path: str, body: Document, *, format: Format) -> Iterator[Answer]:  # noqa: A002
        try:
            with self._http.stream("POST", path, json=body, headers={"Accept": MEDIA_TYPES[format]}) as response:
                self._has_answered = True
                if response.is_error:
                    response.read()
                    raise _refused(response)
                yield Answer(response)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def table(self, sql: str, *, purpose: str, **options: object) -> tuple[pa.Table, Answer]:
        """A query's whole answer in memory.

        Raises:
            Incomplete: it ended without its trailer.
        """
        with self.stream(sql, purpose=purpose, format="arrow", **options) as answer:
            return ArrowAnswer(answer.chunks(), receipt=answer.receipt).table(), answer

    def confirm(self, answer: Answer) -> None:
        """Check against the receipt that every byte arrived; holds for every format, CSV too.

        Raises:
            Incomplete: the gateway did not finish the answer, or other bytes arrived.
        """
        receipt = self.receipt(answer.receipt)
        if receipt["status"] != "ok" or receipt["body_hmac"] != answer.body_hmac:
            raise Incomplete("the receipt does not match what arrived: do not use it")

    def explain(self, sql: str, *, purpose: str, **options: object) -> Document:
        """What a query would get, column by column, and why."""
        body = {"sql": sql, "purpose": purpose, **{k: v for k, v in options.items() if v is not None}}
        return self._document("POST", "/v1/explain", json=body)

    def datasets(self) -> list[Document]:
        """Datasets that the caller may know of."""
        return self._documents("GET", "/v1/datasets")

    def dataset(self, name: str) -> Document:
        """One of them."""
        return self._document("GET", f"/v1/datasets/{quote(name, safe='')}")

    def receipt(self, receipt: str) -> Document:
        """One of the caller's own receipts."""
        return self._document("GET", f"/v1/receipts/{quote(receipt, safe='')}")

    def audit_entries(self, **filters: object) -> list[Document]:
        """Entries of the log that match; None leaves a filter open."""
        given = {name: str(value) for name, value in filters.items() if value is not None}
        return self._documents("GET", "/v1/audit/entries", params=given)

    def checkpoint(self) -> str:
        """The log's newest signed checkpoint."""
        return self._call("GET", "/v1/audit/checkpoint").text

    @contextmanager
    def version_range(self, version: str, path: str, *, first: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """One file of a dataset version from byte `first` on: status (206, or 200: the whole file), and its chunks.

        Raises:
            Incomplete: the gateway sends another range (then nothing came), or the connection broke (while reading).
        """
        target = f"/v1/dataset-versions/{quote(version, safe='@')}/files/{quote(path, safe='')}"
        headers = {"Range": f"bytes={first}-"} if first else {}
        with self._streamed("GET", target, headers=headers) as response:
            sent = response.headers.get("Content-Range", "")
            if response.status_code == HTTPStatus.PARTIAL_CONTENT and not sent.startswith(f"bytes {first}-"):
                raise Incomplete("the gateway sends another part of the file than was asked for")
            yield response.status_code, _chunks(response)

    def _document(self, method: str, path: str, **options: Any) -> Document:  # noqa: ANN401 - httpx's own
        return cast("Document", self._call(method, path, **options).json())

    def _documents(self, method: str, path: str, **options: Any) -> list[Document]:  # noqa: ANN401 - httpx's own
        return cast("list[Document]", self._call(method, path, **options).json())

    @contextmanager
    def _streamed(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        try:
            request = self._http.build_request(method, path, headers=headers)
            response = self._sent(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    raise _refused(response)
                yield response
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            response = self._sent(self._http.build_request(method, path, **options))
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise _refused(response)
        return response

    def _sent(self, request: httpx.Request, *, stream: bool = False) -> httpx.Response:
        """The response, after as many tries as the call and its caller's patience allow."""

        def once() -> httpx.Response:
            response = self._http.send(request, stream=stream)
            self._has_answered = True
            return response

        seconds = self._patience_seconds if may_repeat(request.method, request.headers) else 0.0
        return patient(once, seconds=seconds, is_known=lambda: self._has_answered)

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(f"no gateway answers at {self._url} ({type(error).__name__})")


def _chunks(response: httpx.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_bytes()
    except httpx.HTTPError as error:
        raise Incomplete(f"the file broke off ({type(error).__name__}): do not use it") from None


def _refused(response: httpx.Response) -> Refused:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    path = response.request.url.path
    return refusal(problem if isinstance(problem, dict) else {}, status=response.status_code, path=path)
