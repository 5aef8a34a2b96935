"""``python -m deploy.setup``: everything that must be there before the first reading; may be run again at any time.

It waits for Kafka and Elasticsearch, then creates the topic, the accounts and their rights (with ``--directory``), the
index templates and the indices that are no months. Nobody else needs the right to change those.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from elasticsearch import ApiError, AuthenticationException, Elasticsearch, TransportError

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from deploy.accounts import Report, as_superuser, create_accounts
from deploy.kafka_rights import grant
from elastic.client import RETRY_WAITS_S, connect
from elastic.schema import create_standing_indices, ensure_templates
from producer.sender import client_security
from producer.topic import PARTITIONS, create_topic

DEADLINE_S: Final = 300.0
REFUSED_PATIENCE_S: Final = sum(RETRY_WAITS_S)  # a cluster that is starting may not have found its accounts yet
REQUEST_TIMEOUT_S: Final = 10.0
PAUSE_S: Final = 1.0
REPORT_EVERY_S: Final = 5.0

Result = TypeVar("Result")


class NotReadyError(UserError):
    """A server does not do what it must yet."""


class PasswordRefusedError(NotReadyError):
    """A server does not know the account, or not yet."""


def set_up(settings: Settings, chosen: argparse.Namespace, report: Report) -> None:
    """Wait for both servers and prepare them; raises `UserError` when one is not ready in time or refuses."""
    if chosen.directory:
        settings = as_superuser(settings, chosen.directory)
    wait = partial(wait_for, deadline_s=chosen.deadline, report=report)
    created = wait("Kafka", partial(_create_topic, settings, chosen))
    report(f"Topic {settings.kafka_topic}: {f'created, {chosen.partitions} partitions' if created else 'was there'}")
    if chosen.directory and settings.kafka_username and not chosen.keep_kafka_rights:
        wait("Kafka", partial(grant, settings))
        report("Rights of Kafka's accounts: there")
    client = connect(settings)
    wait("Elasticsearch", partial(require_usable, client))
    if chosen.directory:
        create_accounts(client, chosen.directory, report)
    ensure_templates(client)
    create_standing_indices(client)
    report("Index templates and standing indices: there")


def _create_topic(settings: Settings, chosen: argparse.Namespace) -> bool:
    return create_topic(
        settings.kafka_bootstrap_servers,
        settings.kafka_topic,
        chosen.partitions,
        chosen.replication,
        client_security(settings),
    )


def require_usable(client: Elasticsearch) -> None:
    """Raise `NotReadyError` unless each primary shard is there and the account may see it."""
    try:
        client.options(request_timeout=REQUEST_TIMEOUT_S).cluster.health(wait_for_status="yellow", timeout="5s")
    except AuthenticationException as error:
        raise PasswordRefusedError(
            "Elasticsearch does not take this user with this password. Check the file elastic in the folder of "
            "secrets, or BP_ELASTICSEARCH_USER and BP_ELASTICSEARCH_PASSWORD."
        ) from error
    except (ApiError, TransportError) as error:
        raise NotReadyError(f"{error}. Start it, or check BP_ELASTICSEARCH_URL.") from error


def wait_for(
    title: str,
    attempt: Callable[[], Result],
    *,
    deadline_s: float,
    report: Report,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Result:
    """Try until it works; tell every 5 s why not. A refused password is final after `REFUSED_PATIENCE_S`."""
    began_s = clock()
    next_report_s = REPORT_EVERY_S
    while True:
        try:
            return attempt()
        except UserError as error:
            waited_s = clock() - began_s
            if isinstance(error, PasswordRefusedError) and waited_s >= REFUSED_PATIENCE_S:
                raise
            if waited_s >= deadline_s:
                raise UserError(f"{title} is not ready after {waited_s:.0f} s: {error}") from error
            if waited_s >= next_report_s:
                report(f"{title}: not ready after {waited_s:.0f} s: {error}")
                next_report_s = waited_s + REPORT_EVERY_S
        pause(PAUSE_S)


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and do it; return the exit code."""
    parser = cli.parser("python -m deploy.setup", __doc__)
    add = parser.add_argument
    add("--directory", type=Path, metavar="DIR", help="folder of secrets; without it no accounts are made")
    add("--deadline", type=float, default=DEADLINE_S, metavar="SECONDS", help="for each server (%(default)g)")
    add("--partitions", type=int, default=PARTITIONS, help="of the topic when it is created (%(default)s)")
    add("--replication", type=int, default=1, help="copies of the topic: 3 on a cluster of brokers (%(default)s)")
    add("--keep-kafka-rights", action="store_true", help="whoever runs Kafka gives its accounts their rights")

    def run(chosen: argparse.Namespace) -> None:
        for noisy in ("kafka", "elastic_transport"):  # what they find is told by `wait_for`
            logging.getLogger(noisy).setLevel(logging.DEBUG if chosen.verbose else logging.CRITICAL)
        set_up(load_settings(), chosen, lambda line: print(line, flush=True))

    return cli.run(parser, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
