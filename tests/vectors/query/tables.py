"""Tables of docs/sql.md that are made of vectors: `python -m tests.vectors.query.tables` writes them."""

from __future__ import annotations

from pathlib import Path

import yaml

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "sql.md"


def constructs() -> list[str]:
    rows = yaml.safe_load((HERE / "constructs.yaml").read_text())
    return _table(("construct", "example"), [(row["construct"], f"`{row['example']}`") for row in rows])


def differences() -> list[str]:
    rows = yaml.safe_load((HERE / "differences.yaml").read_text())
    return _table(("expression", "here"), [(f"`{row['example']}`", row["why"]) for row in rows])


TABLES = {"constructs": constructs, "differences": differences}


def _table(head: tuple[str, str], rows: list[tuple[str, str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (list(head), ["---", "---"], *cells)]


def written(name: str) -> list[str]:
    """The lines that stand on the page between `<!-- name -->` and `<!-- end -->`."""
    return PAGE.read_text().partition(f"<!-- {name} -->\n")[2].partition("<!-- end -->")[0].splitlines()


if __name__ == "__main__":
    for name, render in TABLES.items():
        begin = f"<!-- {name} -->\n"
        before, _, rest = PAGE.read_text().partition(begin)
        _, end, after = rest.partition("<!-- end -->")
        PAGE.write_text("".join((before, begin, *(f"{line}\n" for line in render()), end, after)))
