"""A real OpenBao for tests, in memory: `GATEWAY_TEST_BAO` names its binary, else one on the PATH."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

_ROOT = "test-root-token"
POLICY = """
path "transit/keys/gateway-*" { capabilities = ["create", "read", "update", "delete"] }
path "transit/encrypt/gateway-*" { capabilities = ["update"] }
path "transit/decrypt/gateway-*" { capabilities = ["update"] }
"""
"""What docs/keys.md tells operators to write."""


@dataclasses.dataclass(frozen=True)
class Vault:
    """A running one, its authority, and a token with POLICY only."""

    url: str
    ca_file: Path
    token_file: Path
    root: httpx.Client

    def ask(self, method: str, path: str, **document: object) -> httpx.Response:
        return self.root.request(method, f"/v1/{path}", json=document or None)


def binary() -> str | None:
    return os.environ.get("GATEWAY_TEST_BAO") or shutil.which("bao")


@contextlib.contextmanager
def open_vault(folder: Path) -> Iterator[Vault]:
    """Over TLS with an authority of its own."""
    program = binary()
    if program is None:
        pytest.skip("no OpenBao: set GATEWAY_TEST_BAO to its binary")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        *(program, "server", "-dev-tls", f"-dev-tls-cert-dir={folder}", f"-dev-root-token-id={_ROOT}"),
        *(f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token", "-log-level=error"),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"HOME": str(folder), "PATH": os.environ["PATH"]}, cwd=folder
        )
    try:
        vault = _prepared(process, f"https://127.0.0.1:{port}", folder)
        with contextlib.closing(vault.root):
            yield vault
    finally:
        process.kill()
        process.wait()


def _prepared(process: subprocess.Popen[bytes], url: str, folder: Path) -> Vault:
    authority = folder / "vault-ca.pem"
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.HTTPError, OSError), httpx.Client(verify=_trusting(authority)) as asking:
            if asking.get(f"{url}/v1/sys/health").status_code == 200:
                break
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError((folder / "log").read_text())
        time.sleep(0.1)
    headers = {"X-Vault-Token": _ROOT}
    root = httpx.Client(base_url=url, verify=_trusting(authority), headers=headers, trust_env=False, timeout=10)
    vault = Vault(url, authority, folder / "token", root)
    vault.ask("POST", "sys/mounts/transit", type="transit").raise_for_status()
    vault.ask("PUT", "sys/policies/acl/gateway", policy=POLICY).raise_for_status()
    made = vault.ask("POST", "auth/token/create", policies=["gateway"], no_default_policy=True)
    vault.token_file.touch(mode=0o600)
    vault.token_file.write_text(made.raise_for_status().json()["auth"]["client_token"] + "\n")
    return vault


def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority)
