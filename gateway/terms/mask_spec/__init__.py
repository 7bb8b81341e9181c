"""What each mask is called, takes, gives and still leaks, as data.

Policy lint and planning read this; the kernels live in masks/, and a test holds `masks.MASKS` equal to `MASK_SPECS`.
A new mask is a line in one of this package's tuples; its parameters have kinds of `parameters.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from gateway.terms.mask_spec.coarser import COARSER
from gateway.terms.mask_spec.constants import constant_of
from gateway.terms.mask_spec.dates import DATES
from gateway.terms.mask_spec.formats import FORMATS
from gateway.terms.mask_spec.hashed import HASHED
from gateway.terms.mask_spec.numbers import NUMBERS, UNBOUNDED
from gateway.terms.mask_spec.parameters import Kind, Misfit, Parameter, plain
from gateway.terms.mask_spec.pseudonyms import PSEUDONYMS
from gateway.terms.mask_spec.spec import ALL, Family, Leak, MaskSpec, Output, Parameters, Variant, family_of
from gateway.terms.mask_spec.texts import TEXTS

__all__ = [
    "ALL",
    "MASK_SPECS",
    "NAMING",
    "UNBOUNDED",
    "Family",
    "Kind",
    "Leak",
    "MaskSpec",
    "MaskUse",
    "Misfit",
    "Output",
    "Parameter",
    "Parameters",
    "Variant",
    "constant_of",
    "family_of",
    "fault_of",
    "fit_parameters",
]

MASK_SPECS: Mapping[str, MaskSpec] = MappingProxyType(
    {spec.name: spec for spec in (*COARSER, *NUMBERS, *DATES, *HASHED, *PSEUDONYMS, *FORMATS, *TEXTS)}
)


NAMING: frozenset[str] = frozenset(spec.name for spec in (*PSEUDONYMS, *FORMATS))
"""Masks whose result stands for one value: whoever has key and column finds it again."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MaskUse:
    """A mask as a policy names it. Immutable, with its defaults filled in: what means the same is equal.

    Nothing is refused here: `fault_of` tells what is wrong.
    """

    name: str
    parameters: Parameters = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        stated = dict(self.parameters)
        kinds = MASK_SPECS[self.name].parameters if self.name in MASK_SPECS else {}
        for name, kind in kinds.items():
            if name not in stated and kind.default is not None:
                stated[name] = kind.default
            elif name in stated:
                stated[name] = _canonical(kind, stated[name])
        object.__setattr__(self, "parameters", MappingProxyType({name: stated[name] for name in sorted(stated)}))

    def shown(self) -> dict[str, object]:
        """The parameters that differ from their defaults, as JSON writes them."""
        kinds = MASK_SPECS[self.name].parameters if self.name in MASK_SPECS else {}
        return {
            name: plain(value)
            for name, value in self.parameters.items()
            if name not in kinds or kinds[name].default != value
        }


def fit_parameters(spec: MaskSpec, stated: Mapping[str, object]) -> Parameters:
    """All of a mask's parameters in their own form, from what YAML says of some of them.

    Raises:
        Misfit: a parameter is missing, unknown, or has no allowed value, or they do not go together.
    """
    for name in stated:
        if name not in spec.parameters:
            raise Misfit(f"mask {spec.name} has no parameter {name!r}; allowed: {', '.join(sorted(spec.parameters))}")
    fitting: dict[str, Parameter] = {}
    for name, kind in spec.parameters.items():
        value = stated.get(name, kind.default)
        if value is None and name not in stated:
            raise Misfit(f"mask {spec.name} lacks {name} ({kind.means}): {kind.allowed}")
        try:  # a default may be of a kind of its own: no edges, no bound
            is_default = type(value) is type(kind.default) and value == kind.default
            fitting[name] = kind.default if is_default and kind.default is not None else kind.fit(value)
        except Misfit as misfit:
            raise Misfit(f"{name} of mask {spec.name}: {misfit}") from None
    if wrong := spec.check(fitting):
        raise Misfit(f"mask {spec.name}: {wrong}")
    return fitting


def fault_of(use: MaskUse) -> str | None:
    """What is wrong with a mask's parameters; None: nothing. The mask MUST be a known one."""
    try:
        fit_parameters(MASK_SPECS[use.name], use.parameters)
    except Misfit as misfit:
        return str(misfit)
    return None


def _canonical(kind: Kind, value: Parameter) -> Parameter:
    try:
        return kind.fit(value)
    except Misfit:
        return value
