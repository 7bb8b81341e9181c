"""What is read beside free texts: what is known of the row's own subject, and the names of all subjects (T14)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.planning.sites import Site
from gateway.terms.dataset import Column
from gateway.terms.plan import Scan
from gateway.terms.policy import ColumnDecision, KnownColumn

_NAME: Final = "name"
"""The role whose column holds names of persons."""


def known_of(decisions: Iterable[ColumnDecision]) -> tuple[KnownColumn, ...]:
    """Each column once, however many texts look for it."""
    return tuple({known.alias: known for decided in decisions for known in decided.known}.values())


def names_of(site: Site, known: Iterable[KnownColumn]) -> tuple[Scan, ...]:
    """Scans of all names, whatever the row filter: what is removed from a text must not depend on whose row it is."""
    named = {(each.dataset, each.column): each for each in known if each.role == _NAME}
    return tuple(
        Scan(
            id=f"{site.id}_names_{number}",
            dataset=each.dataset,
            source=site.dataset.source,
            table=each.table,
            columns=(Column(name=each.column, type=each.type, classification="direct_identifier"),),
            aux_columns=(),
            rows=None,
            follow=None,
            pushed=None,
        )
        for number, each in enumerate(named.values(), 1)
    )
