"""Reference pages that are generated from the code: `make docs` writes them, a test holds them."""

from __future__ import annotations

from pathlib import Path

from gateway.settings import Settings
from gateway.terms.mask_spec import MASK_SPECS, MaskSpec
from tests.adversary.test_text_identifiers import recognition_page

ROOT = Path(__file__).parents[2]


def settings_page() -> str:
    """docs/settings.md."""
    lines = [
        "# Settings",
        "Fields of `gateway/settings.py`: a `GATEWAY_…` variable comes before `gateway.toml`, that before the default.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", {}) else f"`{field.default}`"
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `GATEWAY_{name.upper()}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def masks_page() -> str:
    """docs/mask-reference.md."""
    lines = [
        "# Masks, one by one",
        "From `gateway/terms/mask_spec/`. What they are for, and which to take: [masks.md](masks.md).",
    ]
    for spec in MASK_SPECS.values():
        lines += ["", f"## {spec.name}", spec.does, "", *_facts(spec)]
        if spec.parameters:
            lines += ["", "| parameter | allowed | default | meaning |", "|---|---|---|---|"]
        for name, kind in spec.parameters.items():
            default = "needed" if kind.default is None else f"`{kind.default}`".lower().replace("``", "none")
            lines.append(f"| `{name}` | {kind.allowed} | {default} | {kind.means} |".replace("`()`", "none"))
    return "\n".join(lines) + "\n"


def _facts(spec: MaskSpec) -> list[str]:
    facts = [
        f"- takes: {', '.join(sorted(spec.accepts))}; gives: {spec.output.replace('same', 'the same type')}",
        f"- still tells: {', '.join(sorted(spec.leaks)) or 'nothing'}",
    ]
    if spec.keyed:
        back = "leads back" if spec.reversible else "does not lead back"
        facts.append(f"- needs a key, of the domain of its {spec.keyed_by.replace('domain', 'values')}, which {back}")
    if spec.canons:
        facts.append(f"- canonical forms: {', '.join(sorted(spec.canons))}")
    if spec.auxiliary:
        facts.append(f"- reads beside: {', '.join(spec.auxiliary)}")
    for one in spec.variants:
        values = ", ".join(f"`{str(value).lower()}`" for value in sorted(one.values, key=str))
        told = [f"tells {', '.join(sorted(one.leaks))} besides"] if one.leaks else []
        told += [f"gives {one.output}"] if one.output else []
        told += [f"reads {', '.join(one.auxiliary)} beside"] if one.auxiliary else []
        told += ["the key does not lead back"] if spec.reversible and not one.reversible else []
        facts.append(f"- `{one.parameter}` {values}: {'; '.join(told) or 'as without'}")
    return facts


PAGES = {
    "docs/settings.md": settings_page,
    "docs/mask-reference.md": masks_page,
    "docs/recognition.md": recognition_page,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page())
