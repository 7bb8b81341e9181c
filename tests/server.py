"""`gateway serve` as a process of its own, as operators run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.settings import Settings


class Server:
    """One server process. Started on entering; killed on leaving if it still runs."""

    def __init__(self, settings: Settings, *, stderr: Path, **more: str) -> None:
        self._settings = settings
        self._stderr = stderr
        self._more = {f"GATEWAY_{name.upper()}": value for name, value in more.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> Self:
        """Start, and wait until it listens."""
        with self._stderr.open("ab") as told:
            at = told.tell()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", "0"],
                env=self.environment(),
                cwd=self._settings.home,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=told,
            )
        while self.process.poll() is None:
            text = self._stderr.read_bytes()[at:].decode()
            for line in text.splitlines(keepends=True):
                if line.startswith("listening at ") and line.endswith("\n"):
                    self.url = line.split()[-1]
                    return self
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        raise AssertionError(self._stderr.read_text()[at:])

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "GATEWAY_HOME": str(self._settings.home),
            "GATEWAY_POLICIES": str(self._settings.policies),
            "GATEWAY_SOURCES": str(self._settings.sources),
            "GATEWAY_KEK_FILE": str(self._settings.kek_path),
            **self._more,
        }

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
