"""A connection to a running gateway."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal, cast
from urllib.parse import quote

import httpx
import pyarrow as pa

from gateway.client.errors import Incomplete, Refused, Unreachable

Document = dict[str, Any]
"""A JSON object."""
Format = Literal["arrow", "parquet", "csv", "json"]
MEDIA_TYPES: Final[Mapping[Format, str]] = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "json": "application/json",
}
TRAILER: Final = b"gateway.trailer"
_TIMEOUT: Final = httpx.Timeout(10.0, read=120.0)


class Answer:
    """An answer on its way. Iterate over `chunks` to the end, then `Client.confirm` it."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._digest = hashlib.sha256()
        self.receipt = response.headers.get("Gateway-Receipt", "")
        self.nonce = response.headers.get("Gateway-Receipt-Nonce", "")
        self.decision = response.headers.get("Gateway-Decision", "")
        self.snapshot = response.headers.get("Gateway-Snapshot", "")

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


class Client:
    """Everything that a caller may ask of a gateway. Close it, or use it as a context manager."""

    def __init__(self, url: str, *, token: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Client:
        return self

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
            options: `dialect`, `grant`, `limit` as in the HTTP contract; None is left out.

        Raises:
            Refused: the gateway said no.
            Unreachable: nothing answered.
        """
        body = {"sql": sql, "purpose": purpose, **{k: v for k, v in options.items() if v is not None}}
        try:
            with self._http.stream("POST", "/v1/query", json=body, headers={"Accept": MEDIA_TYPES[format]}) as response:
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
            data = b"".join(answer.chunks())
        return read_arrow(data), answer

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

    def _document(self, method: str, path: str, **options: Any) -> Document:  # noqa: ANN401 - httpx's own
        return cast("Document", self._call(method, path, **options).json())

    def _documents(self, method: str, path: str, **options: Any) -> list[Document]:  # noqa: ANN401 - httpx's own
        return cast("list[Document]", self._call(method, path, **options).json())

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            raise _refused(response)
        return response

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        return Unreachable(f"no gateway answers at {self._http.base_url} ({type(error).__name__})")


def connect(url: str, *, token: str) -> Client:
    """A client for the gateway at url."""
    return Client(url, token=token)


def read_arrow(data: bytes) -> pa.Table:
    """The table of a whole Arrow answer.

    Raises:
        Incomplete: cut anywhere, at a message boundary too.
    """
    try:
        with pa.ipc.open_stream(data) as reader:
            batches, complete = [], False
            schema = reader.schema
            while True:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
                complete = bool(metadata and TRAILER in metadata)
                batches.append(batch)
    except StopIteration:
        if complete:
            return pa.Table.from_batches(batches, schema=schema)
    except (pa.ArrowInvalid, OSError):
        pass
    raise Incomplete("the answer ends without its trailer: do not use it")


def _refused(response: httpx.Response) -> Refused:
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    return Refused(problem if isinstance(problem, dict) else {}, status=response.status_code)
