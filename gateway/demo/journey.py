"""The journey on screen: who asked what, what was decided and why, what came back, what the log proves."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from gateway.cli import Host
from gateway.cli.output import column_rows, safe, table
from gateway.client import Refused
from gateway.demo import stage
from gateway.demo.stage import PERSONAS, Persona, Stage
from gateway.demo.training import Training
from gateway.settings import Settings

SAME_SQL: Final = "SELECT kind, balance\nFROM core.accounts\nORDER BY kind LIMIT 4"
IDENTIFIERS: Final = "SELECT customer_id, full_name, email, birth_date, income\nFROM core.customers LIMIT 4"
LOANS: Final = "SELECT loan_id, amount, rate, granted_on\nFROM core.loans ORDER BY amount DESC LIMIT 3"
PAYMENTS: Final = "SELECT merchant, category, booked_at\nFROM core.transactions LIMIT 3"
JOIN: Final = (
    "SELECT c.region, count(*) AS loans, round(avg(l.defaulted::int), 3) AS default_rate\n"
    "FROM core.loans l JOIN core.customers c ON c.customer_id = l.customer_id\n"
    "GROUP BY c.region ORDER BY c.region"
)
_NAMED: Final = (
    "FROM core.call_notes n JOIN core.customers c ON c.customer_id = n.customer_id\nWHERE strpos(n.note, c.iban) > 0"
)
NOTES: Final = f"SELECT n.note\n{_NAMED} LIMIT 4"
NAMED: Final = f"SELECT count(*) AS notes_with_their_customers_iban\n{_NAMED}"
ESCAPE: Final = "SELECT * FROM read_csv('/etc/passwd')"
TAMPER: Final = "UPDATE audit_search SET principal = 'nobody' WHERE principal = 'otto' AND kind = 'access'"
_LEVEL_STYLES: Final = {"aggregated": "cyan", "pseudonymized": "yellow", "full": "red"}
_WIDTH: Final = 110


def run(host: Host, *, transactions: int, keep: Path | None, source: str | None = None) -> int:
    """Show it all; 0 if everything came out as it must."""
    console = Console(highlight=False)
    if console.width < _WIDTH and not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    started = time.monotonic()
    with stage.folder(keep) as root, contextlib.ExitStack() as stack:
        with Progress(TextColumn("[dim]{task.description}"), BarColumn(), console=console, transient=True) as bars:
            build = stage.build(host, root, transactions=transactions, server=source, progress=_progress(bars))
            built = stack.enter_context(build)
        ok = _Journey(console, host, built).play(root)
    console.print(
        Text(f"\n{time.monotonic() - started:.0f} s. Nothing is left running. ", style="dim")
        + Text("Next: gateway init, gateway token create, gateway serve (README.md).", style="dim")
    )
    return 0 if ok else 1


def _progress(bars: Progress) -> stage.Progress:
    tasks: dict[str, TaskID] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in tasks:
            tasks[what] = bars.add_task(what, total=total)
        bars.update(tasks[what], completed=done, total=total)

    return report


class _Journey:
    def __init__(self, console: Console, host: Host, built: Stage) -> None:
        self._console = console
        self._host = host
        self._stage = built
        self._people = {persona.name: persona for persona in PERSONAS}

    def play(self, root: Path) -> bool:
        self._introduce()
        self._three_levels()
        self._identifiers()
        self._join()
        self._texts()
        self._denials()
        trained = Training(self._console, self._host, self._stage, headline=self._headline).play()
        self._search()
        return self._verify(root) and trained

    def _introduce(self) -> None:
        counts = " · ".join(f"{count:,} {name}" for name, count in self._stage.summary.rows.items())
        self._console.print(Rule("A bank in production, and eight people who want something of it", align="left"))
        self._console.print(Text(counts, style="dim"))
        rows = [(p.name.title(), p.role, p.environment, p.purpose or "—", p.does) for p in PERSONAS]
        self._console.print(table(("who", "role", "environment", "purpose", ""), rows))

    def _three_levels(self) -> None:
        self._headline("1  The same SQL at three levels", SAME_SQL)
        self._compare(("rita", "ana", "otto"), SAME_SQL)

    def _identifiers(self) -> None:
        self._headline("2  Each column by its own mask; Ana's grant shows income in full", IDENTIFIERS)
        self._compare(("ana", "otto"), IDENTIFIERS)
        for sql in (LOANS, PAYMENTS):
            self._console.print(Syntax(sql, "sql", background_color="default"))
            self._compare(("ana", "otto"), sql)

    def _join(self) -> None:
        self._headline("3  A join over pseudonyms gives the true figures for the rows that Ana may see", JOIN)
        self._console.print(self._asked("ana", JOIN))

    def _texts(self) -> None:
        self._headline("4  Free text: what a note says of its customer is the customer's pseudonym", NOTES)
        for name in ("finn", "fran"):
            self._console.print(self._asked(name, NOTES))
        self._console.print(Syntax(NAMED, "sql", background_color="default"))
        self._console.print(Columns([self._asked(name, NAMED) for name in ("finn", "fran")], padding=(0, 1)))
        self._console.print(
            Text("      Finn finds an IBAN only as its customer's row writes it; the mask knew every spelling", "dim")
        )

    def _denials(self) -> None:
        self._headline("5  No, and why")
        self._refused("ida", "SELECT region, income FROM core.customers")
        self._refused("rita", "SELECT full_name FROM core.customers")
        self._refused("ana", "SELECT note FROM core.call_notes")
        self._refused("ana", ESCAPE)

    def _search(self) -> None:
        self._headline("11  An auditor asks: who saw core.customers.income, at which level, under which grant?")
        with self._stage.client("vera") as client:
            found = client.audit_entries(column="core.customers.income")
        rows = [row for entry in found for row in _access_rows(entry)]
        self._console.print(table(("time", "who", "purpose", "level", "grant", "result", "rows"), rows))

    def _verify(self, root: Path) -> bool:
        self._headline("12  The log proves itself; a changed copy does not")
        verified = self._host.verify(self._stage.settings)
        self._console.print(
            Text.assemble(
                ("gateway audit verify  ", "bold"),
                ("ok" if verified.ok else "TAMPERED", "bold green" if verified.ok else "bold red"),
                f"  {verified.size} entries, every byte accounted for",
            )
        )
        copy = _tampered_copy(self._stage.settings, root)
        self._console.print(Syntax(TAMPER, "sql", background_color="default", word_wrap=True))
        caught = self._host.verify(copy, verifier_key=self._host.verifier_key(self._stage.settings))
        self._console.print(
            Text.assemble(
                ("gateway audit verify  ", "bold"),
                ("NOT FOUND" if caught.ok else "TAMPERED", "bold red"),
            )
        )
        for finding in caught.findings[:3]:
            self._console.print(Text(f"  · {safe(finding)}"))
        return verified.ok and not caught.ok

    def _headline(self, text: str, sql: str = "") -> None:
        self._console.print()
        self._console.print(Rule(Text(text, style="bold"), align="left"))
        if sql:
            self._console.print(Syntax(sql, "sql", background_color="default"))

    def _compare(self, names: Sequence[str], sql: str) -> None:
        """Answers side by side, then the decision for each column and the rule that made it."""
        panels = [self._asked(name, sql) for name in names]
        self._console.print(Columns(panels, padding=(0, 1)))
        drawn = Table(box=None, pad_edge=False, header_style="dim")
        for header in ("who", "column", "level", "mask", "rule"):
            drawn.add_column(header)
        for name in names:
            persona = self._people[name]
            with self._stage.client(name) as client:
                told = client.explain(sql, purpose=persona.purpose)
            for column, level, mask, _, rule in column_rows(told):
                style = _LEVEL_STYLES[str(level)]
                drawn.add_row(
                    name.title(), str(column).rpartition(".")[2], Text(str(level), style=style), str(mask), str(rule)
                )
        self._console.print(drawn)

    def _asked(self, name: str, sql: str) -> Panel:
        """One person's answer."""
        persona = self._people[name]
        with self._stage.client(name) as client:
            found, _ = client.table(sql, purpose=persona.purpose)
        return Panel(_rows(found), title=_who(persona), title_align="left", border_style="dim", expand=False)

    def _refused(self, name: str, sql: str) -> None:
        persona = self._people[name]
        self._console.print(Text.assemble((f"{name.title()}  ", "bold"), (sql, "italic")))
        try:
            with self._stage.client(name) as client:
                client.table(sql, purpose=persona.purpose)
        except Refused as error:
            self._console.print(
                Text.assemble(("  no  ", "bold red"), (safe(error.code), "dim"), f"  {safe(error.detail)}")
            )
            for reason in error.reasons:
                self._console.print(Text(f"      · {safe(reason)}", style="dim"))
            if error.fix:
                self._console.print(Text.assemble(("      → ", "green"), safe(error.fix)))
        else:
            raise AssertionError("a request that must be refused was answered")


def _who(persona: Persona) -> Text:
    return Text.assemble((persona.name.title(), "bold"), f" · {persona.role}")


def _rows(found: pa.Table) -> Table:
    columns = [column.to_pylist() for column in found.columns]
    rows = [tuple(_cell(column[number]) for column in columns) for number in range(found.num_rows)]
    return table(found.column_names, rows)


def _cell(value: object) -> str:
    return "NULL" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)


def _access_rows(entry: Mapping[str, Any]) -> Sequence[tuple[object, ...]]:
    payload = entry["payload"] or {}
    outcome = entry["outcome"] or {}
    return [
        (
            str(entry["time"])[11:19],
            payload["actor"]["principal"],
            payload["purpose"] or "—",
            column["level"] or "—",
            column["grant"] or "—",
            entry["result"] or "running",
            outcome.get("rows", 0),
        )
        for column in payload.get("columns", ())
        if (column["dataset"], column["column"]) == ("core.customers", "income")
    ]


def _tampered_copy(settings: Settings, root: Path) -> Settings:
    """A copy of the control database in which somebody hides one access."""
    home = root / "tampered"
    home.mkdir()
    with sqlite3.connect(settings.home / "control.db") as original, sqlite3.connect(home / "control.db") as copy:
        original.backup(copy)
        copy.execute(TAMPER)
    original.close()
    copy.close()
    shutil.copytree(settings.home / "keys", home / "keys")
    return settings.model_copy(update={"home": home})
