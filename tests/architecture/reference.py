"""Reference pages that are generated from the code: `make docs` writes them, a test holds them."""

from __future__ import annotations

from pathlib import Path

from gateway.settings import Settings

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


PAGES = {"docs/settings.md": settings_page}

if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page())
