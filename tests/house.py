"""A whole gateway in this process, over a bank that the test builds. Real rooms, real sandbox, real files."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import shutil
from collections.abc import Iterator
from pathlib import Path

from gateway.app import Control, Gateway, Host
from gateway.enforcement import EnforcementPoint
from gateway.identity import ApiTokens
from gateway.keys import projects_folder
from gateway.running import Answer
from gateway.settings import Settings
from gateway.sources import open_sources
from gateway.terms.identity import Credentials, Principal
from gateway.terms.request import Explanation, Request

REPOSITORY = Path(__file__).parents[1]
POLICIES = REPOSITORY / "policies"


@dataclasses.dataclass(frozen=True, kw_only=True)
class House:
    """A gateway with a token for whoever needs one."""

    gateway: Gateway
    host: Host
    settings: Settings

    @property
    def enforcement(self) -> EnforcementPoint:
        return self.gateway.enforcement

    def token(self, name: str, *roles: str, environment: str = "dev", hours: float = 1) -> str:
        with self.host.token_desk(self.settings) as (desk, actor):
            _, text = desk.create(
                actor,
                principal=name,
                roles=frozenset(roles),
                environment=environment,
                lifetime=datetime.timedelta(hours=hours),
            )
        return text

    def ask(self, token: str, sql: str, *, purpose: str, form: str = "json", **more: object) -> tuple[bytes, Answer]:
        """The whole body and the answer's facts."""
        answer = self.enforcement.answer(request(token, sql, purpose=purpose, **more), format=form)
        with answer.body as body:
            data = b"".join(body)
            body.finish()
        return data, answer

    def principal(self, token: str) -> Principal:
        return ApiTokens(self.gateway.control.tokens).authenticate(Credentials(bearer=token), now=self.now())

    def now(self) -> datetime.datetime:
        return self.gateway.control.clock.now()

    def explain(self, token: str, sql: str, *, purpose: str) -> Explanation:
        return self.enforcement.explain(request(token, sql, purpose=purpose))


def request(token: str, sql: str, *, purpose: str, **more: object) -> Request:
    return Request(credentials=Credentials(bearer=token), sql=sql, purpose=purpose, **more)


def settings_for(root: Path, *, bank: Path, **more: object) -> Settings:
    """Settings of a home under root; the bank is the source `core`."""
    sources = root / "sources.yaml"
    more.setdefault("rows_per_day", 10**9)  # tests/adversary/test_t6_row_allowance.py has its own
    url = more.pop("source_url", f"sqlite:///{bank}")
    sources.write_text(f'core: {{url: "{url}"}}\n')
    return Settings(home=root / "home", policies=more.pop("policies", POLICIES), sources=sources, **more)


def copy_home(source: Settings, target: Settings) -> None:
    """A home with its keys, log and tokens, which nobody has open."""
    shutil.copytree(source.home, target.home)
    shutil.copy2(source.kek_path, target.kek_path)
    if (projects := projects_folder(source.kek_path)).is_dir():
        shutil.copytree(projects, projects_folder(target.kek_path))


@contextlib.contextmanager
def open_house(root: Path, *, bank: Path, twin_of: Settings | None = None, **more: object) -> Iterator[House]:
    """Start a gateway on a new home; `twin_of` copies another home with its keys, log and tokens instead."""
    host, settings = Host(), settings_for(root, bank=bank, **more)
    if twin_of is None:
        host.initialize(settings)
    else:
        copy_home(twin_of, settings)
    gateway = Gateway(Control(settings), sources=open_sources(settings.sources))
    with contextlib.closing(gateway):
        gateway.start()
        yield House(gateway=gateway, host=host, settings=settings)
