"""Masks of one value form one nested chain (T7): of any two, one can be made of the other.

Else both together tell more than each: steps of 5000 and of 7000 narrow a number down to 1000. One value stands in
every column of its domain, and in every dataset of its table. Between levels there is nothing to check: a column has
one mask, and what it shows in full tells all.
"""

from __future__ import annotations

import decimal
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Final

from gateway.policy.bundle import Releases
from gateway.policy.laws.places import places_of
from gateway.policy.vocabulary import Problems
from gateway.terms.dataset import Datasets
from gateway.terms.document import Node
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, Parameter, Parameters
from gateway.terms.policy import ColumnDecision, Level

_NOTHING: Final = frozenset({"redact", "constant"})
_DRAWN: Final = frozenset({"hash_bucket", "date_shift"})
"""What the key draws joins several values: drawn by two keys, both together tell more than either."""
_COARSER_UNITS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "day": frozenset({"day", "week", "month", "quarter", "year"}),
        "week": frozenset({"week"}),  # begins in one month and ends in the next
        "month": frozenset({"month", "quarter", "year"}),
        "quarter": frozenset({"quarter", "year"}),
        "year": frozenset({"year"}),
    }
)


def check_nesting(releases: Releases, *, datasets: Datasets, problems: Problems) -> None:
    """Note every pair of masks of one value of which neither can be made of the other, at the later column."""
    for what, decisions in _values(releases, datasets=datasets).items():
        for one, other in combinations(decisions, 2):
            one_key = _key(one) == _key(other)
            if not (
                determines(one.mask, other.mask, one_key=one_key) or determines(other.mask, one.mask, one_key=one_key)
            ):
                dataset = datasets[other.dataset]
                with problems.noted():
                    raise Node(None, dataset.file, dataset.columns[other.column].line).fail(
                        f"{_told(other)} and {_told(one)} show {what} so that both tell more than either:"
                        f" {_advice(one.mask, other.mask, one_key=one_key)}"
                    )


def determines(fine: MaskUse, coarse: MaskUse, *, one_key: bool = False) -> bool:
    """Whether whoever sees a value through `fine` learns nothing more of it through `coarse`.

    `one_key`: both draw by the same key, where they draw.
    """
    if fine.name == coarse.name and fine.name in _DRAWN and not one_key:
        return False
    if fine == coarse or fine.name == "keep" or coarse.name in _NOTHING:
        return True
    specs = MASK_SPECS[fine.name], MASK_SPECS[coarse.name]
    if fine.name != "hash_bucket" and all(spec.keyed and spec.keyed_by == "domain" for spec in specs):
        # What a keyed mask gives is of no value; beyond the pattern of equal ones it tells what it declares.
        return specs[1].leaks_with(coarse.parameters) <= specs[0].leaks_with(fine.parameters)
    rule = _RULES.get(fine.name) if fine.name == coarse.name else None
    return rule is not None and rule(fine.parameters, coarse.parameters)


def _values(releases: Releases, *, datasets: Datasets) -> Mapping[str, list[ColumnDecision]]:
    """The decisions about what is one value, each mask once: the first column that has it."""
    found: dict[str, list[ColumnDecision]] = defaultdict(list)
    for dataset in datasets.values():
        for column in dataset.columns.values():
            decision = releases.get((dataset.name, column.name, Level.PSEUDONYMIZED))
            if not isinstance(decision, ColumnDecision):
                continue
            for place in places_of(dataset, column):
                if all((known.mask, _key(known)) != (decision.mask, _key(decision)) for known in found[place]):
                    found[place].append(decision)
    return found


def _key(decision: ColumnDecision) -> str | None:
    """The domain whose key the mask draws by; None: it draws nothing."""
    if decision.mask.name not in _DRAWN:
        return None
    is_subjects = MASK_SPECS[decision.mask.name].keyed_by == "subject"
    subjects = (auxiliary.domain for auxiliary in decision.auxiliary if auxiliary.role == "subject")
    return next(subjects, None) if is_subjects else decision.domain


def _buckets(fine: Parameters, coarse: Parameters) -> bool:
    step, edges = fine["step"], coarse["edges"]
    begins = edges if isinstance(edges, tuple) and edges else (coarse["step"],)
    if fine["edges"]:
        return bool(coarse["edges"]) and set(_numbers(begins)) <= set(_numbers(fine["edges"]))
    return all(_is_multiple(begin, step) for begin in _numbers(begins))


def _clips(fine: Parameters, coarse: Parameters) -> bool:
    (lowest, low), (highest, high) = ((_number(fine[name]), _number(coarse[name])) for name in ("low", "high"))
    return lowest <= low and high <= highest


def _units(fine: Parameters, coarse: Parameters) -> bool:
    return coarse["unit"] in _COARSER_UNITS[str(fine["unit"])]


def _characters(fine: Parameters, coarse: Parameters) -> bool:
    hides_length = fine["width"] != 0 and coarse["width"] == 0
    # fewer are shown of shorter texts: 4 hides a text of 5 characters, of which 2 shows 2
    return fine["n"] == coarse["n"] and not hides_length


def _drawn(fine: Parameters, coarse: Parameters) -> bool:
    """A bucket's number is the rest of a division by their count; two counts without a common divisor tell both."""
    return _is_multiple(_number(fine["buckets"]), coarse["buckets"])


def _groups(fine: Parameters, coarse: Parameters) -> bool:
    tells_unknown = fine["unknown"] == "other" or coarse["unknown"] != "other"
    return fine["table"] == coarse["table"] and _number(fine["level"]) <= _number(coarse["level"]) and tells_unknown


# round is not among them: 0.05 is 0.0 to tenths and so below 0.05 or it; rounded twice, halves go two ways.
_RULES: Final[Mapping[str, Callable[[Parameters, Parameters], bool]]] = MappingProxyType(
    {
        "bucket": _buckets,
        "generalize": _groups,
        "hash_bucket": _drawn,
        "keep_first": _characters,
        "keep_last": _characters,
        "top_code": _clips,
        "truncate_date": _units,
    }
)


def _numbers(values: Parameter | Iterable[Parameter]) -> list[decimal.Decimal]:
    return [_number(value) for value in values] if isinstance(values, tuple) else []  # type: ignore[arg-type]  # of a list parameter


def _number(value: Parameter) -> decimal.Decimal:
    return decimal.Decimal(value) if isinstance(value, int | decimal.Decimal) else decimal.Decimal("nan")


def _is_multiple(number: decimal.Decimal, step: Parameter) -> bool:
    return decimal.Context(prec=60).remainder(number, _number(step)) == 0


def _told(decision: ColumnDecision) -> str:
    shown = ", ".join(f"{name} {value}" for name, value in decision.mask.shown().items() if not isinstance(value, dict))
    return f"{decision.dataset}.{decision.column} ({decision.mask.name}{f': {shown}' if shown else ''})"


def _advice(one: MaskUse, other: MaskUse, *, one_key: bool) -> str:
    if one.name == other.name and not one_key:
        return f"{one.name} draws by the domain's key: give both the same domain, or redact one"
    if one.name != other.name:
        return "give both the same mask, or redact one"
    match one.name:
        case "bucket":
            return "allowed are steps that are multiples of the smaller, and edges that are among the other's edges"
        case "truncate_date":
            return "allowed are units that hold the other's whole: day in week; day in month in quarter in year"
        case "hash_bucket":
            return "allowed are counts that are multiples of the smaller"
        case "round":
            return "rounding never holds another rounding whole: use bucket, with steps that are multiples"
        case _:
            return "give both the same parameters, or redact one"
