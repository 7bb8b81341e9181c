"""Downloads from a gateway whose connections break, or that sends other bytes than it signed."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gateway.client as gw
from gateway.client.extracts import download
from tests.unit.client.origin import Call, Reply, open_origin


def parquet(rows: int) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": range(rows)}), sink, compression="none")
    return sink.getvalue()


FILES = {"bucket-00.parquet": parquet(5000), "bucket-01.parquet": parquet(7000), "bucket-02.parquet": parquet(10)}


def manifest(files: dict[str, bytes]) -> dict[str, Any]:
    listed = [
        {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()
    ]
    return {"name": "d", "version": 1, "columns": [{"name": "n", "level": "full"}], "files": listed}


def gateway(
    files: Callable[[str, Call], Reply | None], *, told: dict[str, Any] | None = None
) -> Callable[[Call], Reply | None]:
    """A gateway with the version d@1."""
    document = told or manifest(FILES)
    signed = json.dumps(document).encode()
    detail = {
        "id": "d@1",
        "rows": 1,
        "purpose": "p",
        "expires": "never",
        "watermark": None,
        "manifest": document,
        "manifest_sha256": hashlib.sha256(signed).hexdigest(),
        "signature": "note",
    }

    def answer(call: Call) -> Reply | None:
        name = call.path.rpartition("/")[2]
        if name == "d@1":
            return Reply(body=json.dumps(detail).encode())
        return Reply(body=signed) if name == "manifest.json" else files(name, call)

    return answer


def whole(name: str, call: Call) -> Reply:
    """Ranges as a real server sends them."""
    data = FILES[name]
    asked = re.fullmatch(r"bytes=(\d+)-", call.headers.get("Range", ""))
    if asked is None:
        return Reply(body=data)
    first = int(asked[1])
    return Reply(status=206, body=data[first:], headers={"Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"})


def fetched(calls: list[Call]) -> list[tuple[str, str]]:
    return [
        (call.path.rpartition("/")[2], call.headers.get("Range", "")) for call in calls if call.path.endswith("parquet")
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.01)


def test_all_files_arrive_and_a_second_download_fetches_none(tmp_path: Path) -> None:
    with open_origin(gateway(whole)) as (url, calls), gw.connect(url, "gw_x") as g:
        g.version("d@1").download(tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")} == FILES
        assert len(fetched(calls)) == 3
        g.version("d@1").download(tmp_path)
        assert len(fetched(calls)) == 3
        assert g.version("d@1").to_arrow().num_rows == 12010
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_broke_off_goes_on_where_it_broke(tmp_path: Path) -> None:
    broken: set[str] = set()

    def breaking(name: str, call: Call) -> Reply:
        reply = whole(name, call)
        if name in broken:
            return reply
        broken.add(name)
        return Reply(status=reply.status, body=reply.body, headers=reply.headers, cut=len(reply.body) // 2)

    with open_origin(gateway(breaking)) as (url, calls), gw.connect(url, "gw_x") as g:
        version = g.version("d@1")
        version.verify(version.download(tmp_path))
    assert ("bucket-00.parquet", f"bytes={len(FILES['bucket-00.parquet']) // 2}-") in fetched(calls)
    assert len(fetched(calls)) == 6


def test_a_later_session_goes_on_too(tmp_path: Path) -> None:
    half = len(FILES["bucket-01.parquet"]) // 2
    tmp_path.joinpath("bucket-01.parquet.part").write_bytes(FILES["bucket-01.parquet"][:half])
    with open_origin(gateway(whole)) as (url, calls), gw.connect(url, "gw_x") as g:
        version = g.version("d@1")
        version.verify(version.download(tmp_path))
    assert ("bucket-01.parquet", f"bytes={half}-") in fetched(calls)


def test_a_server_without_ranges_sends_it_whole(tmp_path: Path) -> None:
    tmp_path.joinpath("bucket-01.parquet.part").write_bytes(FILES["bucket-01.parquet"][:100])
    with open_origin(gateway(lambda name, _: Reply(body=FILES[name]))) as (url, _), gw.connect(url, "gw_x") as g:
        version = g.version("d@1")
        version.verify(version.download(tmp_path))


def changed(name: str, call: Call) -> Reply:
    return Reply(body=FILES[name].replace(b"\x07", b"\x08", 1))


def longer(name: str, call: Call) -> Reply:
    return Reply(body=FILES[name] + b"x")


def other_range(name: str, call: Call) -> Reply:
    return Reply(status=206, body=FILES[name], headers={"Content-Range": "bytes 7-9/10"})


def never_whole(name: str, call: Call) -> Reply:
    return Reply(body=FILES[name], cut=0)


@pytest.mark.parametrize("files", [changed, longer, other_range, never_whole])
def test_other_bytes_than_signed_are_incomplete_and_leave_no_file(
    tmp_path: Path, files: Callable[[str, Call], Reply]
) -> None:
    with open_origin(gateway(files)) as (url, _), gw.connect(url, "gw_x") as g:
        with pytest.raises(gw.Incomplete):
            g.version("d@1").download(tmp_path)
        with pytest.raises(gw.Incomplete):
            g.version("d@1").to_arrow()
        with pytest.raises(gw.Incomplete):
            g.version("d@1").verify(tmp_path)
        assert g.register_model.__name__  # the session has read nothing:
        with pytest.raises(ValueError, match="leave it out"):
            g.register_model("m", "1", ["d@1"], evidence="sdk")
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize(
    "path", ["../evil.parquet", "/tmp/evil.parquet", "manifest.json", ".x.parquet", "a/b.parquet", ""]
)
def test_a_manifest_cannot_name_a_file_outside_of_its_folder(tmp_path: Path, path: str) -> None:
    told = manifest({path: b"evil"})
    folder = tmp_path / "in" / "here"
    with (
        open_origin(gateway(lambda *_: Reply(body=b"evil"), told=told)) as (url, _),
        gw.connect(url, "gw_x") as g,
        pytest.raises(gw.Incomplete, match="none of a dataset version"),
    ):
        g.version("d@1").download(folder)
    assert {found.name for found in tmp_path.rglob("*") if found.is_file()} <= {"manifest.json", "manifest.sig"}


def test_another_manifest_than_the_told_one_is_incomplete(tmp_path: Path) -> None:
    honest = gateway(whole)

    def lying(call: Call) -> Reply | None:
        return Reply(body=b"{}") if call.path.endswith("manifest.json") else honest(call)

    with open_origin(lying) as (url, _), gw.connect(url, "gw_x") as g, pytest.raises(gw.Incomplete, match="manifest"):
        g.version("d@1").download(tmp_path)


def test_a_link_in_the_folder_is_not_written_through(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "bucket-00.parquet.part").symlink_to(target)
    with open_origin(gateway(whole)) as (url, _), gw.connect(url, "gw_x") as g, pytest.raises(OSError):
        g.version("d@1").download(folder)
    assert target.read_text() == "mine"


def test_an_expired_version_is_stale(tmp_path: Path) -> None:
    expired = Reply(status=403, body=b'{"code": "denied.expired", "detail": "this version has expired"}')
    with (
        open_origin(gateway(lambda *_: expired)) as (url, _),
        gw.connect(url, "gw_x") as g,
        pytest.raises(gw.StaleVersion, match="expired"),
    ):
        g.version("d@1").download(tmp_path)
