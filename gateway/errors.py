"""One error tree. Codes are stable; no text ever carries a row's value.

GatewayError
├── Invalid            the request cannot be understood: mend it
│   └── Unsupported    it is understood and not offered: the text says what is
├── Unauthenticated    no valid credential
├── Denied             policy says no: `reasons` name the rules, `fix` the smallest missing grant
├── Exhausted          a limit of size, time, rate or budget was reached
├── Unavailable        a part that must answer did not: nothing was served
└── Integrity          something that must be true is not: nothing was served

Every failure falls closed: a room raises at the first moment it knows, and translates
foreign exceptions at its edge. A foreign exception that escapes a room is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """The root. Raise a leaf.

    Args:
        message: what was expected and what came, naming column and rule, never a value.
        code: dotted and stable; begins with the class's own `kind`.
        reasons: one line each, for a person; may name rules as `file:line id`.
        fix: what the caller can do now; empty where nothing helps.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str = "", reasons: tuple[str, ...] = (), fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = f"{self.kind}.{code}" if code else self.kind
        self.reasons = reasons
        self.fix = fix
        self.receipt = ""
        """Id of the log's entry about it, once there is one."""


class Invalid(GatewayError):
    """The request cannot be understood."""

    kind = "invalid"


class Unsupported(Invalid):
    """The request is understood and not offered."""

    kind = "unsupported"


class Unauthenticated(GatewayError):
    """No valid credential came with the request."""

    kind = "unauthenticated"


class Denied(GatewayError):
    """Policy does not allow it."""

    kind = "denied"


class Exhausted(GatewayError):
    """A limit was reached: code says which (`exhausted.memory`, `exhausted.time`, …)."""

    kind = "exhausted"


class Unavailable(GatewayError):
    """A source, the control database, a key or a child did not answer."""

    kind = "unavailable"


class Integrity(GatewayError):
    """A stored or received thing is not what it must be."""

    kind = "integrity"
