"""Values that look like others (T25): a masked one may be somebody's, so nobody may look it up among the full ones.

A mask that keeps a format gives values of that format, and some of them are given to somebody. Who sees a domain both
masked so and in full takes one person for another; so does who sees a table's column in both ways. Judged as `exposed`
does, within one environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.policy.bundle import Bundle, Releases
from gateway.policy.laws.places import places_of
from gateway.policy.vocabulary import Problems, Vocabulary
from gateway.terms.dataset import Datasets
from gateway.terms.document import Node
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import ColumnDecision, Grant, Level

_OF_ONE_FORM: Final = "as values of the same form: one may be taken for another's"


def check_resemblance(
    releases: Releases, *, datasets: Datasets, grants: tuple[Grant, ...], vocabulary: Vocabulary, problems: Problems
) -> None:
    """Note every grant that shows in full what its role sees under a resembling mask."""
    allows = [grant for grant in grants if grant.effect == "allow"]
    masked: dict[str, dict[str, str]] = {
        grant.id: _columns(grant, releases=releases, datasets=datasets, level=Level.PSEUDONYMIZED) for grant in allows
    }
    for grant in allows:
        full = _columns(grant, releases=releases, datasets=datasets, level=Level.FULL)
        beside = [other for other in allows if _meet(grant, other, vocabulary=vocabulary)]
        with problems.noted():
            for other in beside:
                for place in sorted(full.keys() & masked[other.id].keys()):
                    raise Node(None, grant.rule.file, grant.rule.line).fail(
                        f"{grant.id} shows {full[place]} in full, and {other.id} shows {masked[other.id][place]} masked"
                        f" {_OF_ONE_FORM}; mask it by pseudonym instead"
                    )


def resembled(grant: Grant, *, bundle: Bundle, standing: Iterable[Grant]) -> str | None:
    """What a grant would show in full and another one masked, or the other way round; None: nothing.

    Names no other grant, and no column but its own: who asks for it may not know of them.

    Args:
        grant: an allow that is not among the standing ones.
        bundle: where it shall stand.
        standing: all that it shall stand beside, denies among them.
    """
    levels = (Level.FULL, Level.PSEUDONYMIZED)
    full, masked = (_columns(grant, releases=bundle.releases, datasets=bundle.datasets, level=one) for one in levels)
    for other in (grant, *standing):
        if other.effect != "allow" or not _meet(grant, other, vocabulary=bundle.vocabulary):
            continue
        others_full, others_masked = (
            _columns(other, releases=bundle.releases, datasets=bundle.datasets, level=one) for one in levels
        )
        if shown := sorted(full.keys() & others_masked.keys()):
            return f"{full[shown[0]]} would be full, and its values are seen masked besides {_OF_ONE_FORM}"
        if shown := sorted(masked.keys() & others_full.keys()):
            return f"{masked[shown[0]]} would be masked {_OF_ONE_FORM}, and its values are seen in full besides"
    return None


def _columns(grant: Grant, *, releases: Releases, datasets: Datasets, level: Level) -> dict[str, str]:
    """A grant's columns at a level, one by place: all, or at the pseudonymized level those under such a mask."""
    columns: dict[str, str] = {}
    for name in sorted(grant.datasets & datasets.keys()):
        for column in datasets[name].columns.values():
            decision = releases.get((name, column.name, level))
            is_shown = grant.columns.get(column.name, grant.level) is level
            if is_shown and isinstance(decision, ColumnDecision) and (level is Level.FULL or _resembles(decision)):
                for place in places_of(datasets[name], column):
                    columns.setdefault(place, f"{name}.{column.name}")
    return columns


def _resembles(decision: ColumnDecision) -> bool:
    return MASK_SPECS[decision.mask.name].resembles_with(decision.mask.parameters)


def _meet(one: Grant, other: Grant, *, vocabulary: Vocabulary) -> bool:
    """Whether some declared role has both."""
    if one.environment != other.environment:
        return False
    return any({one.role, other.role} <= vocabulary.reach(frozenset({role})) for role in (*vocabulary.roles, one.role))
