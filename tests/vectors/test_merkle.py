"""196 vectors of transparency-dev/merkle: inclusion and consistency proofs, many of them hostile."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from gateway.audit import is_consistent, is_included

FOLDER = Path(__file__).parents[3] / "shared" / "vectors" / "merkle"


def vectors(kind: str) -> list[object]:
    return [
        pytest.param(json.loads(path.read_text()), id=path.relative_to(FOLDER).as_posix())
        for path in sorted((FOLDER / kind).rglob("*.json"))
    ]


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_all_vectors_are_read_if_any_is() -> None:
    if not FOLDER.exists():
        pytest.skip("the vectors are not here")
    assert [len(vectors("inclusion")), len(vectors("consistency"))] == [98, 98]


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_verdict_is_the_vectors(vector: dict) -> None:
    holds = is_included(
        vector["leafIdx"],
        size=vector["treeSize"],
        leaf=decoded(vector["leafHash"]),
        proof=[decoded(hashed) for hashed in vector["proof"] or []],
        root=decoded(vector["root"]),
    )
    assert holds is not vector["wantErr"]


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_verdict_is_the_vectors(vector: dict) -> None:
    holds = is_consistent(
        vector["size1"],
        size=vector["size2"],
        old_root=decoded(vector["root1"]),
        root=decoded(vector["root2"]),
        proof=[decoded(hashed) for hashed in vector["proof"] or []],
    )
    assert holds is not vector["wantErr"]
