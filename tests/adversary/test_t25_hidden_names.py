"""T25, of policy and catalog: a hidden name answers exactly like an unknown one, and nothing forges a line."""

from __future__ import annotations

import pytest

from gateway.catalog import resolve
from gateway.errors import Invalid
from gateway.terms.query import Query
from tests.unit.policy.builders import NOW, bundle, pdp, principal


def query(*names: str) -> Query:
    return Query(dialect="postgres", tree=None, names=names, shape="SELECT ?")


def refusal(name: str) -> Invalid:
    point = pdp()
    visible = point.visible(principal("scientist"), now=NOW)
    with pytest.raises(Invalid) as raised:
        resolve(query("s.people", name), catalog=bundle().datasets, visible=visible)
    return raised.value


def test_t25_a_hidden_dataset_resolves_exactly_like_an_unknown_one() -> None:
    hidden, unknown = refusal("s.secret"), refusal("s.nothin")
    assert hidden.message.replace("s.secret", "?") == unknown.message.replace("s.nothin", "?")
    assert (hidden.code, hidden.fix, hidden.reasons) == (unknown.code, unknown.fix, unknown.reasons)
    assert hidden.code == "invalid.dataset"


def test_t25_no_other_name_is_listed() -> None:
    assert "people" not in refusal("s.peopel").message.replace("s.peopel", "")


def test_t25_control_characters_of_a_quoted_name_are_not_repeated() -> None:
    assert refusal('s.x\x1b[2J\n"').message == "unknown dataset"


def test_t25_a_hidden_dataset_is_denied_exactly_like_an_unknown_one() -> None:
    decisions = [
        pdp().decide(principal=principal("scientist"), purpose="study", uses={name: frozenset({"income"})}, now=NOW)
        for name in ("s.secret", "s.nothin")
    ]
    hidden, unknown = decisions
    assert [reason.replace("s.secret", "?") for reason in hidden.reasons] == ["unknown dataset: ?"]
    assert [reason.replace("s.nothin", "?") for reason in unknown.reasons] == ["unknown dataset: ?"]
    assert hidden.missing is unknown.missing is None


def test_t25_an_unknown_purpose_with_control_characters_is_not_repeated() -> None:
    decision = pdp().decide(
        principal=principal("scientist"), purpose="x\r\nreceipt: 1", uses={"s.people": frozenset()}, now=NOW
    )
    assert decision.reasons == ("unknown purpose; purposes that you have a grant for here: study",)
