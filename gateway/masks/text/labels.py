"""What stands for a found value: `[PERSON 7K3…]` or `[PERSON 1]`.

Law (T1, T14): the domain's pseudonym only for a value of the row's own subject that stands there in full; every other
value gets a number that means something inside its text and nothing outside of it. So nobody learns by a text of his
own making which pseudonym somebody else has, and what a label says depends on nothing but row and text.

A label that is there already is left as it is, so that masking twice is masking once. Only such as can hold nothing of
anybody are left: a number of four digits at most, or a pseudonym that this row would be given anyway. Whoever writes
`[IBAN DE89…]` into a text hides nothing by it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from gateway.terms.recognition import KINDS, Found, Span

REDACTED: Final = "[REDACTED]"
"""Of a text that was not looked at."""
_WORDS: Final = {kind: kind.upper() for kind in KINDS}
_KIND: Final = "|".join(_WORDS.values())
_LABEL: Final = re.compile(
    rf"\[(?:REDACTED|(?:{_KIND}) (?:(?P<number>[1-9][0-9]{{0,3}})|(?P<pseudonym>[^\[\]\n]{{1,80}})))\]"
)
_UNFIT: Final = re.compile(r"[\[\]\n]|.{81}", re.DOTALL)
"""A pseudonym with any of it would not be read back as a label."""


def rewrite(text: str, found: Found, pseudonyms: Mapping[str, str]) -> str:
    """The text with a label for each span.

    Args:
        text: as it was looked at.
        found: in order, not overlapping.
        pseudonyms: of the row's own subject, by role; a role without one gets numbers.
    """
    if found.is_whole:
        return REDACTED
    spans = _unlabelled(text, found.spans, pseudonyms.values())
    if not spans:
        return text
    pieces, position = [], 0
    numbers: dict[str, dict[object, int]] = {}
    for span in spans:
        label = pseudonyms.get(span.own) if span.own else None
        if label is None or _UNFIT.search(label):
            given = numbers.setdefault(span.kind, {})
            label = str(given.setdefault(span.same_as or (span.start,), len(given) + 1))
        pieces += [text[position : span.start], f"[{_WORDS[span.kind]} {label}]"]
        position = span.end
    pieces.append(text[position:])
    return "".join(pieces)


def labels_in(text: str, pseudonyms: Collection[str]) -> list[tuple[int, int]]:
    """Where labels stand that can hold nothing but what the row would be given anyway."""
    if "[" not in text:
        return []
    own = set(pseudonyms)
    return [match.span() for match in _LABEL.finditer(text) if match["pseudonym"] is None or match["pseudonym"] in own]


def without_labels(text: str, pseudonyms: Collection[str]) -> str:
    """The text between its labels, a line each."""
    pieces, position = [], 0
    for start, end in labels_in(text, pseudonyms):
        pieces.append(text[position:start])
        position = end
    return "\n".join([*pieces, text[position:]])


def _unlabelled(text: str, spans: Sequence[Span], pseudonyms: Collection[str]) -> Sequence[Span]:
    """The spans that do not lie inside a label."""
    labels = labels_in(text, pseudonyms)
    if not labels:
        return spans
    return [span for span in spans if not any(start <= span.start and span.end <= end for start, end in labels)]
