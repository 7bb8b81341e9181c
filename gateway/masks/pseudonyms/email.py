"""E-mail addresses: a pseudonym of the whole address before an @, and the domain behind it, if it may be shown."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.masks.buffers import from_zero, text, validity
from gateway.masks.canon import canonical_texts
from gateway.masks.keep import keep
from gateway.masks.kernel import MaskInputs
from gateway.masks.pseudonyms.forms import WIDTHS
from gateway.masks.pseudonyms.pseudonym import short_pseudonyms
from gateway.masks.unfit import finished

EXAMPLE: Final = "example.com"
"""Nobody's: kept for examples by RFC 2606."""
_ADDRESS: Final = r"^[^@]{1,64}@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,24}$"
"""A domain of labels of ASCII letters, digits and inner dashes, which ends in letters: no number is taken for one."""


def email(column: pa.Array, inputs: MaskInputs, /) -> pa.Array:
    """`pseudonym@domain` in lower case. A null stays null.

    The pseudonym is one of the whole address: of two addresses it tells only whether they are equal, not whether
    the names before the @ are.
    """
    valid = validity(column)
    addresses = column if valid is None else column.drop_null()
    texts, reached = canonical_texts(addresses, inputs.canon)
    lower = pc.ascii_lower(from_zero(texts))
    fits = reached & np.asarray(pc.match_substring_regex(lower, _ADDRESS).to_numpy(zero_copy_only=False), np.bool_)
    fitting = addresses if fits.all() else addresses.filter(pa.array(fits))
    locals_ = _locals(fitting, inputs)
    if not inputs.flag("keep_domain"):
        domains: pa.Array | pa.Scalar = pa.scalar(EXAMPLE)
    else:
        domains = _domains(lower if fits.all() else lower.filter(pa.array(fits)))
    made = keep(pc.binary_join_element_wise(locals_, domains, "@"), MaskInputs())
    return finished(made, fits, addresses, inputs, valid=valid)


def _locals(addresses: pa.Array, inputs: MaskInputs) -> pa.Array:
    """Pseudonyms in lower case."""
    characters = short_pseudonyms(addresses, inputs)
    lower = np.bitwise_or(characters, (characters >= ord("A")).view(np.uint8) << 5)  # A-Z to a-z; digits stay
    return text(np.arange(len(addresses) + 1, dtype=np.int32) * WIDTHS["b32"], lower, kind=pa.string())


def _domains(addresses: pa.Array) -> pa.Array:
    """What is behind the @, of which each has one."""
    parts = pc.split_pattern(addresses, "@").flatten()
    return parts.take(pa.array(np.arange(1, len(parts), 2)))
