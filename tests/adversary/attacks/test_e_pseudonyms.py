"""E. Pseudonyms."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.adversary.attacks.attackers import CUSTOMER, EMAIL, Attackers, fresh


def test_e1_dictionary_on_hashes(attack: Attackers) -> None:
    shown = {row[0].upper() for row in attack.answered("ana", "SELECT email FROM core.customers")}
    guesses = set()
    for row in attack.tables["customers"]:
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
            digest = hashlib.new(name, row["email"].encode()).digest()
            guesses |= {digest.hex().upper()[:16], _crockford(digest)[:16]}
    assert not shown & guesses


def test_e1_another_gateway_makes_other_pseudonyms(attack: Attackers, tmp_path: Path) -> None:
    shown = attack.answered("ana", "SELECT email FROM core.customers")
    with fresh(tmp_path, attack.tables) as others:
        elsewhere = others.answered("ana", "SELECT email FROM core.customers")
    assert not {row[0] for row in shown} & {row[0] for row in elsewhere}


def test_e3_cross_extract_linkage(attack: Attackers) -> None:
    """Two projects have no pseudonym in common; one project has the same ones again."""
    sql = "SELECT customer_id, email, iban FROM core.customers"
    credit, again, fraud = (attack.answered(who, sql) for who in ("ana", "ana", "fran"))
    assert credit == again
    assert len(fraud) == len(attack.tables["customers"])
    assert not {cell for row in credit for cell in row} & {cell for row in fraud for cell in row}


def _crockford(digest: bytes) -> str:
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    number = int.from_bytes(digest)
    return "".join(alphabet[number >> shift & 31] for shift in range(len(digest) * 8 - 5, -1, -5))


def test_the_oracle_would_see_a_canary(attack: Attackers) -> None:
    """Without this, O1 could look for nothing: Otto lawfully sees what the others must not."""
    rows = attack.answered("otto", f"SELECT email, income FROM core.customers WHERE customer_id = {CUSTOMER}")
    assert rows[0][0] == EMAIL
    assert EMAIL in attack.canaries
    assert attack.refused("nora", "SELECT region FROM core.customers") == "denied.grant"
