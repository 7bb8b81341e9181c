"""The SDK: `import gateway.client as gw; g = gw.connect()`."""

from __future__ import annotations

import datetime
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from gateway.client.answers.explanation import Explanation
from gateway.client.answers.result import Result
from gateway.client.connection import Client
from gateway.client.environment import find_token, find_url
from gateway.client.extracts.job import Extract
from gateway.client.extracts.spec import Spec, spec_document
from gateway.client.extracts.version import Version
from gateway.client.wire.parameters import Parameters, sendable

PATIENCE_SECONDS: Final = 30.0
"""Pauses between the tries of one call, together."""


class Gateway(Client):
    """A session with a gateway: queries, extracts, models. Safe for several threads.

    What it returns are JSON documents as the HTTP contract has them, or handles on them. Calls that may be repeated
    (reads, and orders of extracts, which carry a key of their own) are, until `patience` is over.
    """

    def __init__(self, url: str, *, token: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        super().__init__(url, token=token, patience_seconds=patience_seconds)
        self._lock = threading.Lock()
        self._read: set[str] = set()
        """Versions whose rows this session has read."""

    def query(
        self,
        sql: str,
        *,
        purpose: str,
        grant: str | None = None,
        limit: int | None = None,
        dialect: str | None = None,
        parameters: Parameters | None = None,
    ) -> Result:
        """Ask for rows; nothing is sent before something of the answer is needed.

        Args:
            sql: one SELECT; datasets are `source.dataset` (docs/sql.md).
            purpose: one of the policy's purposes.
            grant: use this one; None: the least revealing that covers the query.
            limit: at most so many rows.
            dialect: how the SQL is read; None: postgres.
            parameters: values of `$1`, `$2` …, or by name of `:name`; dates and decimals go as texts.
        """
        options = {"grant": grant, "limit": limit, "dialect": dialect, "parameters": sendable(parameters)}
        return Result(self, sql, purpose=purpose, options=options)

    def explain(self, sql: str, *, purpose: str, **options: object) -> Explanation:
        """What a query would get, column by column, and why; print it. Reads no row, and is logged.

        Args:
            options: `grant`, `limit`, `dialect`, `parameters` as in `query`.
        """
        options |= {name: sendable(given) for name, given in options.items() if name == "parameters"}
        return Explanation(super().explain(sql, purpose=purpose, **options))

    def extract(self, spec: Spec | None = None, **keys: object) -> Extract:
        """Order training data; the job.

        Args:
            spec: a YAML file's path, or its keys (docs/extracts.md).
            keys: single keys, laid over it: `name`, `sql`, `purpose`, `environment`, `subject`, …

        Raises:
            PolicyDenied: as the query itself would be.
            InvalidRequest: a key is missing, unknown or malformed.
            ValueError: the file is no YAML mapping.
        """
        document = self.submit_extract(spec_document(spec, keys), idempotency_key=secrets.token_hex(16))
        return Extract(self, document, on_read=self._note)

    def job(self, job: str) -> Extract:
        """Open an extract's job again, in another session too."""
        return Extract(self, super().job(job), on_read=self._note)

    def version(self, version: str) -> Version:
        """Open a dataset version (`loan-default@3`)."""
        return Version(self, self.dataset_version(version), on_read=self._note)

    def register_model(
        self,
        name: str,
        version: str,
        trained_on: Sequence[Version | str],
        *,
        max_age: str | datetime.timedelta | None = None,
        metrics: Mapping[str, float] | None = None,
        evidence: Literal["declared", "sdk"] | None = None,
    ) -> dict[str, Any]:
        """Say what a model version was trained on.

        Args:
            name: of the model; it is its first registrant's.
            version: 1..63 of a-z, 0-9, `.` and `-`; never used twice.
            trained_on: dataset versions, or their ids.
            max_age: how old its training data may be: `7d`, `36h`, `90m`, or a timedelta of whole minutes.
            metrics: finite numbers by name.
            evidence: None: `sdk` if this session has read all of `trained_on` (to_arrow, to_pandas, to_polars,
                download), else `declared`.

        Raises:
            ValueError: `sdk` is claimed for what this session has not read.
            StaleVersion: one of `trained_on` has expired.
        """
        ids = [one.id if isinstance(one, Version) else one for one in trained_on]
        with self._lock:
            was_read = bool(ids) and self._read.issuperset(ids)
        if evidence == "sdk" and not was_read:
            raise ValueError("evidence `sdk` is for versions that this session has read: leave it out")
        return super().register_model(
            name,
            version=version,
            trained_on=ids,
            max_age=_age(max_age) if isinstance(max_age, datetime.timedelta) else max_age,
            metrics=metrics,
            evidence=evidence or ("sdk" if was_read else "declared"),
        )

    def _note(self, version: str) -> None:
        with self._lock:
            self._read.add(version)


def connect(url: str | None = None, token: str | None = None, *, patience_seconds: float = PATIENCE_SECONDS) -> Gateway:
    """A session with the gateway at url.

    Args:
        url: None: GATEWAY_URL, else this machine.
        token: None: GATEWAY_TOKEN, else the file ~/.config/gateway/token, which only its owner may read.
        patience_seconds: for how long calls that may be repeated are repeated while the gateway does not answer.

    Raises:
        NotConfigured: no token, one that others can read, or a URL that holds a password.
    """
    return Gateway(find_url(url), token=find_token(token), patience_seconds=patience_seconds)


def _age(length: datetime.timedelta) -> str:
    minutes, rest = divmod(length, datetime.timedelta(minutes=1))
    if rest or minutes <= 0:
        raise ValueError("max_age is a number of whole minutes")
    return next(f"{minutes // size}{unit}" for unit, size in (("d", 1440), ("h", 60), ("m", 1)) if minutes % size == 0)
