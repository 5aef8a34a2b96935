"""When the canary acknowledges an alert of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.canary import is_ready
from alerts.model import State
from tests.support.notifying import answered
from tests.support.ward import alert

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROUND = timedelta(seconds=60)
RAISED = alert("canary-1", START)
LATCHED = alert("canary-1", START, state=State.LATCHED, changed_at=START + timedelta(seconds=5))


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def notified(recipient: str, second: float) -> dict[str, Any]:
    return {"event": "notified", "recipient": recipient, "@timestamp": at(second).isoformat()}


@pytest.mark.parametrize("document", [RAISED, LATCHED])
@pytest.mark.parametrize(
    ("events", "second", "ready"),
    [
        ([], 29.9, False),
        ([], 30, True),  # half a round: the next one begins anew, told or not
        ([notified("mail", 2)], 5, False),
        ([notified("mail", 2), notified("pager", 3)], 5, True),
        ([notified("mail", 2), notified("pager", -30)], 5, False),  # of the raise before
        ([notified("mail", 2), notified("pager", 3) | {"event": "shown"}], 5, False),
    ],
)
def test_it_does_once_everybody_was_told_of_this_raise_or_half_a_round_is_over(
    document: dict[str, Any], events: list[dict[str, Any]], second: float, ready: bool
) -> None:
    assert is_ready(document, events, ("mail", "pager"), ROUND, at(second)) == ready


def test_where_nobody_is_to_be_told_it_does_at_once() -> None:
    assert is_ready(RAISED, [], (), ROUND, at(0))


def test_what_is_answered_is_not_answered_again() -> None:
    assert not is_ready(answered(RAISED, at(1)), [], (), ROUND, at(40))
