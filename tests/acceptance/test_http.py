"""The contract of the HTTP door: formats, headers, receipts, catalog, audit, OpenAPI."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway import audit
from gateway.errors import GatewayError
from tests import bank
from tests.house import House, open_house
from tests.unit.http.door import caller, entries, open_door, size

SQL = "SELECT customer_id, region, income FROM core.customers"
ROWS = 12
"""Of Ana's regions among 48 customers."""
MEDIA = {
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "csv": "text/csv",
    "json": "application/json",
}
ROUTES = {
    "/health/live",
    "/health/ready",
    "/v1/access-requests",
    "/v1/access-requests/{proposal}",
    "/v1/access-requests/{proposal}/approve",
    "/v1/access-requests/{proposal}/deny",
    "/v1/audit/checkpoint",
    "/v1/audit/entries",
    "/v1/audit/proof/consistency",
    "/v1/audit/proof/inclusion",
    "/v1/dataset-versions",
    "/v1/dataset-versions/{version}",
    "/v1/dataset-versions/{version}/files/{path}",
    "/v1/datasets",
    "/v1/datasets/{name}",
    "/v1/explain",
    "/v1/extracts",
    "/v1/freshness",
    "/v1/grants",
    "/v1/grants/{grant}",
    "/v1/jobs",
    "/v1/jobs/{job}",
    "/v1/keys",
    "/v1/keys/destructions",
    "/v1/lineage",
    "/v1/models",
    "/v1/models/{name}/versions",
    "/v1/policies",
    "/v1/policies/diff",
    "/v1/policies/diff/{proposal}",
    "/v1/proposals",
    "/v1/proposals/{proposal}",
    "/v1/proposals/{proposal}/approve",
    "/v1/proposals/{proposal}/deny",
    "/v1/query",
    "/v1/receipts/{receipt}",
    "/v1/reidentifications",
    "/v1/reidentifications/{proposal}",
    "/v1/reidentifications/{proposal}/result",
}


class Front:
    """A house, its door, and a client for each person."""

    def __init__(self, house: House, url: str) -> None:
        self.house, self.url = house, url
        people = {
            "ana": bank.ANA[0],
            "bob": bank.ANA[0],
            "ida": "intern",
            "fay": "fraud-analyst",
            "aude": "auditor",
        }
        self._clients = {name: caller(url, house.token(name, role)) for name, role in people.items()}

    def __getitem__(self, name: str) -> httpx.Client:
        return self._clients[name]

    def query(self, name: str = "ana", *, form: str = "json", sql: str = SQL, **more: Any) -> httpx.Response:
        body = {"sql": sql, "purpose": bank.ANA[1], **more}
        return self[name].post("/v1/query", json=body, headers={"Accept": MEDIA[form]})

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    root = tmp_path_factory.mktemp("front")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source) as house, open_door(house.gateway.services()) as url:
        opened = Front(house, url)
        yield opened
        opened.close()


# Answers


def rows_of(form: str, body: bytes) -> tuple[list[tuple[Any, ...]], dict[str, Any] | None]:
    """Rows as texts, and the trailer where the format has one."""
    match form:
        case "json":
            document = json.loads(body)
            return [tuple(map(str, row)) for row in document["rows"]], document["trailer"]
        case "csv":
            _, *rows = csv.reader(io.StringIO(body.decode()))
            return [tuple(cell or "None" for cell in row) for row in rows], None
        case "parquet":
            table = pq.read_table(io.BytesIO(body))
            trailer = json.loads(pq.read_metadata(io.BytesIO(body)).metadata[b"gateway.trailer"])
        case _:
            with pa.ipc.open_stream(body) as reader:
                table, trailer = _arrow(reader)
    return [tuple(map(str, row.values())) for row in table.to_pylist()], trailer


def _arrow(reader: pa.RecordBatchStreamReader) -> tuple[pa.Table, dict[str, Any] | None]:
    batches, trailer = [], None
    while True:
        try:
            batch, metadata = reader.read_next_batch_with_custom_metadata()
        except StopIteration:
            return pa.Table.from_batches(batches), trailer
        batches.append(batch)
        trailer = json.loads(metadata[b"gateway.trailer"]) if metadata else None


@pytest.mark.parametrize("form", MEDIA)
def test_each_format_carries_the_same_rows_and_its_mark(front: Front, form: str) -> None:
    response = front.query(form=form)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(MEDIA[form])
    rows, trailer = rows_of(form, response.content)
    expected, _ = rows_of("json", front.query().content)
    assert sorted(rows) == sorted(expected)
    assert len(rows) == ROWS
    if form != "csv":
        assert trailer == {
            "receipt": response.headers["gateway-receipt"],
            "snapshot": "single-scan",
            "rows": ROWS,
            "status": "complete",
        }


@pytest.mark.parametrize("form", MEDIA)
def test_the_receipt_proves_that_the_body_is_whole(front: Front, form: str) -> None:
    response = front.query(form=form)
    nonce = bytes.fromhex(response.headers["gateway-receipt-nonce"])
    receipt = front["ana"].get(f"/v1/receipts/{response.headers['gateway-receipt']}").json()
    digest = hashlib.sha256(response.content).digest()
    assert (receipt["status"], receipt["rows"]) == ("ok", ROWS)
    assert receipt["body_hmac"] == hmac.digest(nonce, digest, "sha256").hex()
    assert {"dataset": "core.customers", "column": "income", "level": "full", "grant": "credit-risk-dev"} in receipt[
        "columns"
    ]


def test_the_receipt_does_not_tell_where_in_the_log_it_stands(front: Front) -> None:
    receipt = front["ana"].get(f"/v1/receipts/{front.query().headers['gateway-receipt']}").json()
    assert receipt.keys() == {"receipt", "time", "kind", "status", "rows", "body_hmac", "columns"}


def test_anothers_receipt_answers_like_an_unknown_one(front: Front) -> None:
    real = front.query().headers["gateway-receipt"]
    told = [front["bob"].get(f"/v1/receipts/{receipt}") for receipt in (real, "r_" + "0" * 32, "nothing")]
    assert {(response.status_code, response.content) for response in told} == {(403, told[0].content)}
    assert told[0].json()["code"] == "denied.receipt"


def test_the_headers_tell_levels_policy_and_snapshot(front: Front) -> None:
    headers = front.query().headers
    digest = front.house.gateway.control.policy.current().pdp.digest
    assert headers["gateway-decision"] == f"full=1, pseudonymized=2, aggregated=0, digest={digest[:16]}"
    assert headers["gateway-snapshot"] == "single-scan"
    assert re.fullmatch(r"r_[0-9a-f]{32}", headers["gateway-receipt"])
    assert re.fullmatch(r"[0-9a-f]{64}", headers["gateway-receipt-nonce"])


def test_without_accept_the_answer_is_json(front: Front) -> None:
    body = {"sql": SQL, "purpose": bank.ANA[1]}
    assert front["ana"].post("/v1/query", json=body).headers["content-type"] == "application/json"


def test_a_limit_in_the_body_shortens_the_answer(front: Front) -> None:
    assert len(front.query(limit=3).json()["rows"]) == 3
    assert front.query(limit=0).json()["rows"] == []


def test_a_named_grant_that_is_not_ones_own_is_denied(front: Front) -> None:
    response = front.query(grant="fraud-models-dev")
    assert (response.status_code, response.json()["code"]) == (403, "denied.grant")


# Explanations and the catalog


def test_explain_says_level_mask_and_rule_of_each_column_and_reads_nothing(front: Front) -> None:
    before = len(entries(front.house, kind="access"))
    told = front["ana"].post("/v1/explain", json={"sql": SQL, "purpose": bank.ANA[1]}).json()
    assert told["allowed"] is True
    levels = {column["column"]: (column["level"], column["mask"]) for column in told["columns"]}
    assert levels["customer_id"] == ("pseudonymized", "pseudonym")
    assert levels["income"] == ("full", "keep")
    assert all(column["grant"] == "credit-risk-dev" and ":" in column["rule"] for column in told["columns"])
    assert told["plan"]["scans"][0]["has_row_filter"] is True
    assert len(entries(front.house, kind="access")) == before


def test_explain_does_not_tell_the_row_filters_constants(front: Front) -> None:
    told = front["ana"].post("/v1/explain", json={"sql": SQL, "purpose": bank.ANA[1]}).text
    assert "'DE'" not in told


def test_explain_of_a_denial_is_an_answer_with_what_is_missing(front: Front) -> None:
    response = front["ida"].post("/v1/explain", json={"sql": SQL, "purpose": bank.ANA[1]})
    told = response.json()
    assert (response.status_code, told["allowed"], told["plan"], told["columns"]) == (200, False, None, [])
    assert told["missing"]["dataset"] == "core.customers"
    assert "income" in told["missing"]["lacks"]
    assert any("no-income-for-interns" in reason for reason in told["reasons"])


def test_explain_is_logged(front: Front) -> None:
    before = len(entries(front.house, action="explain"))
    front["ana"].post("/v1/explain", json={"sql": SQL, "purpose": bank.ANA[1]})
    assert len(entries(front.house, action="explain")) == before + 1


def test_the_catalog_hides_what_one_may_not_know_of(front: Front) -> None:
    names = [dataset["name"] for dataset in front["ana"].get("/v1/datasets").json()]
    assert names == sorted(names)
    assert "core.customers" in names
    assert "core.call_notes" not in names


def test_the_catalog_shows_ones_own_level_on_each_column(front: Front) -> None:
    levels = {
        name: {c["name"]: c["level"] for c in front[name].get("/v1/datasets/core.customers").json()["columns"]}
        for name in ("ana", "ida", "aude")
    }
    assert levels["ana"]["income"] == "full"
    assert levels["ida"]["income"] is None
    assert set(levels["aude"].values()) == {None}


# The auditor's desk

AUDIT = (
    "/v1/audit/entries",
    "/v1/audit/checkpoint",
    "/v1/audit/proof/inclusion?index=0",
    "/v1/audit/proof/consistency?old=1",
)


@pytest.mark.parametrize("path", AUDIT)
def test_the_log_is_for_auditors_and_a_refusal_is_logged(front: Front, path: str) -> None:
    response = front["ana"].get(path)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (403, "denied.capability")
    (entry,) = entries(front.house, receipt=problem["receipt"])
    assert (entry.kind, entry.payload["actor"]["principal"]) == ("denial", "ana")


def test_a_search_finds_who_saw_a_column_and_is_logged_itself(front: Front) -> None:
    receipt = front.query().headers["gateway-receipt"]
    front["ana"].get(f"/v1/receipts/{receipt}")
    asked = {"column": "core.customers.income", "principal": "ana", "result": "ok", "limit": "1000"}
    found = front["aude"].get("/v1/audit/entries", params=asked).json()
    assert receipt in [entry["payload"]["receipt"] for entry in found]
    assert {entry["payload"]["actor"]["principal"] for entry in found} == {"ana"}
    last = entries(front.house, action="audit-search")[-1]
    assert last.payload["actor"]["principal"] == "aude"
    assert last.payload["detail"]["column"] == "core.customers.income"


def test_the_checkpoint_is_signed_and_a_proof_leads_to_it(front: Front) -> None:
    front.query()
    verifier = audit.Verifier.parse(front.house.host.verifier_key(front.house.settings))
    before = audit.open_checkpoint(front["aude"].get("/v1/audit/checkpoint").text, verifier=verifier)
    index = before.size - 1
    proof = front["aude"].get("/v1/audit/proof/inclusion", params={"index": index}).json()
    stated = audit.open_checkpoint(proof["checkpoint"], verifier=verifier)
    hashes = [base64.b64decode(hashed) for hashed in proof["hashes"]]
    leaf = audit.leaf_hash(proof["leaf"].encode())
    assert audit.is_included(index, size=stated.size, leaf=leaf, root=stated.root, proof=hashes)
    assert not audit.is_included(index - 1, size=stated.size, leaf=leaf, root=stated.root, proof=hashes)

    grown = front["aude"].get("/v1/audit/proof/consistency", params={"old": before.size}).json()
    newer = audit.open_checkpoint(grown["checkpoint"], verifier=verifier)
    path = [base64.b64decode(hashed) for hashed in grown["hashes"]]
    assert newer.size > before.size
    assert audit.is_consistent(before.size, size=newer.size, old_root=before.root, root=newer.root, proof=path)


def test_a_proof_shows_an_entry_so_it_is_logged_like_a_search(front: Front) -> None:
    front["aude"].get("/v1/audit/proof/inclusion", params={"index": 0})
    assert entries(front.house, action="audit-proof")[-1].payload["detail"] == {"index": 0}


@pytest.mark.parametrize("query", ["inclusion?index=999999", "inclusion?index=-1", "inclusion?index=0&size=0"])
def test_a_proof_of_nothing_is_refused(front: Front, query: str) -> None:
    assert front["aude"].get(f"/v1/audit/proof/{query}").status_code == 422


def test_listing_ones_own_receipts_and_datasets_adds_no_entry(front: Front) -> None:
    receipt = front.query().headers["gateway-receipt"]
    front["ana"].get(f"/v1/receipts/{receipt}")
    before = size(front.house)
    front["ana"].get(f"/v1/receipts/{receipt}")
    front["ana"].get("/v1/datasets")
    assert size(front.house) == before


# The door itself


def test_openapi_lists_every_route_and_no_other(front: Front) -> None:
    document = httpx.get(f"{front.url}/openapi.json").json()
    assert document["paths"].keys() == ROUTES


def test_every_data_route_of_openapi_wants_a_token(front: Front) -> None:
    document = httpx.get(f"{front.url}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            assert bool(described.get("security")) == path.startswith("/v1/"), path
            if path.startswith("/v1/"):
                answer = httpx.request(
                    method, front.url + path, json={"sql": SQL, "purpose": "x"}, params={"index": 0, "old": 1}
                )
                assert answer.status_code == 401, path


def test_there_is_no_browsable_page(front: Front) -> None:
    assert {httpx.get(f"{front.url}{path}").status_code for path in ("/docs", "/redoc", "/")} == {404}


def test_health_needs_no_token_and_names_what_the_kernel_gives(front: Front) -> None:
    told = httpx.get(f"{front.url}/health/ready").json()
    assert told["ready"] is True
    assert told["isolation"]


def test_a_foreign_exception_becomes_500_without_its_text(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("ZQX-VALUE of a row")

    monkeypatch.setattr(front.house.gateway.control.log_store, "search", broken)
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    logging.getLogger("uvicorn.error").addHandler(handler)
    response = front["aude"].get("/v1/audit/entries")
    logging.getLogger("uvicorn.error").removeHandler(handler)
    assert (response.status_code, response.json()["code"]) == (500, "integrity.internal")
    assert "ZQX" not in response.text + caplog.text + told.getvalue()
    assert "KeyError" in caplog.text


def test_a_foreign_exception_in_an_answer_is_told_without_its_text(
    front: Front, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("ZQX-VALUE of a row")

    monkeypatch.setattr(front.house.gateway.sandbox, "execute", broken)
    response = front.query()
    assert (response.status_code, response.json()["code"]) == (500, "integrity.internal")
    seen = capfd.readouterr()
    assert "ZQX" not in response.text + caplog.text + seen.out + seen.err
    assert (entries(front.house, kind="access")[-1].result) == "failed"


def test_an_error_of_an_answer_carries_its_receipt(front: Front) -> None:
    """A failure after the access entry has an entry too; its receipt lets one ask for it."""
    problem = front.query(sql="SELECT CAST(region AS INTEGER) AS x FROM core.customers").json()
    assert problem["code"] == "invalid.execution"
    (access,) = entries(front.house, receipt=problem["receipt"], kind="access")
    assert (access.result, access.outcome["code"]) == ("failed", "invalid.execution")


def test_the_errors_of_the_tree_have_their_statuses(front: Front) -> None:
    from gateway.http.problems import problem

    kinds = {kind.kind: problem(kind("x", code="y")).status_code for kind in _leaves(GatewayError)}
    assert kinds == {
        "invalid": 422,
        "unsupported": 422,
        "unauthenticated": 401,
        "denied": 403,
        "exhausted": 429,
        "unavailable": 503,
        "integrity": 500,
    }


def _leaves(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [found for child in kind.__subclasses__() for found in (child, *_leaves(child))]
