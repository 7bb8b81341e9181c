"""`model`, `lineage`, `freshness`: HTTP clients of a running gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click
from rich.text import Text
from rich.tree import Tree

from gateway.cli.asking import client_of
from gateway.cli.host import Host
from gateway.cli.output import exit_codes, json_option, print_json, safe, stderr, stdout, table

_STATE_STYLES: Final[Mapping[str, str]] = {"fresh": "green", "due": "yellow", "stale": "bold red", "unknown": "dim"}
_BAD: Final = "bold red"
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


@click.group()
def model() -> None:
    """Register models, and list them."""


@model.command()
@click.argument("name")
@click.option("--version", required=True, help="1..63 of a-z, 0-9, . and -; never used twice.")
@click.option(
    "--trained-on",
    multiple=True,
    required=True,
    metavar="NAME@N",
    help="A dataset version. May be given several times.",
)
@click.option("--max-age", help="How old its training data may be: 7d, 36h, 90m.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=NUMBER", help="May be given several times.")
@json_option
@click.pass_obj
def register(host: Host, /, *, name: str, metrics: tuple[str, ...], as_json: bool, **facts: Any) -> None:  # noqa: ANN401 - version, trained_on, max_age
    """Say what a model version was trained on. It cannot be changed; the next training is the next version.

    \b
    gateway model register loan-default --version 2026-11 --trained-on loan-default@1 --max-age 7d --metric auc=.74
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    numbers = dict(_metric(text) for text in metrics)
    with exit_codes(), client_of(host) as client:
        made = client.register_model(name, metrics=numbers, **facts)
        if as_json:
            print_json(made)
            return
        stdout.print(Text.assemble((f"{safe(made['name'])}@{safe(made['version'])}", "bold"), " registered"))


@model.command(name="list")
@click.argument("name", required=False)
@json_option
@click.pass_obj
def listed(host: Host, name: str | None, *, as_json: bool) -> None:
    """List your model versions, newest first.

    \b
    gateway model list
    gateway model list loan-default
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = client.model_versions(name) if name else client.models()
        if as_json:
            print_json(found)
            return
        rows = [
            (
                f"{one['name']}@{one['version']}",
                ", ".join(one["trained_on"]),
                age_text(one["max_age_seconds"]),
                ", ".join(f"{metric}={value:g}" for metric, value in one["metrics"].items()),
                one["evidence"],
                one["owner"],
                str(one["registered"])[:19],
            )
            for one in found
        ]
        columns = ("model", "trained on", "allowed age", "metrics", "evidence", "owner", "registered")
        stdout.print(table(columns, rows))


@click.command()
@click.option("--model", "model_", metavar="NAME@V", help="What it was made of.")
@click.option("--dataset", metavar="NAME@N", help="What a dataset version was made of, and models trained on it.")
@click.option("--column", metavar="SOURCE.DATASET.COLUMN", help="What a source column went into.")
@click.option("--grant", metavar="ID", help="What rests on a grant.")
@json_option
@click.pass_obj
def lineage(host: Host, /, *, model_: str | None, as_json: bool, **roots: str | None) -> None:
    """Follow a model, a dataset version, a source column or a grant to everything that hangs on it.

    \b
    gateway lineage --model loan-default@2026-11
    gateway lineage --column core.customers.income
    gateway lineage --grant credit-risk-dev --json
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    if sum(root is not None for root in (model_, *roots.values())) != 1:
        raise click.UsageError("give one of --model, --dataset, --column and --grant")
    with exit_codes(), client_of(host) as client:
        graph = client.lineage(model=model_, **roots)
        if as_json:
            print_json(graph)
            return
        stdout.print(tree_of(graph))


@click.command()
@json_option
@click.pass_obj
def freshness(host: Host, *, as_json: bool) -> None:
    """Show how old each model's training data is, whether that is too old, and the retraining that runs.

    \b
    gateway freshness
    """  # noqa: D301 - \b is click's mark for a block that is not wrapped
    with exit_codes(), client_of(host) as client:
        found = client.freshness()
        if as_json:
            print_json(found)
            return
        drawn = table(("model", "version", "data as of", "allowed age", "state", "due", "retraining job"), ())
        for one in found:
            drawn.add_row(
                Text(safe(one["model"])),
                Text(safe(one["version"])),
                Text(_moment(one["watermark"])),
                Text(age_text(one["max_age_seconds"])),
                Text(safe(one["state"]), style=_STATE_STYLES.get(one["state"], "")),
                Text(_moment(one["due"])),
                Text(safe(one["job"]) or "—"),
            )
        stdout.print(drawn)
        for one in found:
            for finding in one["findings"]:
                stderr.print(Text(f"{safe(one['model'])}@{safe(one['version'])}: {safe(finding)}", style="dim"))


def tree_of(graph: Mapping[str, Any]) -> Tree:
    """The graph as a tree from its root. Edges point from what was made to its parts: above a version stand models."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    root = nodes[graph["root"]]
    tree = Tree(_label(root))
    match root["kind"]:
        case "model":
            for edge in _edges(graph, source=root["id"]):
                _grow_down(tree.add(_label(nodes[edge["target"]])), edge["target"], graph, nodes)
        case "version":
            _grow_up(tree, root["id"], graph, nodes)
            _grow_down(tree, root["id"], graph, nodes)
        case _:
            for made in sorted({edge["source"] for edge in _edges(graph, target=root["id"])}):
                branch = tree.add(_label(nodes[made]))
                _grow_up(branch, made, graph, nodes)
                _grow_down(branch, made, graph, nodes)
    return tree


def _grow_up(branch: Tree, version: str, graph: Mapping[str, Any], nodes: Mapping[str, Any]) -> None:
    for edge in _edges(graph, target=version):
        branch.add(Text.assemble(("↑ ", "cyan"), _label(nodes[edge["source"]])))


def _grow_down(branch: Tree, version: str, graph: Mapping[str, Any], nodes: Mapping[str, Any]) -> None:
    edges = _edges(graph, source=version)
    for edge in edges:
        if edge["kind"] != "read":
            branch.add(_label(nodes[edge["target"]]))
    datasets: dict[str, Tree] = {}
    for edge in edges:
        if edge["kind"] == "read":
            facts = nodes[edge["target"]]["facts"]
            name = str(facts["dataset"])
            if name not in datasets:
                datasets[name] = branch.add(Text.assemble(("dataset ", "dim"), safe(name)))
            level, grant = safe(edge["facts"]["level"]), safe(edge["facts"]["grant"])
            datasets[name].add(Text.assemble(safe(facts["column"]), (f"  {level}", "green"), (f"  by {grant}", "dim")))


def _edges(graph: Mapping[str, Any], *, source: str | None = None, target: str | None = None) -> Sequence[Any]:
    return [edge for edge in graph["edges"] if source in (None, edge["source"]) and target in (None, edge["target"])]


def _label(node: Mapping[str, Any]) -> Text:
    facts = node["facts"]
    told = Text.assemble((f"{safe(node['kind'])} ", "dim"), (safe(node["name"]), "bold"))
    match node["kind"]:
        case "model":
            told.append(f"  {safe(facts['owner'])}, {safe(facts['evidence'])}", style="dim")
        case "version":
            told.append(f"  {facts['rows']} rows, as of {_moment(facts['watermark'])}", style="dim")
            if facts["is_expired"]:
                told.append("  expired", style=_BAD)
        case "policy":
            told.append("  active" if facts["is_active"] else "  no longer active", style="dim")
        case "grant":
            until = f" {_moment(facts['until'])}" if facts["until"] else ""
            held = facts["state"] == "holds"
            told.append(f"  {safe(facts['origin'])}", style="dim")
            told.append(
                f"  {'holds until' if held and until else safe(facts['state'])}{until}", style="" if held else _BAD
            )
    return told


def _metric(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise click.BadParameter(f"not NAME=NUMBER: {safe(text)}", param_hint="--metric") from None


def _moment(text: object) -> str:
    return safe(text)[:16].replace("T", " ") if text else "—"


def age_text(seconds: int | None) -> str:
    """`7d`, `36h`, `90min`; a dash where there is no requirement."""
    if seconds is None:
        return "—"
    for size, unit in _UNITS:
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


COMMANDS = (model, lineage, freshness)
