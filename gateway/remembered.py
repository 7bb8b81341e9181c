"""Questions that were asked before: what follows from their text and a decision alone is not worked out again.

Parsing, binding and planning are pure. What depends on the time, on a right or on a source (the decision, the access
entry, windows, rows) is never remembered: a plan is used again only for a decision that is equal in all its parts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.terms.dataset import Datasets
from gateway.terms.plan import Plan
from gateway.terms.policy import Decision
from gateway.terms.query import BoundQuery, Query
from gateway.terms.request import Request

MAX_QUESTIONS: Final = 128
MAX_TEXT: Final = 2_048
"""Characters of a text that is remembered; its trees take some 200 times as much."""


class Question:
    """One text of one principal. Threads that ask it at once may each work something out; the last one is kept."""

    def __init__(self) -> None:
        self._parsed: Query | None = None
        self._bound: tuple[Query, Datasets, BoundQuery] | None = None
        self._plan: tuple[BoundQuery, Decision, frozenset[str], Plan] | None = None

    def parsed(self, parse: Callable[[], Query]) -> Query:
        """The checked SELECT."""
        parsed = self._parsed
        if parsed is None:
            parsed = self._parsed = parse()
        return parsed

    def bound(self, parsed: Query, datasets: Datasets, bind: Callable[[], BoundQuery]) -> BoundQuery:
        """Bound to these datasets: those of one activated bundle."""
        known = self._bound
        if known is None or known[0] is not parsed or known[1] is not datasets:
            known = self._bound = (parsed, datasets, bind())
        return known[2]

    def plan(self, bound: BoundQuery, decision: Decision, near: frozenset[str], make: Callable[[], Plan]) -> Plan:
        """What an equal decision allowed the same bound query to do, with the same sources near."""
        known = self._plan
        if known is None or known[0] is not bound or known[2] != near or known[1] != decision:
            known = self._plan = (bound, decision, near, make())
        return known[3]


class Questions:
    """The last ones. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[object, ...], Question] = OrderedDict()

    def of(self, principal: str, request: Request) -> Question:
        """The same as before, if this principal asked the same before; long texts are always new."""
        text = request.text
        if len(text) > MAX_TEXT:
            return Question()
        key = (principal, request.purpose, request.grant, request.dialect, request.sql, text, request.limit)
        with self._lock:
            question = self._last.setdefault(key, Question())
            self._last.move_to_end(key)
            if len(self._last) > MAX_QUESTIONS:
                self._last.popitem(last=False)
        return question
