"""The canary, a patient who is none: ``python -m producer.canary`` sends its readings until it is stopped.

In each round a crisis comes, and half a round later enough normal readings that the alert of it ends, whatever the
rules: the alert service finds it, raises an alert, tells of it and acknowledges it itself (`alerts.canary`). What is
stored of that tells how old the last sign of each link of the chain is. Nobody is shown any of it.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from conf import cli
from conf.canary import CANARY_PREFIX
from conf.settings import Settings, load_settings
from conf.times import MILLISECOND_US, SECOND_US, to_us
from fhir.write.device import Shown, encode_observation
from producer.sender import Sender

CANARY: Final = f"{CANARY_PREFIX}1"
CRISIS, NORMAL = (205, 125, 92), (118, 76, 70)  # mmHg, mmHg, beats per minute
CRISES: Final = 2  # a crisis may need a second one that confirms it
NORMALS: Final = 10  # the most that the rules may want before an alert ends
FIRST: Final = 30  # with them the window is full, and the next reading is scored
APART_US: Final = 50 * MILLISECOND_US  # readings of one burst

log = logging.getLogger(__name__)


def burst(values: tuple[int, int, int], number: int, end_us: int) -> Iterator[Shown]:
    """Yield so many readings with these values, shortly one after the other, the last one at `end_us`."""
    for before in reversed(range(number)):
        yield Shown(CANARY, end_us - before * APART_US, 0, *values)


def due_after(now_us: int, interval_us: int) -> tuple[int, tuple[int, int, int], int]:
    """Return the next burst after a moment: when it is due, what it shows, and how many readings it has.

    Crises are due at whole multiples of the interval, normal readings half an interval later: two senders, by
    accident, send the same.
    """
    halves = 2 * now_us // interval_us + 1
    values, number = (NORMAL, NORMALS) if halves % 2 else (CRISIS, CRISES)
    return halves * interval_us // 2, values, number


def send(sender: Sender, readings: Iterator[Shown], stop: threading.Event) -> None:
    """Send readings and wait until Kafka has them; what comes late is sent late, and the rounds missed are left out."""
    for shown in readings:
        sender.send(shown.patient_id.encode(), encode_observation(*shown))
    sender.flush(give_up=stop.is_set)


def run(settings: Settings, stop: threading.Event) -> None:
    """Send round after round until told to stop, or nothing where there is to be no canary.

    Raises `UserError` where there is no Kafka.
    """
    if not settings.canary_seconds:
        log.info("There is to be no canary: BP_CANARY_SECONDS is 0.")
        stop.wait()
        return
    interval_us = round(settings.canary_seconds * SECOND_US)
    sender = Sender(settings)
    log.info("The canary %s sends a crisis every %g s.", CANARY, settings.canary_seconds)
    send(sender, burst(NORMAL, FIRST, _now_us()), stop)
    while not stop.is_set():
        due_us, values, number = due_after(_now_us(), interval_us)
        if not stop.wait((due_us - _now_us()) / SECOND_US):
            send(sender, burst(values, number, due_us), stop)
    sender.close()


def _now_us() -> int:
    return to_us(datetime.now(UTC))


def work(chosen: argparse.Namespace) -> None:
    """Send until a signal comes."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.INFO if chosen.verbose else logging.CRITICAL)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(load_settings(), stop)


if __name__ == "__main__":
    sys.exit(cli.run(cli.parser("python -m producer.canary", __doc__), work))
