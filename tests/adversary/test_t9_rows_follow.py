"""T9: one row filter over several datasets. A dataset of the same subjects follows it, or the grant is refused."""

from __future__ import annotations

import pytest

from gateway.errors import Invalid, Unsupported
from gateway.terms.policy import Follow
from gateway.terms.predicate import OneOf
from tests.unit.policy.builders import NOW, bundle, grants, pdp, principal, uses

ROWS = "rows: {dataset: s.people, where: \"region = 'DE'\"}"
START = "id: a, role: scientist, environment: dev, purposes: [study], level: pseudonymized"
# A list of persons without a declared subject, a visit keyed by text, and visits in another source.
OTHERS = """\
source: {source}
datasets:
  {source}.d:
    table: d
{subject}
    columns:
      person_id: {{type: {type}, class: direct_identifier, domain: person}}
"""


def others(source: str = "t", *, kind: str = "int64", subject: bool = True) -> dict[str, str]:
    declared = "    subject: {column: person_id, domain: person}" if subject else ""
    return {"catalog/t.yaml": OTHERS.format(source=source, type=kind, subject=declared)}


def test_t9_a_dataset_of_the_same_subjects_must_follow() -> None:
    with pytest.raises(Invalid, match=r"grants.yaml:1: s.visits tells of the same subjects: add it to rows_follow"):
        bundle(grants(f"{START}, datasets: [s.people, s.visits], {ROWS}"))


def test_t9_a_column_that_names_the_subjects_is_enough_to_be_refused() -> None:
    line = f"{START}, datasets: [s.people, t.d], {ROWS}"
    with pytest.raises(Invalid, match=r"t.d tells of the same subjects"):
        bundle({**others(subject=False), **grants(line)})


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (others(subject=False), "following needs a subject of the same domain in both"),
        (others(), "write a grant for each source"),
        (
            {"catalog/t.yaml": others("s", kind="string")["catalog/t.yaml"]},
            "their subject columns have different types",
        ),
    ],
    ids=["no subject", "another source", "another type"],
)
def test_t9_what_cannot_follow_is_said_plainly(other: dict[str, str], says: str) -> None:
    name = "s.d" if "source: s" in other["catalog/t.yaml"] else "t.d"
    line = f"{START}, datasets: [s.people, {name}], {ROWS}, rows_follow: [{name}]"
    with pytest.raises(Unsupported, match=says):
        bundle({**other, **grants(line)})


def test_t9_the_follower_keeps_only_subjects_whose_rows_are_kept() -> None:
    point = pdp(grants(f"{START}, datasets: [s.people, s.visits], {ROWS}, rows_follow: [s.visits]"))
    decision = point.decide(principal=principal("scientist"), purpose="study", uses=uses(visits=["income"]), now=NOW)
    assert decision.datasets["s.visits"].follow == Follow(
        column="person_id",
        dataset="s.people",
        table=("people",),
        source="s",
        key="person_id",
        predicate=OneOf("region", ("DE",)),
    )


def test_t9_the_filter_is_not_told_to_the_asker() -> None:
    point = pdp(grants(f"{START}, datasets: [s.people, s.visits], {ROWS}, rows_follow: [s.visits]"))
    decision = point.decide(principal=principal("scientist"), purpose="study", uses=uses(visits=["income"]), now=NOW)
    assert not any("region" in reason or "DE" in reason for reason in decision.reasons)
