"""Runs accepted.yaml and refused.yaml of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import GatewayError
from gateway.query import QueryLimits, bind, parse
from tests.unit.planning.bank import CATALOG

HERE = Path(__file__).parent
ACCEPTED: list[dict[str, Any]] = yaml.safe_load((HERE / "accepted.yaml").read_text())
REFUSED: list[dict[str, Any]] = yaml.safe_load((HERE / "refused.yaml").read_text())


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case["sql"])
def test_query_is_accepted_with_its_columns(case: dict[str, Any]) -> None:
    bound = bind(parse(case["sql"], dialect="postgres", limits=QueryLimits()), datasets=CATALOG)
    assert list(bound.output_names) == case["columns"]
    if "uses" in case:
        assert {name: sorted(columns) for name, columns in bound.uses.items()} == case["uses"]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case['code']}: {case['sql']}")
def test_query_is_refused_with_its_code(case: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(GatewayError) as caught:
        bind(parse(case["sql"], dialect=case.get("dialect", "postgres"), limits=QueryLimits()), datasets=CATALOG)
    assert caught.value.code == case["code"], caught.value.message
    assert not caplog.records, "a refused text reached a log"


def test_no_vector_stands_twice() -> None:
    texts = [(case["sql"], case.get("dialect")) for case in ACCEPTED + REFUSED]
    assert len(texts) == len(set(texts))
