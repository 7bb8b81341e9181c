"""What shapes identifiers have in a text; each module finds one family, in a folded text, in linear time."""

from __future__ import annotations

__all__ = ["codes", "cues", "draft", "ibans", "numbers", "online", "outline", "phones", "plain"]
