"""No part of an answer passes for the whole: cut at every byte or message, by the SDK, by the command line, by hand.

The hand is the code of docs/answers.md, run as it stands there. Between gateway and client stands a proxy that cuts a
body and closes it in good order, so that nothing but the marks can tell.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from gateway import delivery
from gateway.app import Host
from gateway.cli.group import cli
from gateway.client import Client, Incomplete
from gateway.client.wire.arrow import ArrowAnswer
from tests import bank
from tests.house import open_house
from tests.unit.http.door import OWNER, big_bank, caller, open_door

FORMS = delivery.FORMATS
SMALL = "SELECT region, segment, income FROM core.customers"
LARGE = "SELECT transaction_id, amount, category, currency FROM core.transactions"
BY_NAME = {"arrow": "arrow", "parquet": "parquet", "csv": "csv", "json": "json"}
"""What the command line calls them."""
UNAVAILABLE = 3
"""The exit status of a command whose answer did not come whole."""
HOP = {"transfer-encoding", "content-length", "connection", "date", "server"}


def documented() -> dict[str, Any]:
    """The functions of docs/answers.md."""
    page = (Path(__file__).parents[2] / "docs/answers.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    return names


PAGE = documented()
trailer_of: Callable[[bytes, str], dict[str, Any] | None] = PAGE["trailer"]
is_confirmed: Callable[[bytes, str, Mapping[str, Any]], bool] = PAGE["is_confirmed"]


class Cutter:
    """Passes calls on; of an answer it passes on the first `length` bytes, and says that this was all."""

    def __init__(self, url: str) -> None:
        self.length: int | None = None
        self._client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._kept: dict[str, httpx.Response] = {}
        """Answers by the call that they belong to: cutting one in a hundred places asks for it once."""
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._client.close()

    def fetch(self, method: str, path: str, headers: dict[str, str], content: bytes) -> tuple[httpx.Response, bytes]:
        key = f"{headers.get('accept')} {content!r}"
        response = self._kept.get(key) if method == "POST" else None
        if response is None:
            response = self._client.request(method, path, headers=headers, content=content)
        if method != "POST" or response.status_code != 200:
            return response, response.content
        self._kept[key] = response
        return response, response.content[: self.length]

    def _handler(cutter: Cutter) -> type[http.server.BaseHTTPRequestHandler]:  # noqa: N805 - the inner one has a self
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length", 0)))
                wanted = ("accept", "authorization", "content-type")
                headers = {name: self.headers[name] for name in wanted if name in self.headers}
                response, body = cutter.fetch(self.command, self.path, headers, content)
                self.send_response(response.status_code)
                for name, value in response.headers.items():
                    if name not in HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the server's name for it

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        return Handler


class Front:
    def __init__(self, url: str, tokens: dict[str, str], root: Path) -> None:
        self.url, self.tokens, self.root = url, tokens, root
        self.cutter = Cutter(url)

    def whole(self, form: str, *, sql: str = SMALL, who: str = "ana") -> httpx.Response:
        purpose = bank.ANA[1] if who == "ana" else OWNER[1]
        with caller(self.url, self.tokens[who]) as client:
            accept = {"Accept": delivery.media_type(form)}
            response = client.post("/v1/query", json={"sql": sql, "purpose": purpose}, headers=accept)
        assert response.status_code == 200
        return response

    def receipt(self, response: httpx.Response, *, who: str = "ana") -> dict[str, Any]:
        with caller(self.url, self.tokens[who]) as client:
            found = client.get(f"/v1/receipts/{response.headers['gateway-receipt']}")
        return found.json()  # type: ignore[no-any-return]  # the gateway's document


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    root = tmp_path_factory.mktemp("cuts")
    source = big_bank(root / "core.db", transactions=60_000)
    with (
        open_house(root, bank=source, max_json_rows=100_000, requests_per_minute=100_000) as house,
        open_door(house.gateway.services()) as url,
    ):
        tokens = {"ana": house.token("ana", bank.ANA[0]), "otto": house.token("otto", OWNER[0], environment="prod")}
        opened = Front(url, tokens, root)
        with contextlib.closing(opened.cutter):
            yield opened


def ends(form: str, body: bytes) -> set[int]:
    """Where a message, row group, row or line ends: there a cut looks most like an end."""
    match form:
        case "arrow" | "arrow_lz4" | "arrow_zstd":
            source, found = io.BytesIO(body), set()
            reader = pa.ipc.MessageReader.open_stream(source)
            with contextlib.suppress(StopIteration):
                while True:
                    reader.read_next_message()
                    found.add(source.tell())
            return found
        case "parquet":
            metadata = pq.read_metadata(io.BytesIO(body))
            chunks = [
                metadata.row_group(group).column(column)
                for group in range(metadata.num_row_groups)
                for column in range(metadata.num_columns)
            ]
            footer = len(body) - 8 - metadata.serialized_size
            return {chunk.data_page_offset + chunk.total_compressed_size for chunk in chunks} | {footer, len(body) - 8}
        case "json":
            return {found.end() for found in re.finditer(rb"\]", body)} | {body.rindex(b"]") + 1}
        case _:
            return {found.end() for found in re.finditer(rb"\r\n", body)}


def cuts(form: str, body: bytes, *, at_most: int, seed: int = 1) -> list[int]:
    """Boundaries, the bytes around them, and some anywhere."""
    draw = random.Random(seed)
    boundaries = sorted(ends(form, body))
    chosen = (
        boundaries if len(boundaries) <= at_most else [boundaries[0], boundaries[-1], *draw.sample(boundaries, at_most)]
    )
    near = {place + step for place in chosen for step in (-1, 0, 1)} | {0, len(body) - 1}
    anywhere = {draw.randrange(len(body)) for _ in range(at_most)}
    return sorted(place for place in near | anywhere if 0 <= place < len(body))


# By hand


@pytest.mark.parametrize("form", FORMS)
def test_by_hand_a_whole_answer_is_whole_and_no_shorter_one_is(front: Front, form: str) -> None:
    """Every single length."""
    response = front.whole(form)
    body, receipt = response.content, front.receipt(response)
    media, nonce = response.headers["content-type"], response.headers["gateway-receipt-nonce"]
    assert is_confirmed(body, nonce, receipt)
    assert not [length for length in range(len(body)) if is_confirmed(body[:length], nonce, receipt)]
    if form.startswith("csv"):
        return
    told = trailer_of(body, media)
    assert told is not None
    assert told["receipt"] == response.headers["gateway-receipt"]
    assert (told["rows"], told["status"]) == (12, "complete")
    assert not [length for length in range(len(body)) if trailer_of(body[:length], media) is not None]


@pytest.mark.parametrize("form", FORMS)
def test_by_hand_no_boundary_of_a_long_answer_passes_for_its_end(front: Front, form: str) -> None:
    response = front.whole(form, sql=LARGE, who="otto")
    body, receipt = response.content, front.receipt(response, who="otto")
    media, nonce = response.headers["content-type"], response.headers["gateway-receipt-nonce"]
    places = cuts(form, body, at_most=8 if form == "json" else 25)
    assert len(ends(form, body)) > 3
    assert is_confirmed(body, nonce, receipt)
    assert not [place for place in places if is_confirmed(body[:place], nonce, receipt)]
    if not form.startswith("csv"):
        assert (trailer_of(body, media) or {})["rows"] > 60_000
        assert not [place for place in places if trailer_of(body[:place], media) is not None]


# By the SDK


@pytest.mark.parametrize("form", ["arrow", "arrow_lz4", "arrow_zstd"])
def test_the_sdk_takes_no_shorter_answer(front: Front, form: str) -> None:
    response = front.whole(form)
    body, receipt = response.content, response.headers["gateway-receipt"]
    assert ArrowAnswer([body], receipt=receipt).table().num_rows == 12
    for length in range(len(body)):
        with pytest.raises(Incomplete):
            ArrowAnswer([body[:length]], receipt=receipt).table()


def test_the_sdk_sees_a_cut_that_its_connection_does_not(front: Front) -> None:
    body = front.whole("arrow").content
    with Client(front.cutter.url, token=front.tokens["ana"]) as client:
        front.cutter.length = None
        table, _ = client.table(SMALL, purpose=bank.ANA[1])
        assert table.num_rows == 12
        for front.cutter.length in cuts("arrow", body, at_most=10):
            with pytest.raises(Incomplete):
                client.table(SMALL, purpose=bank.ANA[1])


@pytest.mark.parametrize("form", BY_NAME)
def test_confirming_sees_a_cut_in_every_format(front: Front, form: str) -> None:
    body = front.whole(form).content

    def confirmed() -> None:
        with Client(front.cutter.url, token=front.tokens["ana"]) as client:
            with client.stream(SMALL, purpose=bank.ANA[1], format=form) as answer:
                for _ in answer.chunks():
                    pass
            client.confirm(answer)

    front.cutter.length = None
    confirmed()
    for front.cutter.length in cuts(form, body, at_most=8):
        with pytest.raises(Incomplete):
            confirmed()


# By the command line


@pytest.mark.parametrize("form", BY_NAME)
def test_the_command_line_leaves_no_file_of_a_cut_answer(front: Front, form: str, tmp_path: Path) -> None:
    body, target = front.whole(form).content, tmp_path / "answer"
    arguments = ["query", SMALL, "-p", bank.ANA[1], "--format", form]
    environment = {"GATEWAY_URL": front.cutter.url, "GATEWAY_TOKEN": front.tokens["ana"]}

    def run(*more: str) -> int:
        return CliRunner().invoke(cli, [*arguments, *more], obj=Host(), env=environment).exit_code

    front.cutter.length = None
    assert run("-o", str(target)) == 0
    assert target.stat().st_size == len(body)
    target.unlink()
    for front.cutter.length in sorted({0, len(body) // 2, max(ends(form, body) - {len(body)}), len(body) - 1}):
        assert run("-o", str(target)) == UNAVAILABLE
        assert run() == UNAVAILABLE
        assert not list(tmp_path.iterdir())


def test_a_table_on_the_screen_is_no_cut_one(front: Front) -> None:
    body = front.whole("arrow").content
    environment = {"GATEWAY_URL": front.cutter.url, "GATEWAY_TOKEN": front.tokens["ana"], "COLUMNS": "120"}
    for front.cutter.length in sorted({max(ends("arrow", body) - {len(body)}), len(body) - 8, len(body) - 1}):
        told = CliRunner().invoke(cli, ["query", SMALL, "-p", bank.ANA[1]], obj=Host(), env=environment)
        assert told.exit_code == UNAVAILABLE
        assert "retail" not in told.stdout
