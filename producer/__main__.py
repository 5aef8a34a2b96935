"""Simulated patients that send FHIR Observations to Kafka.

For example ``python -m producer --patients 200 --interval 15m --history 24h``.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import sys
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from conf import cli
from conf.errors import UserError
from conf.files import only_one
from conf.settings import Settings, load_settings
from conf.times import SECOND_US
from producer.faults import FAULTS, USUAL_FAULTS
from producer.forms import FORMS, USUAL_FORMS
from producer.messages import report_lines
from producer.position import Identity
from producer.run import Options, Run
from producer.sender import Sender

SHORTEST_INTERVAL_US: Final = SECOND_US  # the resolution of a cuff's clock
LOCK_FILE: Final = "producer.lock"
T = TypeVar("T")
TOLERANCE: Final = 1e-9  # decimal shares do not add up exactly


def command_line() -> ArgumentParser:
    """Return the parser of the command line; what cannot be used ends in a usage line and exit code 2."""
    parser = cli.parser("python -m producer", __doc__)
    add = parser.add_argument
    add("--patients", type=_at_least(1, int), default=200, help="number of patients (default 200)")
    add("--interval", type=_INTERVAL, default="15m", help="time between readings (default 15m)")
    add("--history", type=cli.duration_us, default="24h", help="readings sent at once (default 24h)")
    add("--seed", type=_at_least(0, int), default=1, help="another seed gives other patients (default 1)")
    add("--episode-factor", type=_at_least(0, float), default=1.0, help="multiplies the rate of crisis episodes")
    add("--forms", type=shares_of(FORMS), default=dict(USUAL_FORMS), help=_FORMS_HELP)
    add("--faults", type=shares_of(FAULTS), nargs="?", const=dict(USUAL_FAULTS), help=_FAULTS_HELP)
    add("--report", type=_FILE, help="write what was sent, and what must be found of it, to this file")
    add("--limit-seconds", type=float, help=_LIMIT_HELP)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=_at_least(1, float), default=1.0, help=_SPEED_HELP)
    pace.add_argument("--rate", type=_RATE, help="send the history at this many messages a second, for load tests")
    return parser


def shares_of(names: Collection[str]) -> Callable[[str], dict[str, float]]:
    """Return a type for options that reads shares by these names, such as ``late=0.02,duplicate=0.01``."""

    def read(text: str) -> dict[str, float]:
        shares = dict(_read_share(part.strip(), names) for part in text.split(",") if part.strip())
        if sum(shares.values()) > 1 + TOLERANCE:
            raise ArgumentTypeError(f"the shares in '{text}' add up to more than 1")
        return shares

    return read


def _read_share(part: str, names: Collection[str]) -> tuple[str, float]:
    name, _, number = part.partition("=")
    if name not in names:
        raise ArgumentTypeError(f"'{name}' is none of {', '.join(names)}")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ArgumentTypeError(f"'{part}' does not give a share from 0 to 1, as in {name}=0.05")
    return name, share


def _checked(read: Callable[[str], T], holds: Callable[[T], bool], rule: str) -> Callable[[str], T]:
    """Return a type for options that reads as `read` does, and refuses by its rule what does not hold it."""

    def checked(text: str) -> T:
        value = read(text)
        if not holds(value):
            raise ArgumentTypeError(rule)
        return value

    checked.__name__ = read.__name__  # argparse shows it: "invalid int value: 'many'"
    return checked


def _at_least(least: int, read: Callable[[str], float]) -> Callable[[str], float]:
    return _checked(read, lambda value: value >= least, f"must be at least {least}")


def _text(shares: Mapping[str, float]) -> str:
    return ",".join(f"{name}={share:g}" for name, share in shares.items())


_INTERVAL: Final = _checked(cli.duration_us, lambda us: us >= SHORTEST_INTERVAL_US, "must be at least 1s")
_FILE: Final = _checked(Path, lambda file: file.parent.is_dir(), "its directory does not exist")
_RATE: Final = _checked(float, lambda rate: rate > 0, "must be above 0")
_FORMS_HELP: Final = (
    f"share of each form of a message, the rest as components: {', '.join(FORMS)} (default {_text(USUAL_FORMS)})"
)
_FAULTS_HELP: Final = f"add faults, each in a share of the readings; without a value {_text(USUAL_FAULTS)}"
_SPEED_HELP: Final = "the past passes this many times faster (default 1)"
_LIMIT_HELP: Final = "end this long after the history has been sent; with --rate, after the start"


def work(chosen: Namespace) -> None:
    """Send as the options say, and tell what was sent when faults or a report were asked for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.INFO if chosen.verbose else logging.CRITICAL)
    settings = load_settings()

    def refusal(holder: str) -> UserError:
        return UserError(
            f"A producer already runs on {settings.local_dir} (process {holder}). "
            "Stop it, or set BP_LOCAL_DIR to another directory for a second one."
        )

    with only_one(settings.local_dir / LOCK_FILE, refusal):  # two would send the same readings and share one position
        report = _produce(chosen, settings)
    if chosen.faults or chosen.report:
        print(*report_lines(report), sep="\n")
    if chosen.report:
        chosen.report.write_text(json.dumps(report, indent=2) + "\n")


def _produce(chosen: Namespace, settings: Settings) -> dict[str, Any]:
    identity = Identity(
        chosen.seed,
        chosen.patients,
        chosen.interval,
        chosen.episode_factor,
        settings.kafka_topic,
        chosen.forms,
        chosen.faults or {},
    )
    options = Options(identity, chosen.history, chosen.speed, chosen.limit_seconds, chosen.rate)
    sender, stop = Sender(settings), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run = Run(options, sender, settings.local_dir, lambda: time.time_ns() // 1_000, stop)
    try:
        run.loop()
    finally:
        report = run.finish()
    return report


if __name__ == "__main__":
    sys.exit(cli.run(command_line(), work))
