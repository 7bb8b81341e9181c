"""The second half of the journey: from a request to a trained model, and to the next extract by itself."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from etl.manifest import verify
from gateway.cli import Host
from gateway.cli.modelling import tree_of
from gateway.cli.output import safe, table
from gateway.client import Gateway, PolicyDenied, Version
from gateway.demo.learning import auc_of, raw_rows
from gateway.demo.stage import Stage, policy_folder

LOANS: Final = "SELECT loan_purpose, amount, defaulted\nFROM core.loans ORDER BY amount DESC LIMIT 3"
PURPOSE: Final = "credit-default-model"
MODEL: Final = "loan-default"
_WAIT_SECONDS: Final = 120.0
_CLOSE: Final = 0.05
"""AUC points between the two models, at most."""


class Training:
    """Each method is one scene; `play` returns whether all came out as they must."""

    def __init__(self, console: Console, host: Host, built: Stage, *, headline: Callable[..., None]) -> None:
        self._console = console
        self._host = host
        self._stage = built
        self._headline = headline

    def play(self) -> bool:
        """From the request to the retraining."""
        self._request()
        with self._stage.client("ana") as ana:
            version, ok = self._extract(ana)
            ok = self._train(ana, version) and ok
            self._lineage(ana)
            return self._fresh(ana) and ok

    def _request(self) -> None:
        self._headline("6  Ida asks for what she lacks; a second person decides", LOANS)
        with self._stage.client("ida") as ida, self._stage.client("olga") as olga:
            try:
                ida.table(LOANS, purpose=PURPOSE)
            except PolicyDenied as error:
                self._say("Ida", f"no: {error.detail}", style="red")
                self._say("", f"→ {error.fix}", style="green")
            asked = ida.request_access(
                datasets=["core.customers", "core.loans"],
                purposes=[PURPOSE],
                level="pseudonymized",
                rows={"dataset": "core.customers", "where": "region = 'DE'"},
                rows_follow=["core.loans"],
                days=14,
                reason="to check Ana's labels",
            )
            self._say("Ida", f"request {asked['id']}: core.customers and core.loans of Germany, pseudonymized, 14 days")
            seen = olga.proposal(asked["id"])
            olga.approve(asked["id"], digest=seen["digest"], note="fine for the summer")
            self._say("Olga", f"approves what she read: digest {str(seen['digest'])[:16]}…")
            found, _ = ida.table(LOANS, purpose=PURPOSE)
        rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
        self._console.print(table(found.column_names, rows))

    def _extract(self, ana: Gateway) -> tuple[Version, bool]:
        spec = yaml.safe_load((policy_folder() / "extracts" / "loan-default.yaml").read_text(encoding="utf-8"))
        self._headline("7  Ana orders training data: four tables, joined, masked, in one version", spec["sql"])
        version = ana.extract(spec).wait(timeout=_WAIT_SECONDS, progress=False)
        manifest = version.manifest
        rows = [(c["name"], c["type"], c["level"], c["mask"] or "—") for c in manifest["columns"]]
        self._console.print(table(("column", "type", "level", "mask"), rows))
        with tempfile.TemporaryDirectory() as folder:
            path = version.download(Path(folder) / "extract", progress=False)
            found = verify(path, verifier_key=self._host.verifier_key(self._stage.settings))
        total = sum(file["rows"] for file in manifest["files"])
        self._console.print(
            Text.assemble(
                (f"{version.id}  ", "bold"),
                f"{total:,} rows in {len(manifest['files'])} file(s), data as of {version.watermark}  ",
                ("gateway extract verify  ", "bold"),
                ("ok" if found.ok else "DAMAGED", "bold green" if found.ok else "bold red"),
            )
        )
        return version, found.ok

    def _train(self, ana: Gateway, version: Version) -> bool:
        self._headline("8  A loan-default model learns from the extract; beside it one that learned from raw rows")
        metrics, close = self._compare(version)
        made = ana.register_model(MODEL, "1", [version], max_age="150d", metrics=metrics)
        self._say(
            "Ana", f"registers {made['name']}@{made['version']}, trained on {version.id}, data at most 150 days old"
        )
        return close

    def _compare(self, version: Version) -> tuple[dict[str, float], bool]:
        """The model's metrics, and whether it is close to one that learned from raw rows."""
        rows = version.to_pandas()
        try:
            ours, raw = auc_of(rows), auc_of(raw_rows(self._stage.summary.path))
        except ImportError:
            self._say("", "scikit-learn is not installed: training is left out (pip install data-gateway[demo])")
            return {}, True
        if ours is None or raw is None:
            self._say("", f"of {len(rows)} loans too few were not repaid: try --transactions 100000")
            return {}, True
        self._console.print(table(("trained on", "AUC"), [("the extract", f"{ours:.3f}"), ("raw rows", f"{raw:.3f}")]))
        return {"auc": round(ours, 4)}, abs(ours - raw) < _CLOSE

    def _lineage(self, ana: Gateway) -> None:
        self._headline("9  Where the model comes from, and what rests on core.customers.income")
        for root in ({"model": f"{MODEL}@1"}, {"column": "core.customers.income"}):
            drawn: Tree = tree_of(ana.lineage(**root))
            self._console.print(drawn)

    def _fresh(self, ana: Gateway) -> bool:
        self._headline(
            "10  Production moves on, rules get stricter: a stale model's retraining extract starts by itself"
        )
        self._show(ana)
        self._stage.move_on()
        ana.register_model(MODEL, "2", [ana.version(f"{MODEL}@1")], max_age="60d")
        self._say("Ana", f"registers {MODEL}@2: the same data, from now on at most 60 days old")
        until = time.monotonic() + _WAIT_SECONDS
        shown_stale = False
        while time.monotonic() < until:
            if not shown_stale and any(one["state"] == "stale" for one in ana.freshness()):
                self._show(ana)
                shown_stale = True
            made = [v for v in ana.dataset_versions(name=MODEL) if v["version"] > 1]
            if made:
                self._say(
                    "", f"{MODEL}@{made[0]['version']} was published; data as of {made[0]['watermark']}", style="green"
                )
                return self._retrained(ana, str(made[0]["version"]))
            time.sleep(0.3)
        self._say("", "no retraining extract came", style="bold red")
        return False

    def _retrained(self, ana: Gateway, number: str) -> bool:
        version = ana.version(f"{MODEL}@{number}")
        version.to_arrow()
        ana.register_model(MODEL, "3", [version], max_age="60d")
        self._show(ana)
        newest: dict[str, Any] = next(one for one in ana.freshness() if one["model"] == MODEL)
        return bool(newest["state"] == "fresh")

    def _show(self, ana: Gateway) -> None:
        rows = [
            (one["model"], one["version"], _day(one["watermark"]), one["state"], one.get("job") or "—")
            for one in ana.freshness()
        ]
        self._console.print(table(("model", "version", "data as of", "state", "retraining job"), rows))

    def _say(self, who: str, what: str, *, style: str = "") -> None:
        self._console.print(Text.assemble((f"{who}  " if who else "      ", "bold"), (safe(what), style)))


def _day(moment: object) -> str:
    return str(moment)[:16] if moment else "—"
