"""Signed notes: one spelling, one signer."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit import Tree, Verifier, checkpoint_text, open_checkpoint
from gateway.errors import Integrity, Invalid
from tests.unit.audit.building import OTHER_SIGNER, SIGNER, VKEY

TREE = Tree(origin=SIGNER.name, size=12, root=hashlib.sha256(b"root").digest())
NOTE = SIGNER.sign(checkpoint_text(TREE))
VERIFIER = Verifier.parse(VKEY)


def signed(text: str) -> str:
    return SIGNER.sign(text)


def test_a_checkpoint_is_three_lines_and_a_signature() -> None:
    root = base64.b64encode(TREE.root).decode()
    assert NOTE.startswith(f"gateway.example/audit\n12\n{root}\n\n— gateway.example/audit ")
    assert open_checkpoint(NOTE, verifier=VERIFIER) == TREE


ROOT = base64.b64encode(TREE.root).decode()
DEFECTS = {
    "empty": "",
    "no signature": checkpoint_text(TREE),
    "no final line feed": NOTE[:-1],
    "more after the end": NOTE + "\n",
    "a second signature": NOTE + NOTE.split("\n\n")[1],
    "signed by another key": OTHER_SIGNER.sign(checkpoint_text(TREE)),
    "signature of another text": NOTE.replace("\n12\n", "\n13\n"),
    "another origin": signed(checkpoint_text(Tree(origin="elsewhere", size=12, root=TREE.root))),
    "an extension line": signed(checkpoint_text(TREE) + "extension\n"),
    "size with a zero before it": signed(f"{SIGNER.name}\n012\n{ROOT}\n"),
    "size with a sign": signed(f"{SIGNER.name}\n+12\n{ROOT}\n"),
    "size in other digits": signed(f"{SIGNER.name}\n١٢\n{ROOT}\n"),
    "size beyond 64 bits": signed(f"{SIGNER.name}\n{10**20}\n{ROOT}\n"),
    "short root": signed(f"{SIGNER.name}\n12\n{base64.b64encode(b'short').decode()}\n"),
    "root not base64": signed(f"{SIGNER.name}\n12\n{'?' * 44}\n"),
    "root in a second spelling": signed(f"{SIGNER.name}\n12\n{ROOT[:-2] + chr(ord(ROOT[-2]) + 1)}=\n"),
    "lone surrogate": NOTE.replace("12", "\ud800"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_note_with_a_defect_is_refused(defect: str) -> None:
    with pytest.raises(Integrity):
        open_checkpoint(DEFECTS[defect], verifier=VERIFIER)


@settings(max_examples=200)
@given(st.integers(0, len(NOTE) - 1), st.characters())
def test_a_note_with_any_other_character_is_refused(at: int, character: str) -> None:
    altered = NOTE[:at] + character + NOTE[at + 1 :]
    if altered != NOTE:
        with pytest.raises(Integrity):
            open_checkpoint(altered, verifier=VERIFIER)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000",
        VKEY.replace("gateway", "getaway"),
        VKEY[:-4],
        VKEY + "=",
        "a b" + VKEY[VKEY.index("+") :],
        VKEY.rpartition("+")[0] + "+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    ],
)
def test_a_verifier_key_with_a_defect_is_refused(key: str) -> None:
    with pytest.raises(Invalid):
        Verifier.parse(key)
