"""Command line: ``python -m producer --patients 200 --interval 15m --history 24h``."""

from __future__ import annotations

import argparse
import json
import logging
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from conf.errors import run_main
from conf.settings import Settings, load_settings
from producer.faults import FAULTS, USUAL_FAULTS
from producer.forms import FORMS, USUAL_FORMS
from producer.lock import only_producer
from producer.position import Identity
from producer.run import Options, Run
from producer.sender import Sender
from producer.shares import parse_shares
from producer.tally import report_lines

UNITS_US: Final = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
SHORTEST_INTERVAL_US: Final = UNITS_US["s"]  # the resolution of a cuff's clock


def duration_us(text: str) -> int:
    """Microseconds of a duration such as ``90s``, ``15m``, ``24h`` or ``2d``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not a duration like 90s, 15m, 24h or 2d")
    return int(float(match[1]) * UNITS_US[match[2]])


def _shares(names: Mapping[str, object]) -> Callable[[str], dict[str, float]]:
    parse = parse_shares(names)

    def read(text: str) -> dict[str, float]:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def _text(shares: Mapping[str, float]) -> str:
    return ",".join(f"{name}={share:g}" for name, share in shares.items())


_FORMS_HELP: Final = (
    f"share of each form of a message, the rest as components: {', '.join(FORMS)} (default {_text(USUAL_FORMS)})"
)
_FAULTS_HELP: Final = f"add faults, each in a share of the readings; without a value {_text(USUAL_FAULTS)}"
_LIMIT_HELP: Final = "end this long after the history has been sent; with --rate, after the start"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; what cannot be used ends the program with a usage line and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m producer", description="Simulated patients that send to Kafka.")
    parser.add_argument("--patients", type=int, default=200, help="number of patients (default 200)")
    parser.add_argument("--interval", type=duration_us, default="15m", help="time between readings (default 15m)")
    parser.add_argument("--speed", type=float, default=1.0, help="the past passes this many times faster (default 1)")
    parser.add_argument("--history", type=duration_us, default="24h", help="readings sent at once (default 24h)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other patients (default 1)")
    parser.add_argument("--episode-factor", type=float, default=1.0, help="multiplies the rate of crisis episodes")
    parser.add_argument("--forms", type=_shares(FORMS), default=dict(USUAL_FORMS), help=_FORMS_HELP)
    parser.add_argument("--faults", type=_shares(FAULTS), nargs="?", const=dict(USUAL_FAULTS), help=_FAULTS_HELP)
    parser.add_argument("--report", type=Path, help="write what was sent, and what must be found of it, to this file")
    parser.add_argument("--rate", type=float, help="send the history at this many messages a second, for load tests")
    parser.add_argument("--limit-seconds", type=float, help=_LIMIT_HELP)
    parser.add_argument("--verbose", action="store_true", help="show traces and the messages of the Kafka client")
    chosen = parser.parse_args(arguments)
    for name, least in {"patients": 1, "speed": 1, "seed": 0, "episode_factor": 0}.items():
        if not getattr(chosen, name) >= least:  # so that nan is refused too
            parser.error(f"argument --{name.replace('_', '-')}: must be at least {least}")
    if chosen.rate is not None and (not chosen.rate > 0 or chosen.speed != 1):
        parser.error("argument --rate: must be above 0, and goes without --speed")
    if chosen.report is not None and not chosen.report.parent.is_dir():
        parser.error(f"argument --report: there is no directory {chosen.report.parent}")
    if chosen.interval < SHORTEST_INTERVAL_US:
        parser.error("argument --interval: must be at least 1s")
    return chosen


def _options(chosen: argparse.Namespace, topic: str) -> Options:
    faults = chosen.faults or {}
    identity = Identity(
        chosen.seed, chosen.patients, chosen.interval, chosen.episode_factor, topic, chosen.forms, faults
    )
    return Options(identity, chosen.history, chosen.speed, chosen.limit_seconds, chosen.rate)


def _wall_us() -> int:
    return time.time_ns() // 1_000


def _produce(options: Options, settings: Settings) -> dict[str, Any]:
    sender, stop = Sender(settings), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run = Run(options, sender, settings.local_dir, _wall_us, stop)
    try:
        run.loop()
    finally:
        report = run.finish()
    return report


def _tell(report: dict[str, Any], file: Path | None) -> None:
    print(*report_lines(report), sep="\n")
    if file is not None:
        file.write_text(json.dumps(report, indent=2) + "\n")


def main() -> None:
    """Entry point."""
    chosen = parse_arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.INFO if chosen.verbose else logging.CRITICAL)

    def produce() -> None:
        settings = load_settings()
        with only_producer(settings.local_dir):
            report = _produce(_options(chosen, settings.kafka_topic), settings)
        if chosen.faults or chosen.report:
            _tell(report, chosen.report)

    sys.exit(run_main(produce, verbose=chosen.verbose))


if __name__ == "__main__":
    main()
