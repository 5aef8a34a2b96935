"""Command line of the embedded Kafka and Elasticsearch; see ``python -m embedded --help``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from embedded.services import DEFAULT_PORTS, Options, local_ports, start, status, stop

COMMANDS = ("start", "status", "stop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    return cli.run(_parser(), lambda options: _run(options, load_settings()), arguments)


def _run(arguments: argparse.Namespace, settings: Settings) -> None:
    if arguments.command == "start":
        addresses = start(_options(arguments, settings), report=_say)
        if addresses.kafka_bootstrap_servers:
            _say(f"BP_KAFKA_BOOTSTRAP_SERVERS={addresses.kafka_bootstrap_servers}")
        if addresses.elasticsearch_url:
            _say(f"BP_ELASTICSEARCH_URL={addresses.elasticsearch_url}")
    elif arguments.command == "stop":
        stop(settings.local_dir, only=arguments.only, clean=arguments.clean, report=_say)
    else:
        found = status(settings.local_dir, only=arguments.only)
        for node in found:
            _say(str(node))
        if not found or not all(node.healthy for node in found):
            raise UserError("Not everything runs. Start it with: python -m embedded start.")


def _options(arguments: argparse.Namespace, settings: Settings) -> Options:
    usual = {**DEFAULT_PORTS, **local_ports(settings)}
    asked = {"kafka": arguments.kafka_port, "elasticsearch": arguments.elasticsearch_port}
    ports = {name: port if asked[name] is None else asked[name] for name, port in usual.items()}
    return Options(
        local_dir=settings.local_dir,
        kafka_port=ports["kafka"],
        elasticsearch_port=ports["elasticsearch"],
        kafka_heap=arguments.kafka_heap,
        elasticsearch_heap=arguments.elasticsearch_heap,
        only=arguments.only,
        topic=settings.kafka_topic,
        partitions=arguments.partitions,
        elasticsearch_accounts=arguments.elasticsearch_accounts,
    )


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser("python -m embedded", "Local Kafka and Elasticsearch, no Docker.")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "--kafka-port", type=_port_number, metavar="P", help="0 = any free port; default: the settings'"
    )
    parser.add_argument("--elasticsearch-port", type=_port_number, metavar="P", help="0 = any free port")
    parser.add_argument("--kafka-heap", type=_heap, default=Options.kafka_heap, help="Java heap, e.g. 512m")
    parser.add_argument("--elasticsearch-heap", type=_heap, default=Options.elasticsearch_heap, help="e.g. 1g")
    parser.add_argument(
        "--elasticsearch-accounts",
        type=Path,
        metavar="DIR",
        help="security on, with the accounts of deploy/roles and their passwords from this folder of secrets",
    )
    parser.add_argument("--partitions", type=int, default=Options.partitions, help="of the topic when it is created")
    parser.add_argument("--only", choices=["kafka", "elasticsearch"], help="leave the other one out")
    parser.add_argument("--clean", action="store_true", help="stop: also remove files kept outside of BP_LOCAL_DIR")
    return parser


def _port_number(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port (0 to 65535)")
    return int(text)


def _heap(text: str) -> str:
    if not re.fullmatch(r"[1-9]\d*[mg]", text):
        raise argparse.ArgumentTypeError(f"{text} is not a heap size such as 512m or 1g")
    return text


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
