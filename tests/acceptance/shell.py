"""`gateway …` as somebody runs it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

from click.testing import CliRunner, Result

from gateway.app import Host
from gateway.cli.group import cli
from gateway.settings import Settings
from tests import bank
from tests.house import settings_for
from tests.server import Server
from tests.unit.http.door import big_bank


@dataclasses.dataclass
class Shell:
    """Runs `gateway …` with a caller's environment."""

    settings: Settings
    url: str
    tokens: dict[str, str] = dataclasses.field(default_factory=dict)

    def run(self, *arguments: str, who: str = "", **more: str) -> Result:
        environment = {
            "GATEWAY_HOME": str(self.settings.home),
            "GATEWAY_POLICIES": str(self.settings.policies),
            "GATEWAY_SOURCES": str(self.settings.sources),
            "GATEWAY_KEK_FILE": str(self.settings.kek_path),
            "GATEWAY_URL": self.url,
            "GATEWAY_TOKEN": self.tokens.get(who, ""),
            "COLUMNS": "200",
            **more,
        }
        result = CliRunner().invoke(cli, list(arguments), obj=Host(), env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def token(self, name: str, role: str, *, environment: str = "dev") -> str:
        made = self.run("token", "create", name, "--role", role, "--environment", environment, "--json")
        assert made.exit_code == 0, made.output
        return str(json.loads(made.stdout)["token"])


@contextlib.contextmanager
def open_shell(root: Path) -> Iterator[Shell]:
    """Before a running gateway with many rows and few of them allowed as JSON."""
    settings = settings_for(root, bank=big_bank(root / "core.db", transactions=60_000))
    (root / "core.db").chmod(0o600)
    shell = Shell(settings, "")
    assert shell.run("init").exit_code == 0
    with Server(
        settings, stderr=root / "stderr", sandbox_warm_children="1", max_json_rows="30000", rows_per_day="10000000"
    ) as server:
        shell.url = server.url
        shell.tokens |= {
            "ana": shell.token("ana", bank.ANA[0]),
            "aude": shell.token("aude", "auditor"),
            "otto": shell.token("otto", "data-owner", environment="prod"),
        }
        yield shell
