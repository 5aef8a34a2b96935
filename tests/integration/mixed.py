"""A topic's worth of what really arrives: readings of many patients in all forms, and what goes wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from conf.times import MINUTE_US
from producer.faults import USUAL_FAULTS
from producer.feed import open_outbox
from producer.forms import FORMS
from producer.messages import Counts
from producer.position import Identity
from tests.support.clock import RECENTLY

PATIENTS = 150
ROUNDS = 18
INTERVAL_US = 15 * MINUTE_US
FAULTS = {name: 2 * share for name, share in USUAL_FAULTS.items()}


@dataclass(frozen=True)
class Mixture:
    """The messages in the order in which they are sent, and what must be found of them."""

    messages: list[tuple[str, bytes | None]]
    expected: dict[str, Any]


def mixture() -> Mixture:
    """Return the same patients and fates each time; each patient measures once a round."""
    epoch_us = int(RECENTLY.timestamp()) * 1_000_000
    forms = dict.fromkeys(FORMS, 1 / len(FORMS))
    outbox = open_outbox(Identity(11, PATIENTS, INTERVAL_US, 1.0, "", forms, FAULTS), epoch_us, epoch_us)
    messages, counts = [], Counts()
    while (due := outbox.next(epoch_us + ROUNDS * INTERVAL_US)) is not None:
        counts.add(due)
        messages += [(message.key.decode(), message.value) for message in due]
    return Mixture(messages, counts.report()["expected"])
