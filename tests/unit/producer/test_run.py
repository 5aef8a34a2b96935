from __future__ import annotations

import pytest

from producer.run import Pacer


def test_each_message_is_due_at_its_place_in_the_schedule() -> None:
    pacer = Pacer(rate=10, begin_s=100)
    waits = []
    for _ in range(3):
        waits.append(pacer.wait_s(now_s=100))
        pacer.sent += 1
    assert waits == pytest.approx([0, 0.1, 0.2])


def test_a_delay_is_caught_up_and_not_added_to_the_schedule() -> None:
    pacer = Pacer(rate=10, begin_s=100, sent=5)
    assert pacer.wait_s(now_s=102) == 0
    assert pacer.behind_s(now_s=102) == pytest.approx(1.5)
    pacer.sent = 25
    assert pacer.wait_s(now_s=102.2) == pytest.approx(0.3)
    assert pacer.behind_s(now_s=102.2) == 0
    assert pacer.most_behind_s == pytest.approx(1.5)
