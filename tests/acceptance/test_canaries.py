"""No raw value of a masked column in any output, log, error, temporary file, core file or environment.

A real server process answers Ana, who sees pseudonyms, in every shape and format; then everything that it and its
children said, wrote or hold is searched for what she may not see.
What a child could do if its code were taken over is tried by the sandbox's own probes, in tests/adversary.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gateway.app import Host
from gateway.client.connection import MEDIA_TYPES
from gateway.keys import projects_folder
from gateway.settings import Settings
from tests import bank
from tests.house import REPOSITORY, settings_for
from tests.server import Server

EMAIL = "zqx-email-000000@bank.example"
IBAN = "ZQXIBANB000000"
ANSWERED = (
    "SELECT * FROM core.customers",
    "SELECT * FROM core.accounts",
    "SELECT * FROM core.transactions",
    "SELECT * FROM core.loans",
    "SELECT customer_id, email, upper(iban) AS i, length(phone) AS l FROM core.customers ORDER BY email DESC LIMIT 9",
    "SELECT min(customer_id), max(email), min(birth_date), max(street), min(full_name) FROM core.customers",
    "SELECT region, count(*), avg(income), sum(income) FROM core.customers GROUP BY region",
    "SELECT string_agg(email, ',' ORDER BY email) AS all_of_them FROM core.customers",
    "SELECT c.email, t.counterparty_iban FROM core.customers c JOIN core.transactions t USING (customer_id)",
    "SELECT c.email, a.iban AS i FROM core.customers c LEFT JOIN core.accounts a ON a.customer_id = c.customer_id",
    "SELECT a.account_id, c.region FROM core.accounts a FULL JOIN core.customers c ON c.customer_id = a.customer_id",
    "SELECT customer_id, row_number() OVER (PARTITION BY region ORDER BY income) FROM core.customers",
    "WITH x AS (SELECT email AS e FROM core.customers) SELECT e FROM x UNION SELECT iban FROM core.accounts",
    "SELECT a.account_id FROM core.accounts a WHERE a.customer_id NOT IN (SELECT customer_id FROM core.customers)",
    "SELECT merchant, reference, sum(amount) FROM core.transactions GROUP BY 1, 2",
    "SELECT coalesce(full_name, street, postcode, city, 'none') FROM core.customers",
    "SELECT DISTINCT ON (segment) segment, customer_id, birth_date FROM core.customers ORDER BY segment, income",
)
FAILED = (
    "SELECT CAST(email AS int) FROM core.customers",
    "SELECT CAST(segment AS date) FROM core.customers",
    "SELECT 1 / (income - income) FROM core.customers",
    "SELECT note FROM core.call_notes",
    "SELECT nothing FROM core.customers",
    "SELECT email FROM core.customers; SELECT 1",
    "SELECT error(email) FROM core.customers",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT sum(a.balance) FROM core.accounts a, core.accounts b WHERE CAST(a.iban AS int) > 0",
)
TYPED = (
    f"SELECT region FROM core.customers WHERE email = '{EMAIL}'",
    f"SELECT region FROM core.customers WHERE iban IN ('{IBAN}', 'x') OR customer_id = 770000000",
    f"SELECT region FROM core.customers WHERE email = '{EMAIL}' AND",
    f"SELECT CASE WHEN email = '{EMAIL}' THEN 1 ELSE 0 END FROM core.customers",
    f"SELECT nothing FROM core.customers WHERE iban = '{IBAN}'",
    f"SELECT '{EMAIL}' AS mine, CAST('{IBAN}' AS int) FROM core.customers",
)
"""With canaries that she typed herself: her own answers may repeat them, logs must not."""
NUMBERS = re.compile(r"(?<![0-9a-f])\d{9}(?![0-9a-f])|(?<![\d.])\d{4}-\d\d-\d\d(?!\d)|(?<![\d.])-?\d+\.\d\d(?!\d)")
"""Identifiers, dates and amounts, each as a whole: within a hexadecimal digest nine digits mean nothing."""
GRAM = 8


class Canaries:
    """What must not be found: texts anywhere, in any case of letters; numbers as a whole."""

    def __init__(self, texts: Iterable[str], numbers: Iterable[object] = ()) -> None:
        self._texts = {text.casefold() for text in texts}
        self._numbers = {str(number) for number in numbers}
        self._by_gram: dict[str, list[str]] = {}
        for text in self._texts:
            self._by_gram.setdefault(text[:GRAM], []).append(text)
        self._short = [text for text in self._texts if len(text) < GRAM]

    def __len__(self) -> int:
        return len(self._texts) + len(self._numbers)

    def found_in(self, data: bytes | str) -> set[str]:
        """Those that stand in it."""
        text = (data if isinstance(data, str) else data.decode(errors="replace")).casefold()
        grams = {text[at : at + GRAM] for at in range(len(text))} & self._by_gram.keys()
        likely = [*self._short, *(text for gram in grams for text in self._by_gram[gram])]
        return {canary for canary in likely if canary in text} | self._numbers.intersection(NUMBERS.findall(text))


@dataclasses.dataclass(frozen=True)
class Output:
    """One answer, whole, with what its compressed pages hold."""

    sql: str
    status: int
    text: str


class Gateway:
    """A server process over a home, all of whose words and temporary files are kept."""

    def __init__(self, settings: Settings, root: Path) -> None:
        self.settings = settings
        self.said = root / "said.log"
        self.temporary = root / "tmp"
        self.temporary.mkdir()
        self._tokens: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[httpx.Client]:
        """Until the end of the block; stopped as an operator stops it."""
        environment = Server(self.settings, stderr=self.said).environment()
        with self.said.open("wb") as said:
            self._process = process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", "0"],
                env={**environment, "TMPDIR": str(self.temporary)},
                cwd=self.settings.home,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            while not (listening := re.search(r"listening at (\S+)\n", self.said.read_text())):
                assert process.poll() is None, self.said.read_text()
                time.sleep(0.05)
            with httpx.Client(base_url=listening[1], timeout=60, trust_env=False) as client:
                yield client
        finally:
            process.terminate()
            process.wait(30)

    def authorization(self, name: str, role: str) -> dict[str, str]:
        """The header of somebody's token."""
        if name not in self._tokens:
            with Host().token_desk(self.settings) as (desk, actor):
                _, self._tokens[name] = desk.create(
                    actor, principal=name, roles=frozenset({role}), environment="dev", lifetime=timedelta(hours=1)
                )
        return {"Authorization": f"Bearer {self._tokens[name]}"}

    @property
    def secrets(self) -> list[str]:
        """Of tokens and keys: in no environment, argument, word or log."""
        keys = [self.settings.kek_path, *projects_folder(self.settings.kek_path).glob("*.kek")]
        return [*(token.rpartition("_")[2] for token in self._tokens.values()), *(key.read_text() for key in keys)]

    def processes(self) -> dict[int, bool]:
        """Of the server and all its descendants: process id → whether it is a child."""
        assert self._process is not None
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        found = [self._process.pid]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return {pid: pid != self._process.pid for pid in found}

    def files(self) -> list[Path]:
        """All that it wrote, or may have written."""
        folders = (self.settings.home, self.temporary)
        return [self.said, *(path for folder in folders for path in folder.rglob("*") if path.is_file())]


@dataclasses.dataclass(frozen=True)
class Run:
    """What was said to everybody; the server still runs."""

    gateway: Gateway
    canaries: Canaries
    outputs: list[Output]


def _bank_canaries(tables: bank.Tables) -> Canaries:
    seen = {row["income"] for row in tables["customers"] if row["region"] in bank.VISIBLE}
    seen |= {row["amount"] for name in ("transactions", "loans") for row in tables[name]}
    hidden = {row["income"] for row in tables["customers"]} | {row["balance"] for row in tables["accounts"]}
    born = {row["birth_date"] for row in tables["customers"] if row["birth_date"].timetuple().tm_yday != 1}
    numbers = {value for rows in tables.values() for row in rows for name, value in row.items() if name.endswith("_id")}
    return Canaries(
        (text for text in bank.canaries(tables) if not text.isdigit()), numbers | born | (hidden - seen - {None})
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    root = tmp_path_factory.mktemp("canaries")
    tables = bank.first_world()
    settings = settings_for(root, bank=bank.write(tables, root / "core.db"))
    Host().initialize(settings)
    gateway = Gateway(settings, root)
    with gateway.running() as client:
        outputs = [*_asked(client, gateway), *_looked_up(client, gateway), *_mistaken(client, gateway)]
        yield Run(gateway, _bank_canaries(tables), outputs)


def _asked(client: httpx.Client, gateway: Gateway) -> Iterator[Output]:
    """Every query in every format, and its explanation."""
    ana = gateway.authorization("ana", bank.ANA[0])
    for sql in (*ANSWERED, *FAILED, *TYPED):
        body = {"sql": sql, "purpose": bank.ANA[1]}
        for accept in MEDIA_TYPES.values():
            yield _output(sql, client.post("/v1/query", json=body, headers={**ana, "Accept": accept}))
        yield _output(sql, client.post("/v1/explain", json=body, headers=ana))


def _looked_up(client: httpx.Client, gateway: Gateway) -> Iterator[Output]:
    """Catalog and health; then the auditor reads the whole log."""
    ana, vera = gateway.authorization("ana", bank.ANA[0]), gateway.authorization("vera", "auditor")
    for path in ("/v1/datasets", "/v1/datasets/core.customers", "/health/ready", "/openapi.json"):
        yield _output("", client.get(path, headers=ana))
    after, page = -1, 100
    while True:
        found = client.get("/v1/audit/entries", params={"after": after, "limit": page}, headers=vera)
        yield _output("", found)
        if len(found.json()) < page:  # NOTE: never empty, each search is an entry too
            break
        after = found.json()[-1]["index"]
    yield _output("", client.get("/v1/audit/checkpoint", headers=vera))


def _mistaken(client: httpx.Client, gateway: Gateway) -> Iterator[Output]:
    """Canaries where no SQL is expected: none may come back, and none may be logged."""
    ana = gateway.authorization("ana", bank.ANA[0])
    select = "SELECT region FROM core.customers"
    for body in ({"sql": select, "purpose": EMAIL}, {"sql": select, "purpose": bank.ANA[1], "limit": EMAIL}, [EMAIL]):
        yield _output("", client.post("/v1/query", json=body, headers=ana))
    body = {"sql": select, "purpose": bank.ANA[1], EMAIL: IBAN}
    yield _output(EMAIL, client.post("/v1/query", json=body, headers=ana))  # a field's name is told, its value is not
    body = {"sql": select, "purpose": bank.ANA[1], "dialect": EMAIL}
    yield _output("", client.post("/v1/query", json=body, headers=ana))
    yield _output("", client.post("/v1/query", json=body, headers={"Authorization": f"Bearer {EMAIL}"}))
    yield _output("", client.get(f"/v1/datasets/{EMAIL}", headers=ana))
    yield _output("", client.get(f"/v1/receipts/{EMAIL}", headers=ana))
    yield _output("", client.get(f"/v1/{EMAIL}?email={EMAIL}", headers=ana))
    yield _output("", client.get("/v1/audit/entries", params={"principal": EMAIL}, headers=ana))


def _output(sql: str, response: httpx.Response) -> Output:
    body = response.content
    decoded = ""
    if response.headers["Content-Type"] == MEDIA_TYPES["arrow"]:
        table = pa.ipc.open_stream(body).read_all()
        decoded = f"{table.to_pydict()} {table.schema}"
    if response.headers["Content-Type"] == MEDIA_TYPES["parquet"]:
        file = pq.ParquetFile(pa.BufferReader(body))
        decoded = f"{file.read().to_pydict()} {file.metadata.to_dict()} {file.metadata.metadata}"
    told = f"{response.headers.raw} {body.decode(errors='replace')} {re.sub(r'[(][^()]*[)]', _plain, decoded)}"
    return Output(sql=sql, status=response.status_code, text=told)


def _plain(written: re.Match[str]) -> str:
    """`date(1940, 1, 2)` and `Decimal('1.00')` as other formats write them."""
    numbers = re.findall(r"\d+", written[0])
    return written[0] if len(numbers) != 3 else "-".join([numbers[0], *(n.zfill(2) for n in numbers[1:])])


def test_the_bank_is_full_of_canaries(run: Run) -> None:
    """Without this the tests below could look for nothing."""
    source = run.gateway.settings.sources.with_name("core.db").read_bytes()
    assert len(run.canaries) > 1400
    assert len(run.canaries.found_in(source)) > 700
    assert run.canaries.found_in(f"x{EMAIL.upper()}y 770000037, 1941-02-02") == {EMAIL, "770000037", "1941-02-02"}


def test_every_shape_was_answered_or_refused_as_meant(run: Run) -> None:
    answered = [output.status for output in run.outputs if output.sql in ANSWERED]
    failed = [output.status for output in run.outputs if output.sql in FAILED and '"plan"' not in output.text]
    assert answered == [200] * len(ANSWERED) * 5
    assert set(failed) == {422}
    assert len(failed) >= len(FAILED) * 4


def test_no_output_holds_a_canary(run: Run) -> None:
    leaks = {
        (output.sql, canary)
        for output in run.outputs
        for canary in run.canaries.found_in(output.text)
        if canary not in output.sql.casefold()
    }
    assert not leaks


def test_no_file_that_the_gateway_wrote_holds_a_canary(run: Run) -> None:
    """Its words, the control database with its write-ahead log, keys, temporary files."""
    files = run.gateway.files()
    assert {"control.db", "control.db-wal", "said.log", "ring.json"} <= {path.name for path in files}
    leaks = {(path.name, canary) for path in files for canary in run.canaries.found_in(path.read_bytes())}
    assert not leaks


def test_no_temporary_file_and_no_core_was_left(run: Run) -> None:
    assert not list(run.gateway.temporary.rglob("*"))
    assert not [path for path in run.gateway.files() if path.name.startswith("core")]


def test_no_process_holds_a_canary_or_a_secret_in_environment_or_arguments(run: Run) -> None:
    for pid, is_child in run.gateway.processes().items():
        environment, arguments = _environment(pid), (Path("/proc") / str(pid) / "cmdline").read_bytes()
        assert not is_child or environment == b""
        for told in (environment, arguments):
            assert not run.canaries.found_in(told)
            assert not [secret for secret in run.gateway.secrets if secret.strip().encode() in told]


def _environment(pid: int) -> bytes:
    """As the tests' own user can read it."""
    try:
        return (Path("/proc") / str(pid) / "environ").read_bytes()
    except PermissionError:  # the process is not dumpable: only root may look into it
        assert os.geteuid() != 0
        return b""


def test_no_secret_is_logged_or_kept_in_the_home(run: Run) -> None:
    leaks = [
        path.name
        for path in run.gateway.files()
        for secret in run.gateway.secrets
        if secret.strip().encode() in path.read_bytes()
    ]
    assert not leaks


def test_children_run_under_seccomp_without_new_privileges_and_leave_no_core(run: Run) -> None:
    children = [pid for pid, is_child in run.gateway.processes().items() if is_child]
    assert children
    for pid in children:
        status = (Path("/proc") / str(pid) / "status").read_text()
        limits = (Path("/proc") / str(pid) / "limits").read_text()
        assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
        assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
        assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.MULTILINE)
        assert re.search(r"^Max file size\s+0\s+0\s", limits, re.MULTILINE)


@pytest.mark.skipif(os.geteuid() != 0, reason="the processes are not dumpable: only root may list their files")
def test_no_process_holds_a_file_that_has_no_name(run: Run) -> None:
    """Rows could lie in a deleted or memory file, out of reach of a search by name."""
    held = [
        str(link.readlink()) for pid in run.gateway.processes() for link in (Path("/proc") / str(pid) / "fd").iterdir()
    ]
    assert any(target.endswith("control.db") for target in held)
    assert not [target for target in held if "(deleted)" in target or target.startswith("/memfd:")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every process")
def test_nobody_else_may_look_into_its_processes(run: Run) -> None:
    for pid in run.gateway.processes():
        with pytest.raises(PermissionError):
            (Path("/proc") / str(pid) / "environ").read_bytes()


@pytest.mark.parametrize(
    "name", ["test_sandbox_probes", "test_sandbox_resources", "test_t2_confinement", "test_t3_hostile_answers"]
)
def test_the_probes_of_the_sandbox_run(name: str) -> None:
    source = (REPOSITORY / "tests" / "adversary" / f"{name}.py").read_text()
    assert re.search(r"^def test_", source, re.MULTILINE)
    assert not re.search(r"mark\.(skip|xfail)|importorskip|allow_module_level", source)


# The bank that `gateway demo` generates


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    root = tmp_path_factory.mktemp("demo")
    kept = root / "kept"
    told = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--keep", str(kept), "--transactions", "2000"],
        cwd=root,
        env={"PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0
    settings = Settings(home=kept / "home", policies=REPOSITORY / "policies", sources=kept / "sources.yaml")
    gateway = Gateway(settings, root)
    with contextlib.closing(sqlite3.connect(kept / "core.db")) as source:
        identifiers = source.execute(
            "SELECT full_name, email, phone, iban, street FROM customers UNION ALL SELECT iban, '', '', '', ''"
            " FROM accounts UNION ALL SELECT counterparty_iban, reference, '', '', '' FROM transactions"
        ).fetchall()
    canaries = Canaries({value for row in identifiers for value in row if value})
    with gateway.running() as client:
        ana = gateway.authorization("ana", bank.ANA[0])
        outputs = []
        for table in ("customers", "accounts", "transactions", "loans"):
            body = {"sql": f"SELECT * FROM core.{table}", "purpose": bank.ANA[1]}
            accept = {"Accept": MEDIA_TYPES["csv" if table == "customers" else "json"]}
            outputs.append(_output(body["sql"], client.post("/v1/query", json=body, headers={**ana, **accept})))
        yield Run(gateway, canaries, outputs)


@pytest.mark.slow
def test_the_generated_banks_customers_are_in_no_output(demo: Run) -> None:
    assert len(demo.canaries) > 500
    assert [output.status for output in demo.outputs] == [200] * 4
    assert not {(output.sql, found) for output in demo.outputs for found in demo.canaries.found_in(output.text)}


@pytest.mark.slow
def test_the_generated_banks_customers_are_in_no_file_of_the_gateway(demo: Run) -> None:
    """The log of the demo itself too, in which others saw everything."""
    leaks = {(path.name, found) for path in demo.gateway.files() for found in demo.canaries.found_in(path.read_bytes())}
    assert not leaks
