from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence

import pytest

from gateway.errors import Invalid, Unauthenticated
from gateway.identity import ApiTokens, mint, token_id_of
from gateway.identity.tokens import ALPHABET, MAX_LIFETIME
from gateway.terms.identity import Credentials, StoredToken

NOW = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


class CountingEntropy:
    """Bytes 0, 1, 2, …"""

    def __init__(self) -> None:
        self._next = 0

    def draw(self, count: int) -> bytes:
        drawn = bytes((self._next + at) % 256 for at in range(count))
        self._next += count
        return drawn


class Shelf:
    """A token store in memory (ports.TokenStore)."""

    def __init__(self, *tokens: StoredToken) -> None:
        self._tokens = {token.id: token for token in tokens}

    def add(self, token: StoredToken) -> None:
        self._tokens[token.id] = token

    def find(self, token_id: str) -> StoredToken | None:
        return self._tokens.get(token_id)

    def listed(self) -> Sequence[StoredToken]:
        return list(self._tokens.values())

    def revoke(self, token_id: str, *, now: datetime.datetime) -> bool:
        raise NotImplementedError


def make(**changed: object) -> tuple[StoredToken, str]:
    arguments = {
        "roles": frozenset({"intern"}),
        "environment": "dev",
        "lifetime": HOUR,
        "now": NOW,
        "entropy": CountingEntropy(),
    }
    principal = str(changed.pop("principal", "ana"))
    return mint(principal, **{**arguments, **changed})  # type: ignore[arg-type]  # each test changes one of them


def test_a_token_has_160_secret_bits_and_only_their_hash_is_stored() -> None:
    stored, text = make()
    prefix, token_id, secret = text.split("_")
    assert (prefix, token_id) == ("gw", stored.id)
    assert len(secret) * 5 == 160
    assert stored.secret_sha256 == hashlib.sha256(secret.encode()).digest()
    assert secret not in repr(stored)


def test_every_letter_of_the_alphabet_is_equally_likely() -> None:
    """32 divides 256: no byte is favoured."""
    drawn = [ALPHABET[byte & 31] for byte in range(256)]
    assert len(ALPHABET) == 32
    assert {drawn.count(letter) for letter in ALPHABET} == {8}


def test_the_right_token_gives_its_principal() -> None:
    stored, text = make()
    principal = ApiTokens(Shelf(stored)).authenticate(Credentials(bearer=text), now=NOW)
    assert (principal.id, principal.roles, principal.environment) == ("ana", {"intern"}, "dev")
    assert principal.credential_id == stored.id


def refusal(shelf: Shelf, bearer: str, *, now: datetime.datetime = NOW) -> tuple[str, str, str]:
    with pytest.raises(Unauthenticated) as refused:
        ApiTokens(shelf).authenticate(Credentials(bearer=bearer), now=now)
    error = refused.value
    assert error.__cause__ is None
    return error.code, error.message, error.fix


def test_all_refusals_have_one_text() -> None:
    import dataclasses

    stored, text = make()
    revoked = dataclasses.replace(stored, revoked=NOW)
    told = {
        refusal(Shelf(stored), ""),
        refusal(Shelf(stored), "gw_x"),
        refusal(Shelf(stored), text[:-1] + "z"),
        refusal(Shelf(stored), text + "\n"),
        refusal(Shelf(stored), " " + text),
        refusal(Shelf(), text),
        refusal(Shelf(revoked), text),
        refusal(Shelf(stored), text, now=stored.expires),
    }
    assert len(told) == 1


def test_a_token_ends_at_its_moment_and_not_before() -> None:
    stored, text = make()
    tokens = ApiTokens(Shelf(stored))
    last = stored.expires - datetime.timedelta(microseconds=1)
    assert tokens.authenticate(Credentials(bearer=text), now=last).id == "ana"
    assert refusal(Shelf(stored), text, now=stored.expires)


def test_an_unknown_token_is_not_let_in_by_the_hash_of_nothing() -> None:
    """Without a stored token zeros are compared; no secret may match by that alone."""
    import dataclasses

    stored, text = make()
    assert refusal(Shelf(dataclasses.replace(stored, secret_sha256=bytes(32))), text)


@pytest.mark.parametrize("name", ["", "Ana", "-ana", "ana_b", "a" * 64, "ana\n", "änna"])
def test_names_are_plain(name: str) -> None:
    for field in ("principal", "environment"):
        with pytest.raises(Invalid, match="names of principals"):
            make(**{field: name})
    with pytest.raises(Invalid, match="names of principals"):
        make(roles=frozenset({name}))


def test_a_token_has_a_role() -> None:
    with pytest.raises(Invalid, match="at least one role"):
        make(roles=frozenset())


@pytest.mark.parametrize("lifetime", [datetime.timedelta(0), -HOUR, MAX_LIFETIME + datetime.timedelta(microseconds=1)])
def test_a_lifetime_is_positive_and_at_most_a_year(lifetime: datetime.timedelta) -> None:
    with pytest.raises(Invalid, match="366 days"):
        make(lifetime=lifetime)


def test_the_longest_lifetime_is_taken() -> None:
    assert make(lifetime=MAX_LIFETIME)[0].expires == NOW + MAX_LIFETIME


def test_the_id_is_found_in_a_token_and_in_itself_and_nowhere_else() -> None:
    stored, text = make()
    assert token_id_of(text) == token_id_of(stored.id) == stored.id
    assert {token_id_of(wrong) for wrong in ("", text + "x", stored.id[:-1], stored.id + "\n")} == {""}


def test_credentials_are_not_shown_when_printed() -> None:
    assert "gw_secret" not in repr(Credentials(bearer="gw_secret"))
