"""How a query that did not end well is told: our own words for a closed set, never the engine's text."""

from __future__ import annotations

from typing import Final, Literal

from gateway.errors import Denied, Exhausted, GatewayError, Invalid, Unavailable

End = Literal["time", "memory", "revoked", "cancelled", "stopped", "source", "retired"]
"""Why a child was killed, by the gateway or the kernel."""

_EXECUTION: Final = {
    "conversion": "a value could not be converted to the type asked for: use TRY_CAST",
    "range": "a number or date left its type's range: cast to a wider type first",
    "division": "division by zero: divide by NULLIF(x, 0)",
    "input": "a function was given an argument that it does not take",
    "types": "a function or operator does not take arguments of these types: add casts",
    "unsupported": "the engine does not offer this for these types",
    "engine": "the engine could not run this query",
    "statement": "only one SELECT can be run",
    "value": "a value could not be computed: look at casts (TRY_CAST), divisions (NULLIF(x, 0)), arguments, ranges",
}
_OF_A_ROW: Final = {"conversion", "range", "division", "input"}
"""Which of them comes first is a matter of the order of rows."""


def by_status(status: str, *, is_streamed: bool = False) -> GatewayError:
    """The error for a trailer's status other than `ok`.

    Args:
        is_streamed: rows came in their source's order; which of two bad rows came first is not told (T7).
    """
    if is_streamed and status in _OF_A_ROW:
        status = "value"
    if status == "memory":
        return Exhausted(
            "the query needs more memory than it may use",
            code="memory",
            fix="aggregate or filter earlier, select fewer columns, or run it as an extract",
        )
    if status == "wide_row":
        return Exhausted("one row of the answer is larger than 64 MiB", code="row", fix="return parts of the value")
    return Invalid(_EXECUTION[status], code="execution")


def by_end(end: End | None) -> GatewayError:
    """The error for a child that is gone without a trailer; None: it ended by itself."""
    match end:
        case "time":
            return Exhausted("the query took longer than it may", code="time", fix="filter earlier or run an extract")
        case "memory":
            return by_status("memory")
        case "revoked":
            return Denied("the right to this answer ended while it was made", code="revoked")
        case "cancelled":
            return Unavailable("the query was cancelled", code="cancelled")
        case "stopped":
            return Unavailable("the gateway is stopping", code="stopping")
        case _:
            return Unavailable(
                "the sandbox ended without an answer", code="sandbox", fix="ask again; simpler, if it ends again"
            )
