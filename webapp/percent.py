"""Risks as percentages, cut off and never rounded up, so that a number never claims a level that it has not reached.

A risk of 0.3996 reads 39 % beside MEDIUM. The decimal digits of the stored number count, not its binary value: 0.29
reads 29 % although the nearest binary number lies below it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

HUNDRED: Final = 100


def whole_percent(risk: float) -> int:
    """The whole percentage of a risk (0..1), truncated."""
    return int(Decimal(str(risk)) * HUNDRED)
