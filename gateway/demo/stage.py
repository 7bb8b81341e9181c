"""Builds what the journey needs: bank, home, tokens and a server process of its own; and takes it down again."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from gateway.cli import Host
from gateway.client import Gateway, connect
from gateway.demo.bank import BankSummary, build_bank, drop_bank, load_bank
from gateway.demo.moving import move_on
from gateway.errors import Invalid, Unavailable
from gateway.settings import Settings

Progress = Callable[[str, int, int], None]
QUIET: Final = datetime.timedelta(days=40)
"""The bank has seen nothing new for so long, until the journey lets it go on."""
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Somebody who asks."""

    name: str
    role: str
    environment: str
    purpose: str
    does: str


PERSONAS: Final = (
    Persona(
        name="rita",
        role="reporting-analyst",
        environment="dev",
        purpose="regulatory-reporting",
        does="writes the quarterly report",
    ),
    Persona(
        name="ana",
        role="credit-risk-scientist",
        environment="dev",
        purpose="credit-default-model",
        does="trains the loan default model",
    ),
    Persona(
        name="otto",
        role="data-owner",
        environment="prod",
        purpose="data-quality",
        does="owns the customer table",
    ),
    Persona(
        name="fran",
        role="fraud-analyst",
        environment="dev",
        purpose="fraud-detection",
        does="trains the fraud model",
    ),
    Persona(
        name="finn",
        role="fraud-analyst",
        environment="prod",
        purpose="fraud-detection",
        does="works on fraud cases",
    ),
    Persona(
        name="ida",
        role="intern",
        environment="dev",
        purpose="credit-default-model",
        does="helps Ana this summer",
    ),
    Persona(
        name="olga",
        role="data-owner",
        environment="dev",
        purpose="",
        does="decides who gets access in dev",
    ),
    Persona(name="vera", role="auditor", environment="prod", purpose="", does="reads the log"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running gateway over the embedded bank."""

    settings: Settings
    summary: BankSummary
    url: str
    tokens: dict[str, str] = dataclasses.field(repr=False)
    server: str | None = dataclasses.field(repr=False)
    """URL of the database server that holds the bank; None: the file itself does."""

    def move_on(self) -> None:
        """A day passes in production."""
        move_on(self.summary.path, now=datetime.datetime.now(datetime.UTC))
        if self.server is not None:
            load_bank(self.summary.path, self.server)

    def client(self, name: str) -> Gateway:
        """The connection of one persona."""
        return connect(self.url, token=self.tokens[name])


def policy_folder() -> Path:
    """The embedded bank's policies: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "_policies"
    return inside if inside.is_dir() else package.parent / "policies"


@contextlib.contextmanager
def folder(keep: Path | None) -> Iterator[Path]:
    """A new folder: kept where asked, else removed at the end."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="gateway-demo-") as made:
            yield Path(made)
        return
    if keep.exists() and any(keep.iterdir()):
        raise Invalid("--keep needs a new or empty folder", code="demo")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()


@contextlib.contextmanager
def build(host: Host, root: Path, *, transactions: int, server: str | None, progress: Progress) -> Iterator[Stage]:
    """Bank, home, tokens, server; at the end the server is stopped and the bank gone from its database server."""
    until = datetime.datetime.now(datetime.UTC).date() - QUIET
    summary = build_bank(root / "core.db", transactions=transactions, until=until, progress=progress)
    sources = root / "sources.yaml"
    sources.write_text('core: {url: "file:core.url"}\n')
    settings = Settings(home=root / "home", policies=policy_folder(), sources=sources)
    host.initialize(settings)
    tokens = {}
    with host.token_desk(settings) as (desk, actor):
        for persona in PERSONAS:
            _, tokens[persona.name] = desk.create(
                actor,
                principal=persona.name,
                roles=frozenset({persona.role}),
                environment=persona.environment,
                lifetime=datetime.timedelta(hours=8),
            )
    with _copied(summary.path, server) as source_url:
        url_file = root / "core.url"
        url_file.touch(mode=0o600)
        url_file.write_text(source_url)
        with _server(settings) as url:
            yield Stage(settings=settings, summary=summary, url=url, tokens=tokens, server=server)


@contextlib.contextmanager
def _copied(bank: Path, server: str | None) -> Iterator[str]:
    """The URL that the gateway reads the bank by."""
    if server is None:
        yield f"sqlite:///{bank.name}"
        return
    try:
        yield load_bank(bank, server)
    finally:
        drop_bank(server)


@contextlib.contextmanager
def _server(settings: Settings) -> Iterator[str]:
    """`gateway serve` in a process of its own, at a free port; yields its URL."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GATEWAY_HOME": str(settings.home),
        "GATEWAY_POLICIES": str(settings.policies),
        "GATEWAY_SOURCES": str(settings.sources),
        "GATEWAY_KEK_FILE": str(settings.kek_path),
        "GATEWAY_SCHEDULE_SECONDS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--port", "0"],
        env=environment,
        cwd=settings.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _ready_url(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _ready_url(process: subprocess.Popen[str]) -> str:
    timer = _killer(process)
    try:
        told = []
        for line in process.stderr or ():
            if line.startswith("listening at "):
                return line.removeprefix("listening at ").strip()
            told.append(line.strip())
    finally:
        timer.cancel()
    raise Unavailable(f"the server did not start: {' / '.join(told[-3:])}", code="demo")


def _killer(process: subprocess.Popen[str]) -> threading.Timer:
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.daemon = True
    timer.start()
    return timer
