"""How well columns are classified: `python -m tests.quality.columns [--alone] [--list]`. Figures.

Sets: the development tables, public data sets with the labels of labels.yaml, the hard tables, and core banks. Each
with the names shown, hidden (`col0`), and the names alone without a value; beside them presidio-structured's own way in
the same run, in an environment of its own (tests/bench/bench_pii_columns.py). `--list` names wrong columns, but not of
the sets that judge (UNLISTED). The development tables need faker, and are left out without it.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml

from gateway.recognition.columns import classify_table
from gateway.terms.dataset import CLASSIFICATIONS
from gateway.terms.recognition import SampledColumn, SampledTable

SHARED: Final = Path(__file__).parents[3] / "shared" / "data"
LABELS: Final = Path(__file__).with_name("labels.yaml")
ROWS: Final = 500
PLACES: Final = 16
LISTED: Final = ("nl", "pl", "it")
"""Banks whose wrong columns are listed; of the others only figures are looked at."""
UNLISTED: Final = ("hard", "de fr es cs")
_TYPES: Final = {
    "int64": pa.int64(),
    "decimal": pa.decimal128(14, 4),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_OLD_CLASSES: Final = {
    "direct": "direct_identifier",
    "quasi": "quasi_identifier",
    "sensitive": "sensitive",
    "freetext": "free_text",
    "harmless": "public",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A table with the class of each column, and what a reviewer would accept too."""

    name: str
    table: SampledTable
    labels: tuple[str, ...]
    accepted: tuple[frozenset[str], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A column with what was proposed for it."""

    table: str
    column: str
    label: str
    accepted: frozenset[str]
    proposed: str
    kind: str = ""
    needs_review: bool = False


def sampled(name: str, values: pa.Array | pa.ChunkedArray) -> SampledColumn:
    """A column as a source's sample has it: texts, plain decimals, ISO dates."""
    texts = tuple(None if value is None else _text(value) for value in values.to_pylist())
    return SampledColumn(name=name, type=values.type, values=texts)


def _text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def development() -> Iterator[Labelled]:
    """The four tables of dev_tables.py."""
    path = SHARED / "pii" / "dev_tables.py"
    spec = importlib.util.spec_from_file_location("dev_tables", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, _, frame, classes, _ in module.tables(ROWS):
        columns = tuple(sampled(one, pa.array(frame[one].tolist())) for one in frame)
        labels = tuple(_OLD_CLASSES[classes[one]] for one in frame)
        yield _labelled(name, columns, labels)


def public_sets() -> Iterator[Labelled]:
    """The data sets of labels.yaml, sampled as a catalog scan does: in places all over the table."""
    for path, classes in yaml.safe_load(LABELS.read_text()).items():
        yield _with_labels(path, _spread(pq.read_table(SHARED / f"{path}.parquet")), classes)


def _spread(read: pa.Table) -> pa.Table:
    """At most 4 * ROWS rows, from PLACES places of equal distance."""
    rows = 4 * ROWS // PLACES
    if read.num_rows <= rows * PLACES:
        return read
    return pa.concat_tables([read.slice(place * read.num_rows // PLACES, rows) for place in range(PLACES)])


def _with_labels(path: str, read: pa.Table, classes: dict[str, Any]) -> Labelled:
    others = classes.pop("or", {})
    main = {column: one for one, columns in classes.items() for column in columns}
    labels = tuple(main.get(name) or others[name][0] for name in read.column_names)
    accepted = tuple(
        frozenset({label, *others.get(name, ())}) for name, label in zip(read.column_names, labels, strict=True)
    )
    columns = tuple(sampled(name, read[name]) for name in read.column_names)
    table = SampledTable(name=path.rpartition("/")[2], columns=columns)
    return Labelled(name=path, table=table, labels=labels, accepted=accepted)


def hard() -> Iterator[Labelled]:
    """Tables as legacy systems have them, by another hand."""
    from tests.quality.hard.tables import tables

    for one in tables():
        columns = tuple(sampled(column.name, pa.array(column.values)) for column in one.columns)
        yield Labelled(
            name=one.name,
            table=SampledTable(name=one.name, columns=columns),
            labels=tuple(column.label for column in one.columns),
            accepted=tuple(column.accepted | {column.label} for column in one.columns),
        )


def core_banks() -> Iterator[Labelled]:
    """Customers and accounts of seven countries' banks, by a third hand; values made by Faker."""
    folder = Path(__file__).with_name("core_banks")
    for name, classes in yaml.safe_load((folder / "labels.yaml").read_text()).items():
        types = {column: _TYPES[one] for column, one in classes.pop("types").items()}
        texts = pa_csv.ConvertOptions(
            column_types=types, default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]
        )
        yield _with_labels(name, pa_csv.read_csv(folder / f"{name}.csv", convert_options=texts), classes)


def _labelled(name: str, columns: tuple[SampledColumn, ...], labels: tuple[str, ...]) -> Labelled:
    table = SampledTable(name=name, columns=columns)
    return Labelled(name=name, table=table, labels=labels, accepted=tuple(frozenset({one}) for one in labels))


def hidden(one: Labelled) -> Labelled:
    """The same values under names that say nothing."""
    columns = tuple(dataclasses.replace(column, name=f"col{at}") for at, column in enumerate(one.table.columns))
    return dataclasses.replace(one, table=dataclasses.replace(one.table, name="t", columns=columns))


def nameless(one: Labelled) -> Labelled:
    """The names without a value."""
    columns = tuple(dataclasses.replace(column, values=()) for column in one.table.columns)
    return dataclasses.replace(one, table=dataclasses.replace(one.table, columns=columns))


def judged(tables: Iterable[Labelled], *, names: Sequence[Labelled] | None = None) -> list[Judged]:
    """Classify all columns; `names` are the tables by whose names a column is told of."""
    found = []
    tables = list(tables)
    for one, told in zip(tables, names or tables, strict=True):
        verdicts = classify_table(one.table)
        for at, (verdict, column) in enumerate(zip(verdicts, told.table.columns, strict=True)):
            found.append(
                Judged(
                    table=one.name,
                    column=column.name,
                    label=one.labels[at],
                    accepted=one.accepted[at],
                    proposed=verdict.classification,
                    kind=f"{verdict.kind} {verdict.confidence}",
                    needs_review=verdict.needs_review,
                )
            )
    return found


def figures(label: str, found: Sequence[Judged], seconds: float) -> str:
    """One line: accuracy, and precision and recall by class, accepted labels counted as right."""
    right = sum(one.proposed in one.accepted for one in found)
    parts = [f"{label:22s} {len(found):4d} columns  right {right / len(found):.2f}"]
    for name in CLASSIFICATIONS:
        of_class = [one for one in found if one.label == name]
        proposed = [one for one in found if one.proposed == name]
        recall = _share(sum(one.proposed in one.accepted for one in of_class), len(of_class))
        precision = _share(sum(name in one.accepted for one in proposed), len(proposed))
        parts.append(f"{name.split('_')[0]} P{precision} R{recall}")
    missed = [one for one in found if one.label != "public" and one.proposed not in one.accepted]
    laxer = [one for one in missed if one.proposed == "public" or one.label == "direct_identifier"]
    parts.append(f"missed {len(missed)} (flagged {sum(one.needs_review for one in missed)})")
    parts.append(f"laxer {len(laxer)} (flagged {sum(one.needs_review for one in laxer)})")
    parts.append(f"review {sum(one.needs_review for one in found) / len(found):.2f}")
    if seconds:
        parts.append(f"{len(found) / seconds:.0f} columns/CPU-s")
    return "  ".join(parts)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f}" if whole else "-"


def _presidio(tables: Sequence[Labelled]) -> tuple[list[Judged], float]:
    """presidio-structured on the same values: an entity of its own is a direct identifier, a place or date is quasi."""
    from tests.bench.bench_pii_columns import entities

    of_all, seconds = entities([one.table for one in tables])
    found = []
    for one, kinds in zip(tables, of_all, strict=True):
        for at, kind in enumerate(kinds):
            proposed = {"": "public", "LOCATION": "quasi_identifier", "DATE_TIME": "quasi_identifier"}
            proposed |= {"NRP": "quasi_identifier"}
            found.append(
                Judged(
                    table=one.name,
                    column=one.table.columns[at].name,
                    label=one.labels[at],
                    accepted=one.accepted[at],
                    proposed=proposed.get(kind, "direct_identifier"),
                    kind=kind,
                )
            )
    return found, seconds


def _sets() -> dict[str, list[Labelled]]:
    sets: dict[str, list[Labelled]] = {}
    if (SHARED / "pii" / "dev_tables.py").exists() and importlib.util.find_spec("faker"):
        sets["development"] = list(development())
    if SHARED.exists():
        sets["public sets"] = list(public_sets())
    sets["hard"] = list(hard())
    banks = list(core_banks())
    sets["nl pl it"] = [one for one in banks if one.name[:2] in LISTED]
    sets["de fr es cs"] = [one for one in banks if one.name[:2] not in LISTED]
    return sets


def main(arguments: Sequence[str]) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.columns", description=__doc__)
    parser.add_argument("--alone", action="store_true", help="without presidio-structured")
    parser.add_argument("--list", action="store_true", help="columns that were not right, but those of the hard set")
    options = parser.parse_args(arguments)
    for name, tables in _sets().items():
        shows = {"names shown": tables, "names hidden": [hidden(one) for one in tables]}
        shows["names alone"] = [nameless(one) for one in tables]
        for how, shown in shows.items():
            begin = time.process_time()
            found = judged(shown, names=tables)
            print(f"{name:12s}", figures(how, found, time.process_time() - begin), flush=True)
            if options.list and name not in UNLISTED and how != "names alone":
                _print_wrong(found)
        if not options.alone:
            found, seconds = _presidio(tables)
            print(f"{name:12s}", figures("presidio-structured", found, seconds), flush=True)
    return 0


def _print_wrong(found: Sequence[Judged]) -> None:
    for one in found:
        if one.proposed not in one.accepted:
            flag = "review" if one.needs_review else "SURE  "
            print(f"    {flag} {one.table}.{one.column}: {one.label} -> {one.proposed} {one.kind}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
