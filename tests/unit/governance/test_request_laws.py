"""What the reviewed files may not grant, no desk grants either (T25); the laws themselves: tests/unit/policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import Invalid
from gateway.governance import AccessRequest
from tests import bank
from tests.house import POLICIES, open_house
from tests.unit.governance.people import PURPOSE, People


@pytest.fixture
def lookalike(tmp_path: Path) -> Iterator[People]:
    """A house where masked IBANs look like IBANs, and may be somebody else's."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    domains = (policies / "domains.yaml").read_text()
    old = "\niban: {canon: alnum_upper, mask: {name: pseudonym}}"
    assert old in domains
    (policies / "domains.yaml").write_text(
        domains.replace(old, "\niban: {canon: alnum_upper, mask: {name: iban, keep_bank: true}}")
    )
    source = bank.write(bank.first_world(customers=16), tmp_path / "core.db")
    with open_house(tmp_path, bank=source, policies=policies) as house:
        yield People(house)


def test_no_desk_shows_values_beside_others_that_look_like_them(lookalike: People) -> None:
    wanted = AccessRequest(datasets=("core.accounts",), purposes=(PURPOSE,), level="full", reason="to compare")
    with pytest.raises(Invalid, match="its values are seen masked") as refused:
        lookalike.asked(wanted)
    assert refused.value.code == "invalid.request"
    assert not lookalike.desks.approvals.listed(lookalike.olga)


def test_what_keeps_the_laws_is_asked_for(lookalike: People) -> None:
    wanted = AccessRequest(datasets=("core.accounts",), purposes=(PURPOSE,), level="pseudonymized", reason="to compare")
    assert lookalike.asked(wanted).proposal.id
