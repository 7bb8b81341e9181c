"""Values that fit each mask, by number: equal numbers give equal values, other numbers other ones."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from gateway.masks import REVERSED, MaskInputs, output_type
from gateway.masks.kernel import Beside
from gateway.terms.key import KeyScope
from gateway.terms.mask_spec import MASK_SPECS, MaskUse, family_of
from gateway.terms.streams import RawStream
from tests.unit.masks.mask_builders import ScopedKeys, applied, decide, options

KINDS: tuple[pa.DataType, ...] = (
    *(pa.string(), pa.int64(), pa.uint64(), pa.decimal128(12, 2), pa.float64()),
    *(pa.date32(), pa.timestamp("us", tz="UTC"), pa.bool_(), pa.binary()),
)


def card(number: int) -> str:
    payload = f"411111{number:09d}"
    folded = (int(c) if place % 2 else sum(divmod(2 * int(c), 10)) for place, c in enumerate(reversed(payload)))
    return f"{payload}{-sum(folded) % 10}"


def iban(number: int) -> str:
    return f"DE{98 - int(f'37040044{number:010d}131400') % 97:02d}37040044{number:010d}"


TEXTS: dict[str, Callable[[int], str]] = {
    "fpe": lambda number: f"{number:09d}",
    "pan": card,
    "iban": iban,
    "phone": lambda number: f"+49 30 {number:07d}",
    "email": lambda number: f"{'anna' * (number % 3 + 1)}.{number}@banks.test",
}
"""Of masks that take texts of one format only; all others get texts of several lengths."""


def value(mask: str, kind: pa.DataType, number: int) -> Any:
    match family_of(kind):
        case "string":
            return TEXTS.get(mask, lambda n: f"{'somebody' * (n % 3)} {n}")(number)
        case "integer":
            return number * 37 % 2**31
        case "decimal":
            return decimal.Decimal(number * 37) / 100
        case "float":
            return number * 3.75
        case "date":
            return datetime.date(1970, 1, 1) + datetime.timedelta(number % 20_000)
        case "timestamp":
            zone = datetime.UTC if kind.tz else None
            return datetime.datetime(1990, 1, 1, tzinfo=zone) + datetime.timedelta(seconds=number * 4_321)
        case "boolean":
            return number % 2 == 1
        case _:
            return f"{'x' * (number % 3)}{number}".encode()


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A mask with parameters, and a type that it takes."""

    mask: str
    kind: pa.DataType
    parameters: tuple[tuple[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.mask} {self.kind} {dict(self.parameters)}"

    @property
    def use(self) -> MaskUse:
        return MaskUse(name=self.mask, parameters=dict(self.parameters))

    @property
    def leaks(self) -> frozenset[str]:
        return frozenset(MASK_SPECS[self.mask].leaks_with(self.use.parameters))

    def column(self, numbers: list[int | None]) -> pa.Array:
        return pa.array([None if n is None else value(self.mask, self.kind, n) for n in numbers], self.kind)

    def released(self, numbers: list[int | None], *, project: str = "credit-risk", subjects: Any = None) -> pa.Array:
        """What becomes of a column of these values; what is read beside them is one subject's, or these."""
        return self.through(self.column(numbers), project=project, subjects=subjects)

    def through(self, column: pa.Array, *, project: str = "credit-risk", subjects: Any = None) -> pa.Array:
        """The same of a column."""
        decision = decide("c", self.mask, **dict(self.parameters))
        beside = pa.array([1] * len(column) if subjects is None else subjects, pa.int64())
        batch = pa.record_batch({"c": column} | {one.column: beside for one in decision.auxiliary})
        (made,) = applied(RawStream(batch.schema, iter([batch])), decision, project=project)
        return made.column(0)

    def back(self, masked: pa.Array) -> pa.Array:
        """The values of masked ones of one subject."""
        decision = decide("c", self.mask, **dict(self.parameters))
        scope = KeyScope(project="credit-risk", domain="customer", mask=self.mask)
        beside = {one.role: Beside(column=pa.array([1] * len(masked)), canon="exact") for one in decision.auxiliary}
        inputs = MaskInputs(key=ScopedKeys().derive(scope), parameters=self.use.parameters, auxiliary=beside)
        return REVERSED[self.mask](masked, inputs)


def cases() -> Iterator[Case]:
    """Every mask, with its usual parameters and with each value that changes what it gives or tells."""
    for mask, spec in MASK_SPECS.items():
        for kind in KINDS:
            if family_of(kind) not in spec.accepts:
                continue
            usual = options(mask, kind)
            stated = [usual]
            stated += [usual | {one.parameter: next(iter(sorted(one.values, key=str)))} for one in spec.variants]
            stated += [usual | {"on_bad": "pseudonym"}] if "on_bad" in spec.parameters else []
            for parameters in stated:
                yield Case(mask, kind, tuple(sorted(parameters.items(), key=lambda item: item[0])))


def fits(case: Case) -> bool:
    """Whether the mask takes the type with these parameters."""
    spec = MASK_SPECS[case.mask]
    return spec.misfit(case.use.parameters, case.kind) is None and output_type(case.use, case.kind) is not None
