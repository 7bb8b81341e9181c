"""T21 and the manifest's promise: any changed byte is found offline, and nothing in it lets a guess be tested.

Without the signature, the hashes, or the nonce under `sql_hmac` these tests fail.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rfc8785

from etl.manifest import note_text, verify
from gateway.errors import Invalid
from gateway.keys import NoteSigner
from gateway.terms.extract import DatasetVersion
from gateway.terms.key import Key
from tests import bank
from tests.house import open_house
from tests.unit.etl.factory import Factory, factory, manifest
from tests.unit.http.door import entries

FILES = ("manifest.json", "manifest.sig", "bucket-00.parquet")
GUESS = "SELECT customer_id, income FROM core.customers WHERE income > 50000"


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Factory]:
    root = tmp_path_factory.mktemp("manifest")
    source = bank.write(bank.first_world(), root / "core.db")
    with open_house(root, bank=source) as house:
        yield factory(house)


@pytest.fixture(scope="module")
def version(works: Factory) -> DatasetVersion:
    return works.made(works.house.token("ana", bank.ANA[0]), name="sealed", sql=GUESS)


@pytest.fixture(scope="module")
def key(works: Factory) -> str:
    return works.shop.signer.verifier_key


@pytest.fixture
def copy(works: Factory, version: DatasetVersion, tmp_path: Path) -> Path:
    """The version as a recipient holds it."""
    return Path(shutil.copytree(works.folder(version), tmp_path / "copy"))


def findings(folder: Path, key: str) -> tuple[str, ...]:
    return verify(folder, verifier_key=key).findings


def test_an_untouched_copy_verifies_with_progress(copy: Path, key: str, version: DatasetVersion) -> None:
    seen: list[tuple[int, int]] = []
    found = verify(copy, verifier_key=key, progress=lambda done, total: seen.append((done, total)))
    assert found.ok
    assert (found.version, found.rows, found.bytes, found.files) == (version.id, version.rows, version.bytes, 1)
    assert seen[-1] == (version.bytes, version.bytes)


@pytest.mark.parametrize("name", ["manifest.json", "manifest.sig"])
def test_every_changed_byte_of_manifest_and_signature_is_found(copy: Path, key: str, name: str) -> None:
    whole = (copy / name).read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        (copy / name).write_bytes(changed)
        assert findings(copy, key), f"byte {place} of {name} was changed"
    (copy / name).write_bytes(whole)
    assert not findings(copy, key)


def test_every_changed_byte_of_a_data_file_is_found_and_the_file_named(copy: Path, key: str) -> None:
    path = copy / "bucket-00.parquet"
    whole = path.read_bytes()
    draw = random.Random(21)
    for place in {0, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(300))}:
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
        (told,) = findings(copy, key)
        assert told.startswith("bucket-00.parquet: its SHA-256")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "file missing": (lambda folder: (folder / FILES[2]).unlink(), "bucket-00.parquet: it is missing"),
    "file cut": (lambda folder: (folder / FILES[2]).write_bytes(b"PAR1"), "bucket-00.parquet: it has 4 bytes"),
    "file added": (lambda folder: (folder / "bucket-01.parquet").write_bytes(b""), "'bucket-01.parquet': not part"),
    "folder added": (lambda folder: (folder / "more").mkdir(), "'more': not part"),
    "manifest missing": (lambda folder: (folder / FILES[0]).unlink(), "manifest.json: there is no such file"),
    "signature missing": (lambda folder: (folder / FILES[1]).unlink(), "manifest.sig: there is no such file"),
    "signature no text": (lambda folder: (folder / FILES[1]).write_bytes(b"\xff"), "manifest.sig: it is no text"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(copy: Path, key: str, damage: str) -> None:
    act, said = DAMAGES[damage]
    act(copy)
    (told,) = findings(copy, key)
    assert told.startswith(said)


def test_a_link_in_place_of_a_file_is_no_file(copy: Path, key: str, tmp_path: Path) -> None:
    for name in FILES:
        shutil.move(copy / name, tmp_path / name)
        (copy / name).symlink_to(tmp_path / name)
        assert findings(copy, key)
        (copy / name).unlink()
        shutil.move(tmp_path / name, copy / name)


def test_another_version_of_the_same_gateway_does_not_pass_for_this_one(works: Factory, copy: Path, key: str) -> None:
    other = works.folder(works.made(works.house.token("ana", bank.ANA[0]), name="sealed"))
    shutil.copy(other / "bucket-00.parquet", copy / "bucket-00.parquet")
    assert findings(copy, key)
    shutil.copy(other / "manifest.json", copy / "manifest.json")
    assert findings(copy, key) == ("manifest.json: it is not what was signed",)
    shutil.copy(other / "manifest.sig", copy / "manifest.sig")
    assert not findings(copy, key)


STRANGER = NoteSigner("gateway/audit", seed=Key(b"s" * 32))


def resigned(works: Factory, folder: Path, document: object, *, signer: NoteSigner | None = None) -> None:
    """Sign changed content as the gateway would (or as somebody else)."""
    content = document if isinstance(document, bytes) else rfc8785.dumps(document)
    (folder / "manifest.json").write_bytes(content)
    told = json.loads(content)
    note = (signer or works.shop.signer).sign(note_text(f"{told['name']}@{told['version']}", content))
    (folder / "manifest.sig").write_text(note)


def test_another_keys_signature_is_refused(works: Factory, copy: Path, key: str) -> None:
    resigned(works, copy, json.loads((copy / "manifest.json").read_bytes()), signer=STRANGER)
    assert findings(copy, key) == ("manifest.sig: it is signed with another key",)
    with pytest.raises(Invalid):
        verify(copy, verifier_key="no key")


def test_a_checkpoints_or_proposals_note_is_no_dataset_signature(works: Factory, copy: Path, key: str) -> None:
    newest = works.shop.checkpoint()
    assert newest is not None
    (copy / "manifest.sig").write_text(newest.note)
    assert findings(copy, key) == ("manifest.sig: it signs something else than a dataset",)


def edited(copy: Path, edit: Callable[[dict], object]) -> dict:
    document = json.loads((copy / "manifest.json").read_bytes())
    edit(document)
    return document


LIES: dict[str, Callable[[dict], object]] = {
    "rows": lambda d: d["files"][0].update(rows=d["files"][0]["rows"] + 1),
    "bucket": lambda d: d["files"][0].update(bucket=3),
    "column type": lambda d: d["columns"][0].update(type="int64"),
    "column name": lambda d: d["columns"][0].update(name="client_id"),
    "column left out": lambda d: d["columns"].pop(),
    "file outside": lambda d: d["files"][0].update(path="../secret"),
    "file twice": lambda d: d["files"].append(d["files"][0]),
    "no files": lambda d: d.update(files=[]),
    "key more": lambda d: d.update(extra=1),
    "key less": lambda d: d.pop("purpose"),
    "other format": lambda d: d.update(format="gateway-dataset/2"),
    "negative size": lambda d: d["files"][0].update(bytes=-1),
    "bool for rows": lambda d: d["files"][0].update(rows=True),
    "another log": lambda d: d["audit"].update(origin="other/log"),
    "access beyond the checkpoint": lambda d: d["audit"].update(access_index=10**9),
    "no checkpoint": lambda d: d["audit"].update(checkpoint=""),
    "audit no mapping": lambda d: d.update(audit=[]),
}


@pytest.mark.parametrize("lie", LIES)
def test_even_a_signed_manifest_must_agree_with_its_files(works: Factory, copy: Path, key: str, lie: str) -> None:
    resigned(works, copy, edited(copy, LIES[lie]))
    assert findings(copy, key)


def test_a_signed_manifest_that_is_not_canonical_is_refused(works: Factory, copy: Path, key: str) -> None:
    document = json.loads((copy / "manifest.json").read_bytes())
    resigned(works, copy, json.dumps(document, indent=1).encode())
    assert findings(copy, key) == ("manifest.json: it is not canonical JSON (RFC 8785)",)


def test_a_file_of_right_hash_that_is_no_parquet_is_found(works: Factory, copy: Path, key: str) -> None:
    content = b"PAR1 not really PAR1"
    (copy / "bucket-00.parquet").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    resigned(works, copy, edited(copy, lambda d: d["files"][0].update(bytes=len(content), sha256=digest)))
    assert findings(copy, key) == ("bucket-00.parquet: it is no Parquet file",)


def test_a_file_of_right_hash_with_other_columns_is_found(works: Factory, copy: Path, key: str) -> None:
    path = copy / "bucket-00.parquet"
    rows = pq.read_table(path).num_rows
    pq.write_table(pa.table({"iban": ["x"] * rows}), path)
    facts = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    resigned(works, copy, edited(copy, lambda d: d["files"][0].update(facts)))
    assert findings(copy, key) == ("bucket-00.parquet: its columns are not those of the manifest",)


def test_nothing_in_manifest_or_log_confirms_a_guess_about_the_sql(works: Factory, version: DatasetVersion) -> None:
    told = version.manifest.decode() + version.signature + str([e.payload for e in entries(works.house)])
    guesses = {
        hashlib.sha256(GUESS.encode()).hexdigest(),
        hmac.digest(b"", GUESS.encode(), "sha256").hex(),
        base64.b64encode(hashlib.sha256(GUESS.encode()).digest()).decode(),
        "50000",
    }
    assert not [guess for guess in guesses if guess in told]
    opened = hmac.digest(bytes.fromhex(version.nonce), GUESS.encode(), "sha256").hex()
    assert manifest(version)["sql_hmac"] == opened  # with the requester's nonce, and only with it
    assert version.nonce not in told


def test_the_same_sql_has_another_hmac_in_each_version(works: Factory, version: DatasetVersion) -> None:
    again = works.made(works.house.token("ana", bank.ANA[0]), name="sealed", sql=GUESS)
    for commitment in ("sql_hmac", "plan_hmac"):
        assert manifest(again)[commitment] != manifest(version)[commitment]
