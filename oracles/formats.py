"""The floating-point formats that layers compute in, by the numbers that a rounding bound needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Format:
    """A binary format that rounds to nearest, with gradual underflow.

    Attributes:
        name: as NumPy names the dtype.
        u: the unit roundoff, 2^-p for p bits of significand.
        eta: the smallest subnormal number; a product that underflows is off by at most eta/2.
        tiny: the smallest normal number.
        largest: the largest finite number.
        elementary: how many times the rule's constants a library's elementary functions may err,
            for those who say that theirs do.
    """

    name: str
    u: float
    eta: float
    tiny: float
    largest: float
    elementary: float = 1.0

    @property
    def bits(self) -> int:
        """Bits of the significand, the leading one included."""
        return round(-np.log2(self.u)) if self.u else 64


def _format(name: str, bits: int, lowest: int, highest: int) -> Format:
    u = 2.0**-bits
    largest = (2.0 - 2.0 * u) * 2.0**highest
    return Format(name, u, 2.0 ** (lowest - bits + 1), 2.0**lowest, largest)


# IEEE Std 754-2019, table 3.5 (binary64, binary32, binary16); bfloat16 has float32's exponents.
FLOAT64 = _format("float64", 53, -1022, 1023)
FLOAT32 = _format("float32", 24, -126, 127)
FLOAT16 = _format("float16", 11, -14, 15)
BFLOAT16 = _format("bfloat16", 8, -126, 127)

# Arithmetic without rounding: what is left of a radius are the legal choices at kinks.
EXACT = Format("exact", 0.0, 0.0, 0.0, float("inf"))

FORMATS = {f.name: f for f in (FLOAT64, FLOAT32, FLOAT16, BFLOAT16)}


def format_of(dtype: Any) -> Format:
    """The format of a dtype, or of its name.

    A floating type wider than float64 is judged as float64, in which its inputs were given.

    Raises:
        ValueError: it is no floating-point type of the table.
    """
    if isinstance(dtype, Format):
        return dtype
    if isinstance(dtype, str) and dtype in FORMATS:
        return FORMATS[dtype]
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"no dtype is named {dtype!r}; known are {', '.join(FORMATS)}") from None
    if found.name in FORMATS:
        return FORMATS[found.name]
    if found.kind == "f" and found.itemsize > 8:
        return FLOAT64
    raise ValueError(f"{found.name} is no floating-point type; known are {', '.join(FORMATS)}")
