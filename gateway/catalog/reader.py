"""Reads `catalog/*.yaml`: sources, datasets, columns.

Each file names one source; each dataset is `source.dataset` and stands in one file only. What spans several
datasets (a text's subject, columns that outsiders write) is checked when all files are read.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import re
from collections.abc import Mapping

import pyarrow as pa

from gateway.catalog.about import read_about
from gateway.catalog.types import read_type
from gateway.terms.dataset import CLASSIFICATIONS, Classification, Column, Dataset, Datasets, Subject, Watermark
from gateway.terms.document import Node, PolicyFiles
from gateway.terms.identity import is_name
from gateway.terms.mask_reader import misfit_of, read_mask
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, family_of

_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TABLE_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_LATENESS = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_NUMERIC = frozenset({"integer", "decimal", "float"})
_DIMENSIONS: frozenset[Classification] = frozenset({"public", "quasi_identifier"})
_NEVER_KEPT: frozenset[Classification] = frozenset({"direct_identifier", "free_text"})


def read_catalog(files: PolicyFiles) -> Datasets:
    """All datasets of all catalog files, by name.

    `clip` is checked and belongs to masks that read it; no column carries it yet.

    Raises:
        Invalid: the first thing that is wrong, as `file:line: what, and what is allowed`.
    """
    datasets: dict[str, Dataset] = {}
    nodes: dict[str, Mapping[str, Node]] = {}
    for path in files.folder("catalog"):
        root = files.document(path).mapping(required=frozenset({"source", "datasets"}), optional=frozenset())
        source = _read_identifier(root["source"], what="a source")
        for name, node in root["datasets"].mapping().items():
            if name in datasets:
                raise node.fail(f"dataset {name!r} stands in {datasets[name].file}:{datasets[name].line} already")
            fields = _fields_of_dataset(node)
            datasets[name] = _read_dataset(name, node=node, fields=fields, source=source)
            nodes[name] = fields["columns"].mapping()
    for name, columns in nodes.items():
        datasets[name] = _with_abouts(datasets[name], nodes=columns, datasets=datasets)
    _check_outsiders(datasets, nodes)
    return datasets


def _fields_of_dataset(node: Node) -> dict[str, Node]:
    return node.mapping(
        required=frozenset({"table", "columns"}),
        optional=frozenset({"owner", "discoverable", "subject", "watermark", "scan_rate"}),
    )


def _read_dataset(name: str, *, node: Node, fields: Mapping[str, Node], source: str) -> Dataset:
    prefix, _, local = name.partition(".")
    if prefix != source or not _IDENTIFIER.fullmatch(local):
        raise node.fail(f"dataset {name!r} must be {source}.NAME, NAME of a-z 0-9 _ in lower case")
    columns = {key: _read_column(key, node=column) for key, column in fields["columns"].mapping().items()}
    if not columns:
        raise fields["columns"].fail("at least one column is needed")
    return Dataset(
        name=name,
        source=source,
        table=_read_table(fields["table"]),
        owner=fields["owner"].text() if "owner" in fields else "",
        # Closed by default: a forgotten line hides a name, it does not publish one.
        discoverable=_read_bool(fields["discoverable"]) if "discoverable" in fields else False,
        subject=_read_subject(fields["subject"], columns=columns) if "subject" in fields else None,
        watermark=_read_watermark(fields["watermark"], columns=columns) if "watermark" in fields else None,
        columns=columns,
        scan_rate=_read_rate(fields["scan_rate"]) if "scan_rate" in fields else 1.0,
        file=node.file,
        line=node.line,
    )


def _read_column(name: str, *, node: Node) -> Column:
    if not _IDENTIFIER.fullmatch(name):
        raise node.fail(f"column {name!r} must be of a-z 0-9 _ in lower case")
    fields = node.mapping(
        required=frozenset({"type", "class"}),
        optional=frozenset({"domain", "dimension", "mask", "clip", "about", "written_by"}),
    )
    kind, class_ = read_type(fields["type"]), _read_class(fields["class"])
    column = Column(
        name=name,
        type=kind,
        classification=class_,
        domain=_read_domain(fields["domain"]) if "domain" in fields else None,
        dimension=_read_bool(fields["dimension"]) if "dimension" in fields else False,
        mask=_read_own_mask(fields["mask"], kind=kind, class_=class_) if "mask" in fields else None,
        line=node.line,
    )
    if column.dimension and column.classification not in _DIMENSIONS:
        raise fields["dimension"].fail(f"only {' and '.join(sorted(_DIMENSIONS))} columns may be dimensions")
    if "clip" in fields:
        _check_clip(column, node=fields["clip"])
    if "about" in fields and column.classification != "free_text":
        raise fields["about"].fail("only free_text columns are about somebody")
    if "written_by" in fields and fields["written_by"].text() != "outsider":
        raise fields["written_by"].fail("allowed: outsider")
    return column


def _read_own_mask(node: Node, *, kind: pa.DataType, class_: Classification) -> MaskUse:
    mask = read_mask(node)
    if wrong := misfit_of(mask, kind):
        raise node.fail(wrong)
    if "value" in MASK_SPECS[mask.name].leaks_with(mask.parameters) and class_ in _NEVER_KEPT:
        raise node.fail(f"{mask.name} would show a {class_} at the pseudonymized level")
    return mask


def _check_clip(column: Column, *, node: Node) -> None:
    bounds = [part.value for part in node.sequence()]
    if family_of(column.type) not in _NUMERIC:
        raise node.fail(f"clip is for numbers, not for {column.type}")
    numbers = [b for b in bounds if isinstance(b, int | float | decimal.Decimal) and not isinstance(b, bool)]
    # `not <` and not `>=`: NaN compares false with everything.
    if len(bounds) != 2 or len(numbers) != 2 or not numbers[0] < numbers[1]:  # noqa: PLR2004 - [low, high]
        raise node.fail("clip is [low, high] with low < high")


def _read_subject(node: Node, *, columns: Mapping[str, Column]) -> Subject:
    fields = node.mapping(required=frozenset({"column", "domain"}), optional=frozenset())
    column = _known_column(fields["column"], columns=columns)
    domain = fields["domain"].text()
    if column.domain != domain:
        raise fields["domain"].fail(f"column {column.name} has domain {column.domain}, so the subject must have it too")
    return Subject(column=column.name, domain=domain)


def _read_watermark(node: Node, *, columns: Mapping[str, Column]) -> Watermark:
    fields = node.mapping(required=frozenset({"column", "lateness"}), optional=frozenset())
    column = _known_column(fields["column"], columns=columns)
    if family_of(column.type) not in {"timestamp", "date"}:
        raise fields["column"].fail(f"a watermark is a timestamp or a date, not {column.type}")
    match = _LATENESS.fullmatch(str(fields["lateness"].value))
    if match is None:
        raise fields["lateness"].fail("a lateness is a number and s, m, h or d: 90s, 1h, 2d")
    lateness = datetime.timedelta(**{_UNITS[match[2]]: int(match[1])})
    return Watermark(column=column.name, lateness=lateness)


def _with_abouts(dataset: Dataset, *, nodes: Mapping[str, Node], datasets: Datasets) -> Dataset:
    columns = dict(dataset.columns)
    for name, column in dataset.columns.items():
        node = nodes[name].mapping().get("about")
        if node is not None:
            about = read_about(node, dataset=dataset, column=column, datasets=datasets)
            columns[name] = dataclasses.replace(column, about=about)
    return dataclasses.replace(dataset, columns=columns)


def _check_outsiders(datasets: Datasets, nodes: Mapping[str, Mapping[str, Node]]) -> None:
    """Refuse a column that outsiders fill in a domain that others share, or to say whom a text is about (T1)."""
    outsiders = {
        (name, column)
        for name, columns in nodes.items()
        for column, node in columns.items()
        if "written_by" in node.mapping()
    }
    own = {
        column.domain
        for name, dataset in datasets.items()
        for column in dataset.columns.values()
        if (name, column.name) not in outsiders
    }
    for name, dataset in datasets.items():
        for column in dataset.columns.values():
            if column.about and not outsiders.isdisjoint((name, here) for here, _ in column.about.on):
                raise nodes[name][column.name].fail(
                    f"outsiders write what names whom {column.name} is about: they would choose whose values it knows"
                )
    for name, column_name in sorted(outsiders):
        domain = datasets[name].columns[column_name].domain
        if domain is not None and domain in own:
            raise nodes[name][column_name].fail(
                f"outsiders write {column_name}: it needs a domain of its own, {domain} is shared with columns of ours"
            )


def _known_column(node: Node, *, columns: Mapping[str, Column]) -> Column:
    if node.text() not in columns:
        raise node.fail(f"unknown column {node.text()!r}; columns are: {', '.join(columns)}")
    return columns[node.text()]


def _read_class(node: Node) -> Classification:
    for known in CLASSIFICATIONS:
        if known == node.value:
            return known
    raise node.fail(f"unknown class; classes are: {', '.join(CLASSIFICATIONS)}")


def _read_domain(node: Node) -> str:
    if not is_name(node.text()):
        raise node.fail("a domain's name is 1..63 of a-z 0-9 -")
    return node.text()


def _read_identifier(node: Node, *, what: str) -> str:
    if not _IDENTIFIER.fullmatch(node.text()):
        raise node.fail(f"{what}'s name is of a-z 0-9 _ in lower case")
    return node.text()


def _read_table(node: Node) -> tuple[str, ...]:
    parts = tuple(node.text().split("."))
    if not all(_TABLE_PART.fullmatch(part) for part in parts):
        raise node.fail("a table is NAME or SCHEMA.NAME, of A-Z a-z 0-9 _")
    return parts


def _read_rate(node: Node) -> float:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal) or not 0 < value <= 1:
        raise node.fail("a share of the rows is needed here: above 0, at most 1")
    return float(value)


def _read_bool(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise node.fail("true or false is needed here")
    return node.value
