"""Runs tests/vectors/policy; the README there says how they are read."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
import yaml

from gateway.errors import Invalid, Unsupported
from gateway.terms.policy import Decision
from tests.unit.policy.builders import NOW, VECTORS, bundle, files, pdp, principal

VERDICTS = sorted(path.stem for path in VECTORS.glob("*.yaml") if path.stem != "refused")


def vectors(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((VECTORS / f"{name}.yaml").read_text())
    return loaded


def verdict_cases() -> list[Any]:
    return [
        pytest.param(stem, case, id=f"{stem}: {case['name']}") for stem in VERDICTS for case in vectors(stem)["cases"]
    ]


def decide(stem: str, case: dict[str, Any]) -> Decision:
    given = case["given"]
    return pdp(vectors(stem)["files"]).decide(
        principal=principal(*given["roles"], environment=given["environment"]),
        purpose=given["purpose"],
        uses={dataset: frozenset(columns) for dataset, columns in case["uses"].items()},
        now=given.get("at", NOW).astimezone(datetime.UTC),
        grant=given.get("grant"),
    )


@pytest.mark.parametrize(("stem", "case"), verdict_cases())
def test_the_verdict_is_as_the_vector_says(stem: str, case: dict[str, Any]) -> None:
    decision, expect = decide(stem, case), case["expect"]
    wanted = {name: expect[name] for name in case["uses"] if name in expect}
    assert decision.allowed is bool(wanted), decision.reasons
    assert decision.datasets.keys() == wanted.keys()
    for name, parts in wanted.items():
        check_dataset(decision, name=name, parts=parts, needed=case["uses"][name])
    if not decision.allowed:
        check_denial(decision, expect=expect)


def check_dataset(decision: Decision, *, name: str, parts: dict[str, Any], needed: list[str]) -> None:
    decided = decision.datasets[name]
    assert decided.columns.keys() == set(needed)
    found: dict[str, Any] = {
        "grant": decided.grant,
        "level": decided.level.value,
        "rows": decided.rows is not None,
        "columns": {c.column: [c.level, c.mask.name, c.use, c.rule.file] for c in decided.columns.values()},
        "follow": None,
    }
    if decided.follow is not None:
        follow = dataclasses.asdict(decided.follow)
        follow.pop("predicate")
        found["follow"] = {**follow, "table": list(follow["table"])}
    assert {key: found[key] for key in parts} == parts


def check_denial(decision: Decision, *, expect: dict[str, Any]) -> None:
    reasons = "; ".join(decision.reasons)
    assert expect.get("says", "") in reasons, reasons
    assert "\n" not in reasons
    if "missing" not in expect:
        assert decision.missing is None
        return
    assert decision.missing is not None
    assert decision.missing.lacks.startswith(f"{expect['missing']}: "), decision.missing
    assert decision.missing.request == expect.get("request", decision.missing.request)


def laid_over(case: dict[str, Any]) -> dict[str, str]:
    if "grant" in case:
        return {"grants.yaml": f"- {case['grant']}\n"}
    if "replace" in case:
        file, old = case["replace"]["file"], case["replace"]["old"]
        text = files().files[file]
        assert old in text
        return {file: text.replace(old, case["replace"]["new"], 1)}
    if "column" in case:
        dataset = "  t.d:\n    table: d\n    columns: {c: " + case["column"] + ", n: {type: int64, class: public}}\n"
        return {"catalog/t.yaml": f"source: t\ndatasets:\n{dataset}"}
    changed: dict[str, str] = case["files"]
    return changed


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in vectors("refused")["cases"]])
def test_the_file_is_refused_and_says_where_and_why(case: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as raised:
        bundle(laid_over(case))
    assert raised.value.message.startswith(case["says"]), raised.value.message
    assert isinstance(raised.value, Unsupported) is case.get("unsupported", False)
    assert raised.value.code.endswith(".policy")
