"""Shares on the command line: ``late=0.02,duplicate=0.01`` names kinds and how often each is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

TOLERANCE: Final = 1e-9  # decimal shares do not add up exactly


def parse_shares(names: Collection[str]) -> Callable[[str], dict[str, float]]:
    """A reader of shares of these names; it raises `ValueError` with a sentence on what cannot be used."""

    def parse(text: str) -> dict[str, float]:
        shares = dict(_parse_share(part.strip(), names) for part in text.split(",") if part.strip())
        if sum(shares.values()) > 1 + TOLERANCE:
            raise ValueError(f"the shares in '{text}' add up to more than 1")
        return shares

    return parse


def _parse_share(part: str, names: Collection[str]) -> tuple[str, float]:
    name, _, number = part.partition("=")
    if name not in names:
        raise ValueError(f"'{name}' is none of {', '.join(names)}")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"'{part}' does not give a share from 0 to 1, as in {name}=0.05")
    return name, share


def draw(random: np.random.Generator, shares: Mapping[str, float], count: int) -> NDArray[np.intp]:
    """For each of `count`, the place of the drawn name in `shares`; ``len(shares)`` where none was drawn."""
    return np.searchsorted(np.cumsum(list(shares.values())), random.random(count), side="right")
