"""Command line of the demo; see ``./spark-submit.sh demo --help``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from conf import cli
from conf.cli import duration_us
from conf.errors import UserError
from conf.settings import Settings, load_settings
from demo import site
from demo.display import show
from demo.figures import Figures
from demo.lock import only_demo
from demo.pipeline import Demo, bring_up, take_down, watch
from demo.summary import closing_lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = cli.parser("./spark-submit.sh demo", DESCRIPTION)
    for name, kind, default, text in OPTIONS:
        parser.add_argument(f"--{name}", type=kind, default=default, metavar="V", help=text)
    parser.add_argument("--plain", action="store_true", help="one line every 5 s instead of the live page")
    parser.add_argument("command", nargs="?", choices=["demo"], help=argparse.SUPPRESS)
    return cli.run(parser, lambda options: run(options, load_settings()), arguments)


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Bring everything up, show it until the time is over or somebody stops it, take everything down.

    Raises `UserError` when a part cannot start or ends by itself, or when no prediction came in the time given.
    """
    console = Console(force_terminal=False if options.plain else None, soft_wrap=True, highlight=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # SIGTERM is taken for a Ctrl-C, too
    with only_demo(settings.local_dir) as lock_fd:
        demo = Demo(options, settings, console, lock_fd)
        try:
            bring_up(demo)
            _watch(demo)
        finally:
            began_s = time.monotonic()
            console.print("Stopping ...")
            take_down(demo)
            console.print(
                f"Stopped in {time.monotonic() - began_s:.1f} s. The next start goes on where this one ended."
            )


def _watch(demo: Demo) -> None:
    """Show the figures; print what the run came to, however it ends."""
    began_s, figures = time.monotonic(), Figures()
    places = {
        "Site": site.address(demo.settings),
        "Elasticsearch": demo.settings.elasticsearch_url,
        "Kafka": f"{demo.settings.kafka_bootstrap_servers}, topic {demo.settings.kafka_topic}",
        "Logs": str(demo.log_dir),
    }
    try:
        for latest in show(demo.console, watch(demo, demo.options.exit_after), places):
            figures = latest
    finally:
        for line in closing_lines(figures, time.monotonic() - began_s):
            demo.console.print(line)
        if demo.options.json:
            demo.options.json.write_text(figures.to_json(), encoding="utf-8")
    if figures.predictions == 0:
        raise UserError(
            f"No prediction was written within {demo.options.exit_after:g} s. "
            f"Give it more time with --exit-after, or look into {demo.log_dir / 'stream.log'}."
        )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _duration(text: str) -> str:
    """Return the text as it is, since the producer reads it; a fault is told here."""
    duration_us(text)
    return text


_positive.__name__ = "positive number"  # argparse shows it: "invalid positive number value: '0'"

DESCRIPTION = "Simulated patients, Kafka, the stream, Elasticsearch and the site on this machine, with a live summary."
OPTIONS: tuple[tuple[str, Callable[[str], object], object, str], ...] = (
    ("exit-after", _positive, None, "end by itself this many seconds after the stream was started"),
    ("patients", int, 200, "number of simulated patients (%(default)s)"),
    ("interval", str, "15m", "time between two readings of a patient (%(default)s)"),
    ("speed", _positive, 960.0, "how many times faster than the clock the past goes by (%(default)s); 1: all at once"),
    ("history", _duration, "16h", "how much of the past goes by (%(default)s); as much before it is sent at once"),
    ("seed", int, 1, "another seed gives other patients (%(default)s)"),
    ("kafka-port", int, None, "port of the embedded Kafka, 0 = any free one (from BP_KAFKA_BOOTSTRAP_SERVERS)"),
    ("elasticsearch-port", int, None, "the same for Elasticsearch (from BP_ELASTICSEARCH_URL)"),
    ("web-port", int, None, "the same for the site (from BP_WEB_PORT)"),
    ("json", Path, None, "write the last figures to this file"),
)


if __name__ == "__main__":
    sys.exit(main())
