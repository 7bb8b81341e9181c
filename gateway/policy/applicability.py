"""Which grants apply: the one file that knows casbin.

casbin decides *whether* a grant applies to (role, environment, purpose, dataset); how much it shows is ours.
Its traps, each stopped here: a disabled enforcer allows everything; an enforcer without rules evaluates its
matcher on empty strings; inheritance ends silently after ten names; asking about an unknown role stores it
for ever; every error is a bare exception; it logs requests.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import casbin
from simpleeval import InvalidExpression  # type: ignore[import-untyped]  # casbin's evaluator ships no types

from gateway.errors import Invalid
from gateway.policy.bundle import Bundle
from gateway.terms.policy import Grant

MODEL: Final[Mapping[str, str]] = {
    "request_definition": "r = role, environment, purpose, dataset, effect, grant",
    "policy_definition": "p = role, environment, purpose, dataset, effect, grant",
    "role_definition": "g = _, _",
    "policy_effect": "e = some(where (p.eft == allow))",
    "matchers": (
        "m = r.grant == p.grant && r.effect == p.effect && r.dataset == p.dataset"
        ' && r.environment == p.environment && (p.purpose == "*" || r.purpose == p.purpose) && g(r.role, p.role)'
    ),
}
"""The only model that is accepted: a wider matcher opens allows, a narrower one loses denies."""

_ANSWERS_KEPT: Final = 1024
"""Of one enforcer: (role, purpose, effect, grant) asked before. An enforcer never changes."""
_ENGINE_ERRORS: Final = (
    InvalidExpression,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_ENGINE: Final = threading.Lock()
"""Of all enforcers: casbin parses its matcher at each question, and Python 3.11 counts the depth of every parse of a
process in one place: two at once end in SystemError (measured: 4 threads, within seconds)."""
Effect = Literal["allow", "deny"]
logging.getLogger("casbin").setLevel(logging.CRITICAL)


def check_model(text: str, *, file: str) -> None:
    """Refuse a casbin model that is not MODEL; comments, blank lines and spacing are free.

    Raises:
        Invalid: with the line and what must stand there.
    """
    section, seen = "", set[str]()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if words.startswith("["):
            section = words.strip("[]")
        elif section in seen or "".join(words.split()) != "".join(MODEL.get(section, "").split()):
            wanted = MODEL.get(section, f"one of the sections {', '.join(MODEL)}")
            raise Invalid(f"{file}:{number}: here must stand, once: {wanted}", code="policy")
        else:
            seen.add(section)
    if missing := MODEL.keys() - seen:
        raise Invalid(f"{file}:1: missing: {', '.join(sorted(missing))}", code="policy")


class _Shelf:
    """The grants of one environment and dataset, and the enforcer that judges them. Never changes."""

    def __init__(
        self, grants: Sequence[Grant], *, dataset: str, model: str, inherits: Mapping[str, frozenset[str]]
    ) -> None:
        self.grants = tuple(grants)
        self._roles = {grant.role for grant in grants} | inherits.keys()
        self._enforcer = _build_enforcer(self.grants, dataset=dataset, model=model, inherits=inherits)
        self._ask = functools.lru_cache(_ANSWERS_KEPT)(self._ask_engine)

    def applies(self, grant: Grant, *, roles: frozenset[str], environment: str, purpose: str, dataset: str) -> bool:
        known = sorted(self._roles.intersection(roles))
        return any(self._ask(role, environment, purpose, dataset, grant.effect, _name(grant)) for role in known)

    def _ask_engine(self, *request: str) -> bool:
        effect = request[4]
        with _ENGINE:
            try:
                answer = self._enforcer.enforce(*request)
            except _ENGINE_ERRORS:
                return effect == "deny"  # a rule that errs denies: an allow is lost, a deny holds
            return effect == "deny" if not self._enforcer.enabled else answer is True


def _build_enforcer(
    grants: Sequence[Grant], *, dataset: str, model: str, inherits: Mapping[str, frozenset[str]]
) -> casbin.Enforcer:
    rules = casbin.Enforcer.new_model(text=model)
    for grant in grants:
        for purpose in sorted(grant.purposes):
            rules.add_policy("p", "p", [grant.role, grant.environment, purpose, dataset, grant.effect, _name(grant)])
    for role in sorted(inherits):
        for parent in sorted(inherits[role]):
            rules.add_policy("g", "g", [role, parent])
    enforcer = casbin.Enforcer(rules)
    enforcer.build_role_links()
    return enforcer


def _name(grant: Grant) -> str:
    """Two worlds of ids: a request's id cannot borrow the role of a file grant that has the same."""
    return f"{'dynamic' if grant.dynamic else 'file'}:{grant.id}"


class Applicability:
    """One enforcer per (environment, dataset). Immutable; `with_grants` shares what did not change."""

    def __init__(
        self,
        grants: Iterable[Grant],
        *,
        model: str,
        inherits: Mapping[str, frozenset[str]],
        like: Applicability | None = None,
    ) -> None:
        placed: dict[tuple[str, str], list[Grant]] = defaultdict(list)
        for grant in sorted(grants, key=lambda grant: grant.id):
            for dataset in grant.datasets:
                placed[grant.environment, dataset].append(grant)
        self._model, self._inherits = model, inherits
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        for place, there in placed.items():
            old = like._shelves.get(place) if like else None
            if old is None or old.grants != tuple(there):
                old = _Shelf(there, dataset=place[1], model=model, inherits=inherits)
            self._shelves[place] = old

    def with_grants(self, grants: Iterable[Grant]) -> Applicability:
        """The same model and roles over other grants; enforcers whose grants are equal are kept."""
        return Applicability(grants, model=self._model, inherits=self._inherits, like=self)

    def applying(
        self, *, roles: frozenset[str], environment: str, purpose: str, dataset: str
    ) -> Mapping[Effect, tuple[Grant, ...]]:
        """The allows and the denies that apply, each by id. Expiry is not looked at."""
        found: dict[Effect, list[Grant]] = {"allow": [], "deny": []}
        shelf = self._shelves.get((environment, dataset))
        if shelf is not None:
            for grant in shelf.grants:
                if shelf.applies(grant, roles=roles, environment=environment, purpose=purpose, dataset=dataset):
                    found[grant.effect].append(grant)
        return {effect: tuple(grants) for effect, grants in found.items()}


def applicability_of(bundle: Bundle) -> Applicability:
    """Which grants of the bundle's files apply."""
    inherits = {name: role.inherits for name, role in bundle.vocabulary.roles.items()}
    return Applicability(bundle.grants, model=bundle.model, inherits=inherits)
