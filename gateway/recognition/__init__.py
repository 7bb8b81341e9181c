"""What finds personal data in texts and columns. Pure: no process, no network, no key, no clock but a library's.

Texts are compared folded (`folding`): look-alike letters, zero-width and control characters do not hide a value.
A kind with a check digit is found by shape and check digit; a right shape with a wrong one is removed and flagged.
Every search is linear in the text's length: no nested unbounded quantifier, no validator on more than a bounded window.
What it finds is told by place and kind; a value never enters an error, a log or a repr.
It runs in the worker processes of `gateway.detection`; only `ner` and `presidio` import models, lazily.
"""

from __future__ import annotations

__all__ = ["addresses", "checks", "columns", "dates", "folding", "ner", "presidio", "redactor", "structured"]
