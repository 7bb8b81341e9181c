"""What a published version holds and tells, and who can read it."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import stat

import pyarrow.parquet as pq

from etl.manifest import verify
from tests import bank
from tests.unit.etl.factory import ROWS, SQL, Factory, credentials, manifest
from tests.unit.http.door import entries


def test_a_published_version_verifies_and_holds_what_the_query_releases(works: Factory, ana: str) -> None:
    version = works.made(ana, name="first")
    found = verify(works.folder(version), verifier_key=works.shop.signer.verifier_key)
    assert found.ok, found.findings
    assert (version.number, version.rows, found.rows) == (1, ROWS, ROWS)
    told = manifest(version)
    (file,) = told["files"]
    table = pq.read_table(works.folder(version) / file["path"])
    assert table.column_names == ["customer_id", "region", "income"]
    assert set(table["region"].to_pylist()) == set(bank.VISIBLE)


def test_the_manifest_says_what_was_decided(works: Factory, ana: str) -> None:
    version = works.made(ana, name="told", max_age=datetime.timedelta(days=7), retention_days=30)
    told = manifest(version)
    by_name = {column["name"]: column for column in told["columns"]}
    assert by_name["customer_id"] == {
        "name": "customer_id",
        "type": "string",
        "level": "pseudonymized",
        "mask": "pseudonym",
        "leaks": by_name["customer_id"]["leaks"],
        "domain": "customer",
        "sources": [["core.customers", "customer_id"]],
    }
    assert (by_name["income"]["level"], by_name["income"]["mask"]) == ("full", "keep")
    assert (told["name"], told["version"], told["purpose"], told["project"]) == ("told", 1, bank.ANA[1], "credit-risk")
    assert (told["environment"], told["grants"], told["subject"]) == ("dev", ["credit-risk-dev"], "customer_id")
    assert told["key_epochs"] == {"credit-risk": 1}
    assert told["policy_digest"] == works.house.gateway.control.policy.current().pdp.digest
    assert told["parent"] is None
    assert told["risk"] is None
    assert told["snapshot"]["consistency"] == "single-scan"
    assert [source["dataset"] for source in told["snapshot"]["sources"]] == ["core.customers"]
    assert version.watermark is not None
    assert told["snapshot"]["sources"][0]["watermark"] == version.watermark.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert version.expires - version.created == datetime.timedelta(days=30)


def test_the_next_version_names_its_parent(works: Factory, ana: str) -> None:
    first, second = (works.made(ana, name="series") for _ in range(2))
    assert (first.number, second.number) == (1, 2)
    assert manifest(second)["parent"] == "series@1"


def test_nothing_of_an_extract_is_readable_by_others(works: Factory, ana: str) -> None:
    version = works.made(ana, name="private")
    folder = works.folder(version)
    for path in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    link = folder.parent / "1"
    assert link.is_symlink()
    assert link.resolve() == folder.resolve()


def test_an_extract_is_one_access_with_outcome_and_three_events(works: Factory, ana: str) -> None:
    version = works.made(ana, name="logged", sql=f"{SQL} WHERE region <> 'ZQX-LITERAL'")
    job = works.stock.queue.find(version.job)
    assert job is not None
    (access,) = entries(works.house, receipt=job.receipt, kind="access")
    assert (access.result, access.payload["actor"]["door"]) == ("ok", "job")
    assert access.outcome["rows"] == ROWS
    assert manifest(version)["audit"]["access_index"] == access.index
    told = [entry.payload for entry in entries(works.house, kind="event") if "logged" in str(entry.payload)]
    assert [payload["action"] for payload in told] == ["extract-submit", "extract-publish"]
    assert told[1]["detail"] == {
        "version": "logged@1",
        "job": job.id,
        "receipt": job.receipt,
        "manifest_sha256": hashlib.sha256(version.manifest).hexdigest(),
    }
    assert "ZQX-LITERAL" not in str([entry.payload for entry in entries(works.house)])


def test_only_the_requester_can_connect_the_manifest_with_sql(works: Factory, ana: str) -> None:
    version = works.made(ana, name="nonce")
    job, told = works.desk.job(credentials(ana), version.job)
    assert told == version
    expected = hmac.digest(bytes.fromhex(told.nonce), job.spec.sql.encode(), "sha256").hex()
    assert manifest(version)["sql_hmac"] == expected
    assert told.nonce not in version.manifest.decode() + version.signature
    assert told.nonce not in str([entry.payload for entry in entries(works.house)])
    (access,) = entries(works.house, receipt=job.receipt, kind="access")
    assert access.payload["sql_hmac"] == expected


def test_the_signature_is_over_the_manifests_hash(works: Factory, ana: str) -> None:
    version = works.made(ana, name="signed")
    digest = base64.b64encode(hashlib.sha256(version.manifest).digest()).decode()
    assert version.signature.startswith(f"gateway-dataset/1\nsigned@1\n{digest}\n\n— ")


def test_released_values_only(works: Factory, ana: str) -> None:
    sql = "SELECT * FROM core.customers"
    version = works.made(ana, name="canaries", sql=sql)
    content = b"".join(path.read_bytes() for path in works.folder(version).iterdir())
    table = pq.read_table(works.folder(version) / "bucket-00.parquet")
    seen = {str(value).upper() for column in table.columns for value in column.to_pylist()}
    hidden = {canary.upper() for canary in bank.canaries(bank.first_world())}
    assert not seen & hidden
    assert b"ZQX-NAME" not in content
