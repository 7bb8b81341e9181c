"""What a client can meet.

Exception
├── Refused        the gateway said no: code, reasons, fix, receipt
├── Unreachable    nothing answered at the URL
└── Incomplete     an answer broke off: what came of it MUST NOT be used
"""

from __future__ import annotations

from collections.abc import Mapping


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


class Unreachable(Exception):
    """No gateway answered."""


class Incomplete(Exception):
    """The answer has no mark of completeness, or its connection broke."""
