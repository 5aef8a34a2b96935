from __future__ import annotations

import numpy as np
import pytest

from producer.shares import draw, parse_shares

parse = parse_shares(("late", "duplicate"))


def test_shares_are_read_by_name() -> None:
    assert parse("late=0.25, duplicate=0.5") == {"late": 0.25, "duplicate": 0.5}
    assert parse("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lost=0.1", "'lost' is none of late, duplicate"),
        ("late", "'late' does not give a share from 0 to 1, as in late=0.05"),
        ("late=2", "does not give a share"),
        ("late=nan", "does not give a share"),
        ("late=0.6,duplicate=0.6", "add up to more than 1"),
    ],
)
def test_what_is_no_share_is_refused_with_the_reason(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_names_are_drawn_in_their_shares_and_the_rest_is_none_of_them() -> None:
    drawn = draw(np.random.default_rng(1), {"late": 0.1, "duplicate": 0.0, "corrected": 0.3}, 20_000)
    shares = np.bincount(drawn, minlength=4) / 20_000
    assert shares == pytest.approx([0.1, 0.0, 0.3, 0.6], abs=4 * np.sqrt(0.25 / 20_000))


def test_without_shares_nothing_is_drawn() -> None:
    assert draw(np.random.default_rng(1), {}, 5).tolist() == [0] * 5


def test_shares_that_add_up_to_one_leave_nothing_over() -> None:
    assert draw(np.random.default_rng(1), dict.fromkeys("abcdefghij", 0.1), 20_000).max() == 9
