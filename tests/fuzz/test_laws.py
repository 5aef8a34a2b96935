"""Whatever arrives, in whatever order and batches: the laws of `tests.fuzz.laws` hold.

A few hundred examples in the suite, always the same; many by hand: ``pytest -n auto tests/fuzz --fuzz 200000``.
What breaks a law is told as the smallest example that still does.
"""

from __future__ import annotations

import pytest

from tests.fuzz.examples import Fuzz, feed_of

PARTS = 4  # for as many processes


@pytest.mark.timeout(0)
@pytest.mark.parametrize("part", range(PARTS))
def test_no_example_breaks_a_law(fuzz: Fuzz, examples: int, part: int) -> None:
    fuzz.run(range(part, examples, PARTS))


def test_an_example_is_known_by_its_number(fuzz: Fuzz) -> None:
    assert feed_of(7, fuzz.known) == feed_of(7, fuzz.known)
    assert feed_of(7, fuzz.known) != feed_of(8, fuzz.known)
