"""A whole gateway whose projects' keys are in a real vault: answers, rotation, destruction, the vault going away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.app import Control, Host
from gateway.errors import Integrity, Invalid, Unavailable
from gateway.keys import projects_folder
from tests import bank
from tests.conformance.vaults import Vault, open_vault
from tests.house import House, open_house, settings_for
from tests.unit.governance.people import People

SQL, PURPOSE, PROJECT = "SELECT customer_id FROM core.customers", bank.ANA[1], "credit-risk"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    with open_vault(tmp_path_factory.mktemp("vault")) as vault:
        yield vault


def pseudonyms(house: House, token: str) -> set[str]:
    body, _ = house.ask(token, SQL, purpose=PURPOSE)
    return {row[0] for row in json.loads(body)["rows"]}


@pytest.mark.slow
def test_a_gateway_over_a_vault_answers_rotates_destroys_and_serves_nothing_without_it(
    vault: Vault, tmp_path: Path
) -> None:
    source = bank.write(bank.first_world(customers=16), tmp_path / "core.db")
    more = {"vault_url": vault.url, "vault_token_file": vault.token_file, "vault_ca_file": vault.ca_file}
    with open_house(tmp_path, bank=source, **more) as house:
        token, people = house.token("ana", bank.ANA[0]), People(house)
        first = pseudonyms(house, token)
        assert first
        assert pseudonyms(house, token) == first
        assert not projects_folder(house.settings.kek_path).exists()
        with house.host.key_operator(house.settings) as (operator, actor):
            operator.rotate(actor, project=PROJECT)
        second = pseudonyms(house, token)
        assert not first & second
        view = people.desks.keys.propose(people.alma, project=PROJECT)
        people.desks.approvals.approve(people.arno, view.proposal.id, digest=view.proposal.digest)
        kept = vault.ask("LIST", "transit/keys").json()["data"]["keys"]
        assert kept == ["gateway-gateway-1"]
        with pytest.raises(Integrity, match="was destroyed"):
            pseudonyms(house, token)
        with house.host.key_operator(house.settings) as (operator, actor):
            assert operator.rotate(actor, project=PROJECT).number == 3
        assert not pseudonyms(house, token) & (first | second)
        vault.ask("POST", "auth/token/revoke", token=vault.token_file.read_text().strip()).raise_for_status()
        with pytest.raises(Unavailable, match="refuses the gateway's token"):
            pseudonyms(house, token)


def test_refused_when_a_vault_is_named_without_a_token(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, bank=tmp_path / "none.db")
    Host().initialize(settings)
    control = Control(settings.model_copy(update={"vault_url": "https://vault.example:8200"}))
    with pytest.raises(Invalid, match="a vault needs a token"):
        control.open_keys()
    control.close()
