"""What a client can meet.

Exception
├── Refused             the gateway said no: code, reasons, fix, receipt
│   ├── InvalidRequest  it cannot be understood, or is not offered: mend it
│   ├── Unauthenticated the token is missing, wrong, expired or revoked
│   ├── PolicyDenied    policy says no: `reasons` name the rules, `fix` what to ask for
│   ├── StaleVersion    a dataset version has expired: order a new one
│   ├── LimitReached    a limit of rows, memory, time or rate
│   ├── Unavailable     a part of the gateway did not answer: try again later
│   ├── Damaged         something is not what it must be: tell the operator
│   └── ExtractFailed   an extract's job ended without a version
├── Unreachable         nothing answered at the URL
│   └── NotConfigured   URL or token is missing, or may not be used as it stands
└── Incomplete          an answer or a file broke off, or is not what was promised: what came of it MUST NOT be used

No text repeats SQL, a value or a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Refused(Exception):
    """The gateway's problem document."""

    def __init__(self, problem: Mapping[str, object], *, status: int) -> None:
        self.status = status
        self.code = str(problem.get("code", f"http.{status}"))
        self.detail = str(problem.get("detail") or problem.get("title") or "")
        reasons = problem.get("reasons")
        self.reasons = tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else ()
        self.fix = str(problem.get("fix") or "")
        self.receipt = str(problem.get("receipt") or "")
        super().__init__(f"{self.code}: {self.detail}")

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.detail}", *(f"  · {reason}" for reason in self.reasons)]
        if self.fix:
            lines.append(f"  → {self.fix}")
        return "\n".join(printable(line) for line in lines)


class InvalidRequest(Refused):
    """The request cannot be understood, or is understood and not offered."""


class Unauthenticated(Refused):
    """No valid token came with the request."""


class PolicyDenied(Refused):
    """Policy does not allow it."""


class StaleVersion(Refused):
    """A dataset version has expired: it may neither be read nor trained on."""


class LimitReached(Refused):
    """A limit was reached; `code` says which."""


class Unavailable(Refused):
    """A part that must answer did not: nothing was served."""


class Damaged(Refused):
    """Something that must be true is not: nothing was served."""


class ExtractFailed(Refused):
    """A job ended without a version; code and text are the job's."""


class Unreachable(Exception):
    """No gateway answered."""


class NotConfigured(Unreachable):
    """URL or token is missing, or may not be used as it stands."""


class Incomplete(Exception):
    """It has no mark of completeness, its connection broke, or its hash differs."""


_KINDS: Final[Mapping[str, type[Refused]]] = {
    "invalid": InvalidRequest,
    "unsupported": InvalidRequest,
    "unauthenticated": Unauthenticated,
    "denied": PolicyDenied,
    "exhausted": LimitReached,
    "unavailable": Unavailable,
    "integrity": Damaged,
}
_OF_VERSIONS: Final = ("/v1/dataset-versions/", "/v1/models")


def refusal(problem: Mapping[str, object], *, status: int, path: str) -> Refused:
    """The error of a problem document.

    Args:
        path: what was asked for.
    """
    kind, _, reason = str(problem.get("code", "")).partition(".")
    if reason == "expired" and path.startswith(_OF_VERSIONS):
        return StaleVersion(problem, status=status)
    return _KINDS.get(kind, Refused)(problem, status=status)


def printable(text: str) -> str:
    """A text for a terminal: control, bidirectional and zero-width characters are shown as escapes."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
