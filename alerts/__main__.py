"""``python -m alerts``: keep the alerts of the ward, out of what the stream has stored, and tell people of them.

Start as many copies as you like, on as many machines: one works, the others wait and one of them takes over within half
a minute. The rules are in conf/alerts.yaml, or in the file that BP_ALERT_RULES names, with what a ward manager has
changed on the site; a new version is taken over within ten seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Final

from alerts import rule_versions
from alerts.lease import LENGTH, Lease
from alerts.lookout import Lookout
from alerts.notifications.running import at_work, prepare
from alerts.proof_of_life import ProofOfLife
from alerts.rules import load_rules
from alerts.service import Service
from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import Search, connect
from elastic.schema import ensure_templates

EVERY_S: Final = 0.5
LEASE: Final = LENGTH
WAIT_S: Final = 2.0  # of a copy that waits for the lease, and after a fault
SEARCH_TIMEOUT_S: Final = 30.0

Messages = Callable[[], AbstractContextManager[None]]

log = logging.getLogger("alerts")


def main(arguments: list[str] | None = None) -> int:
    """Run the service; return the exit code."""
    parser = cli.parser("python -m alerts", __doc__)
    parser.add_argument("--once", action="store_true", help="keep them up to now, and end")
    return cli.run(parser, lambda options: run(load_settings(), once=options.once), arguments)


def run(settings: Settings, *, once: bool = False, stopping: threading.Event | None = None) -> None:
    """Follow Elasticsearch until a signal comes; raises `UserError` for rules or an account that cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    logging.getLogger("elastic_transport").setLevel(logging.WARNING)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # whether it answers is told as a link of the chain
    stop = stopping or (threading.Event() if once else _stop_on_signals())
    rules = load_rules(settings.alert_rules)  # a file that cannot be used ends it here
    search = Search(connect(settings), SEARCH_TIMEOUT_S)
    ensure_templates(search.client)
    lease = Lease(search, f"{socket.gethostname()}-{os.getpid()}-{time.time_ns()}", LEASE)
    messages = nullcontext if once else prepare(search, rules.notifications, settings, lambda: lease.is_held)
    proof = ProofOfLife(search, rules, settings, lambda: lease.is_held)
    with nullcontext() if once else at_work(lambda: proof, "proof of life"):
        while not stop.is_set():
            try:
                held = rule_versions.in_force(search, settings.alert_rules)
                lookout = Lookout(search, held.rules, settings, tuple if once else lambda: proof.links)
                are_others_held = partial(_are_others_held, search, held.number)
                if _work(lease, Service(search, held.rules, lookout), messages, stop, are_others_held, once=once):
                    return
            except UserError as error:
                if once:
                    raise
                log.warning("%s Trying again in %g s.", error, WAIT_S)
            stop.wait(WAIT_S)


def _are_others_held(search: Search, number: int) -> bool:
    """Tell whether rules of another version have come into force."""
    newest = rule_versions.history(search, 1)
    return bool(newest) and newest[0].number != number


def _work(
    lease: Lease,
    service: Service,
    messages: Messages,
    stop: threading.Event,
    are_others_held: Callable[[], bool],
    *,
    once: bool,
) -> bool:
    """Keep the alerts, and send messages about them, as long as this copy holds the lease and its rules are in force.

    Tell whether the work is done for good.
    """
    if not lease.take(datetime.now(UTC)):
        return False
    service.start(lease.kept.get("position"), datetime.now(UTC), lease.kept.get("state"))
    lease.renew(datetime.now(UTC), service.kept)
    log.info("this copy keeps the alerts now")
    with messages():
        while lease.is_held and not stop.is_set():
            is_more = service.turn(datetime.now(UTC))
            if lease.is_old:
                if not lease.renew(datetime.now(UTC), service.kept):
                    log.warning("another copy has taken over")
                    return False
                if are_others_held():
                    log.info("other rules are in force now")
                    break
            if once and not is_more and not service.is_behind:
                break
            if not is_more:
                stop.wait(EVERY_S)
    lease.release(datetime.now(UTC), service.kept)
    return once or stop.is_set()


def _stop_on_signals() -> threading.Event:
    """Return what SIGINT and SIGTERM set, so that a turn is finished and the lease given up."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


if __name__ == "__main__":
    sys.exit(main())
