"""Command line of the embedded Kafka and Elasticsearch; see ``python -m embedded --help``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from embedded.services import NodeStatus, Options, start, status, stop

DEFAULT_KAFKA_PORT = 9092
DEFAULT_ELASTICSEARCH_PORT = 9200
LOOPBACK = {"127.0.0.1", "localhost"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    return cli.run(_parser(), lambda options: COMMANDS[options.command](options, load_settings()), arguments)


def _start(arguments: argparse.Namespace, settings: Settings) -> None:
    addresses = start(_options(arguments, settings), report=_say)
    if addresses.kafka_bootstrap_servers:
        _say(f"BP_KAFKA_BOOTSTRAP_SERVERS={addresses.kafka_bootstrap_servers}")
    if addresses.elasticsearch_url:
        _say(f"BP_ELASTICSEARCH_URL={addresses.elasticsearch_url}")


def _stop(arguments: argparse.Namespace, settings: Settings) -> None:
    stop(settings.local_dir, only=arguments.only, clean=arguments.clean, report=_say)


def _status(arguments: argparse.Namespace, settings: Settings) -> None:
    found = status(settings.local_dir, only=arguments.only)
    for node in found:
        _say(_describe(node))
    if not found or not all(node.healthy for node in found):
        raise UserError("Not everything runs. Start it with: python -m embedded start.")


def _describe(node: NodeStatus) -> str:
    if node.healthy:
        return f"{node.title}: healthy on {node.address} (process {', '.join(map(str, node.processes))})"
    return f"{node.title}: {'runs but does not answer' if node.processes else 'not running'}"


def _options(arguments: argparse.Namespace, settings: Settings) -> Options:
    kafka_port = _port(f"//{settings.kafka_bootstrap_servers.split(',')[0]}", DEFAULT_KAFKA_PORT)
    elasticsearch_port = _port(settings.elasticsearch_url, DEFAULT_ELASTICSEARCH_PORT)
    return Options(
        local_dir=settings.local_dir,
        kafka_port=kafka_port if arguments.kafka_port is None else arguments.kafka_port,
        elasticsearch_port=elasticsearch_port if arguments.elasticsearch_port is None else arguments.elasticsearch_port,
        kafka_heap=arguments.kafka_heap,
        elasticsearch_heap=arguments.elasticsearch_heap,
        only=arguments.only,
        topic=settings.kafka_topic,
        partitions=arguments.partitions,
        elasticsearch_accounts=arguments.elasticsearch_accounts,
    )


def _port(address: str, default: int) -> int:
    """Return the port of a loopback address; that of a remote cluster says nothing about local ports."""
    parts = urlsplit(address)
    return parts.port or default if parts.hostname in LOOPBACK else default


def _parser() -> argparse.ArgumentParser:
    parser = cli.parser("python -m embedded", "Local Kafka and Elasticsearch, no Docker.")
    parser.add_argument("command", choices=sorted(COMMANDS))
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


COMMANDS: dict[str, Callable[[argparse.Namespace, Settings], None]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
}


if __name__ == "__main__":
    sys.exit(main())
