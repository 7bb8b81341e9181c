"""Requests: what the reviewed files may not grant, an approved request may not either."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import Invalid
from gateway.policy.bundle import Bundle
from gateway.policy.laws.resembling import resembled
from gateway.policy.laws.shifting import check_shifts
from gateway.policy.vocabulary import Problems
from gateway.terms.policy import Grant


def check_request(grant: Grant, *, bundle: Bundle, dynamic: Iterable[Grant]) -> None:
    """Whether the grant keeps the laws beside all that stands.

    Args:
        grant: read by `read_request`.
        bundle: the active one.
        dynamic: the dynamic grants of the moment.

    Raises:
        Invalid: it would give shifts away (T8), or show values beside others that look like them (T25).
    """
    problems = Problems()
    check_shifts(bundle.releases, datasets=bundle.datasets, grants=(grant,), problems=problems)
    told = [error.message.split(": ", 1)[1] for error in problems.found]
    standing = [*bundle.grants, *(one for one in dynamic if one.id != grant.id)]
    if wrong := resembled(grant, bundle=bundle, standing=standing):
        told.append(wrong)
    if told:
        raise Invalid(told[0], code="request", reasons=tuple(told[1:]), fix="ask for less, or at another level")
