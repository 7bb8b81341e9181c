"""Values that look like others (T25): a masked one may be somebody's, so nobody may look it up among the full ones.

A mask that keeps a format gives values of that format, and some of them are given to somebody. Who sees a domain both
masked so and in full takes one person for another. Judged as `exposed` does, within one environment.
"""

from __future__ import annotations

from gateway.policy.bundle import Releases
from gateway.policy.vocabulary import Problems, Vocabulary
from gateway.terms.dataset import Datasets
from gateway.terms.document import Node
from gateway.terms.mask_spec import MASK_SPECS
from gateway.terms.policy import ColumnDecision, Grant, Level


def check_resemblance(
    releases: Releases, *, datasets: Datasets, grants: tuple[Grant, ...], vocabulary: Vocabulary, problems: Problems
) -> None:
    """Note every grant that shows in full what its role sees under a resembling mask."""
    allows = [grant for grant in grants if grant.effect == "allow"]
    seen: dict[str, dict[str, str]] = {
        grant.id: _columns(grant, releases=releases, datasets=datasets, level=Level.PSEUDONYMIZED) for grant in allows
    }
    for grant in allows:
        full = _columns(grant, releases=releases, datasets=datasets, level=Level.FULL)
        beside = [other for other in allows if _meet(grant, other, vocabulary=vocabulary)]
        with problems.noted():
            for other in beside:
                for domain in sorted(full.keys() & seen[other.id].keys()):
                    raise Node(None, grant.rule.file, grant.rule.line).fail(
                        f"{grant.id} shows {full[domain]} in full, and {other.id} shows {seen[other.id][domain]} masked"
                        f" as values of the same form: one may be taken for another's; mask it by pseudonym instead"
                    )


def _columns(grant: Grant, *, releases: Releases, datasets: Datasets, level: Level) -> dict[str, str]:
    """A grant's columns at a level, one by domain: all, or at the pseudonymized level those under such a mask."""
    columns: dict[str, str] = {}
    for name in sorted(grant.datasets & datasets.keys()):
        for column in datasets[name].columns.values():
            decision = releases.get((name, column.name, level))
            is_shown = grant.columns.get(column.name, grant.level) is level and column.domain is not None
            if is_shown and isinstance(decision, ColumnDecision) and (level is Level.FULL or _resembles(decision)):
                columns.setdefault(column.domain or "", f"{name}.{column.name}")
    return columns


def _resembles(decision: ColumnDecision) -> bool:
    return MASK_SPECS[decision.mask.name].resembles_with(decision.mask.parameters)


def _meet(one: Grant, other: Grant, *, vocabulary: Vocabulary) -> bool:
    """Whether some declared role has both."""
    if one.environment != other.environment:
        return False
    return any({one.role, other.role} <= vocabulary.reach(frozenset({role})) for role in (*vocabulary.roles, one.role))
