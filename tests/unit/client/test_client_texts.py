"""What the SDK prints and raises."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

import gateway.client as gw
from gateway.client.answers.decision import decision_of
from gateway.client.errors import refusal
from gateway.client.extracts.spec import spec_document
from tests.unit.client.origin import Reply, open_origin

COLUMN = {"dataset": "core.c", "column": "x", "level": "full", "grant": "g"}
TOLD = {**COLUMN, "mask": "bucket", "parameters": {"step": 5}, "domain": "money", "use": "value", "rule": "a.yaml:1 x"}
ALLOWED = {"allowed": True, "purpose": "p", "environment": "dev", "columns": [TOLD], "reasons": [], "missing": None}
HEADER = "full=1, pseudonymized=0, aggregated=0, digest=0123456789abcdef"
RECEIPT = {"receipt": "r_1", "columns": [COLUMN]}


def explanation(**changes: object) -> gw.Explanation:
    return gw.Explanation({**ALLOWED, "digest": "0123456789abcdef" * 4, **changes})


def test_a_decision_names_mask_and_rule_where_policy_and_receipt_agree() -> None:
    (column,) = decision_of(HEADER, RECEIPT, explanation()).columns
    assert (column.level, column.mask, column.rule) == ("full", "bucket(step=5) in money", "a.yaml:1 x")


OTHER = {
    "another policy": {"digest": "f" * 64},
    "another level": {"columns": [{**TOLD, "level": "pseudonymized"}]},
    "another grant": {"columns": [{**TOLD, "grant": "h"}]},
    "a column more": {"columns": [TOLD, {**TOLD, "column": "y"}]},
    "denied now": {"allowed": False, "columns": []},
}


@pytest.mark.parametrize("difference", OTHER)
def test_a_decision_leaves_them_empty_where_they_may_not_be_what_made_the_answer(difference: str) -> None:
    decision = decision_of(HEADER, RECEIPT, explanation(**OTHER[difference]))
    (column,) = decision.columns
    assert (column.level, column.grant, column.mask, column.rule) == ("full", "g", "", "")
    assert "?" in str(decision)


def test_a_denial_prints_reasons_and_the_way_out() -> None:
    missing = {"dataset": "core.c", "lacks": "x", "request": "gateway request core.c --purpose p"}
    told = explanation(allowed=False, reasons=["because"], missing=missing)
    assert str(told) == "denied for p in dev\n  · because\n  → gateway request core.c --purpose p"
    assert told.fix == missing["request"]


def test_what_acts_on_a_terminal_is_escaped() -> None:
    told = str(explanation(allowed=False, reasons=["a\x1b[31m\u202eb"], purpose="p\r"))
    assert "\\u001b[31m\\u202eb" in told
    error = str(refusal({"code": "denied.grant", "detail": "x\x1b]0;", "fix": "do\x07"}, status=403, path="/"))
    assert error == "denied.grant: x\\u001b]0;\n  → do\\u0007"


KINDS = {
    "invalid.sql": gw.InvalidRequest,
    "unsupported.function": gw.InvalidRequest,
    "unauthenticated": gw.Unauthenticated,
    "denied.columns": gw.PolicyDenied,
    "exhausted.memory": gw.LimitReached,
    "unavailable.source": gw.Unavailable,
    "integrity.internal": gw.Damaged,
    "http.404": gw.Refused,
}


@pytest.mark.parametrize("code", KINDS)
def test_each_code_has_its_type(code: str) -> None:
    assert type(refusal({"code": code}, status=400, path="/v1/query")) is KINDS[code]


def test_an_expired_proposal_is_no_stale_version() -> None:
    expired = {"code": "denied.expired"}
    assert type(refusal(expired, status=403, path="/v1/proposals/p-1/approve")) is gw.PolicyDenied
    assert type(refusal(expired, status=403, path="/v1/dataset-versions/a@1/files/x")) is gw.StaleVersion
    assert type(refusal({"code": "invalid.expired"}, status=422, path="/v1/models")) is gw.StaleVersion


def test_a_body_that_is_no_problem_document_is_still_an_error() -> None:
    for body in (b"<html>", b"[1]", b""):
        with (
            open_origin(lambda _, body=body: Reply(status=404, body=body)) as (url, _),
            gw.connect(url, "t") as g,
            pytest.raises(gw.Refused, match=r"http\.404"),
        ):
            g.datasets()


def test_a_spec_is_a_file_or_keys_with_changes(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("name: a\nsql: SELECT 1\n")
    assert spec_document(str(file), {"name": "b", "grant": None}) == {"name": "b", "sql": "SELECT 1"}
    assert spec_document({"name": "a"}, {}) == {"name": "a"}


@pytest.mark.parametrize("text", ["- a", "a: [ZQX", "1: 2", "\xff", "!!python/object/apply:os.system [id]"])
def test_a_file_that_is_no_spec_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"spec\.yaml") as refused:
        spec_document(file, {})
    assert "ZQX" not in str(refused.value)


@pytest.mark.parametrize(
    ("age", "sent"),
    [
        (datetime.timedelta(days=7), b'"7d"'),
        (datetime.timedelta(hours=36), b'"36h"'),
        (datetime.timedelta(minutes=90), b'"90m"'),
    ],
)
def test_an_age_is_sent_in_the_contracts_form(age: datetime.timedelta, sent: bytes) -> None:
    with open_origin(lambda _: Reply(status=201, body=b"{}")) as (url, calls), gw.connect(url, "t") as g:
        g.register_model("m", "1", ["d@1"], max_age=age)
    assert sent in calls[0].body
    with gw.connect(url, "t") as g, pytest.raises(ValueError, match="whole minutes"):
        g.register_model("m", "1", ["d@1"], max_age=datetime.timedelta(seconds=90))
