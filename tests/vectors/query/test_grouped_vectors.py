"""Runs grouped.yaml of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.errors import Unsupported
from gateway.planning import cell_text
from gateway.terms.plan import GuardedScan
from tests.unit.planning.bank import decision, plan

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "grouped.yaml").read_text())
GROUPED = frozenset({"core.customers", "core.loans"})


@pytest.mark.parametrize("case", [case for case in CASES if "code" not in case], ids=lambda case: case["sql"])
def test_groups_are_released(case: dict[str, Any]) -> None:
    made = plan(case["sql"], decision(grouped=GROUPED))
    guarded = next(step for step in made.steps if isinstance(step, GuardedScan))
    assert list(made.output_names) == case.get("names", list(made.output_names))
    assert list(guarded.dimensions) == case["dimensions"]
    assert [[measure.function, measure.column] for measure in guarded.measures] == case["measures"]
    assert json.loads(cell_text(guarded))["filter"] == case.get("filter")
    names = [column.name for column in guarded.scan.columns]
    assert names[: len(guarded.dimensions)] == list(guarded.dimensions)
    assert "customer_id" in {column.name for column in guarded.scan.aux_columns}
    assert guarded.scan.pushed is None


@pytest.mark.parametrize("case", [case for case in CASES if "code" in case], ids=lambda case: case["sql"])
def test_refused_with_what_is_offered(case: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as caught:
        plan(case["sql"], decision(grouped=GROUPED))
    assert caught.value.code == case["code"]
    assert caught.value.fix
