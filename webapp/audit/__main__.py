"""``python -m webapp.audit verify|prune``: check the chains of the audit, delete months past retention."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from elasticsearch import Elasticsearch

from conf.errors import UserError, run_main
from conf.settings import Settings, load_settings
from elastic.client import Search, answering, connect
from elastic.names import AUDIT
from webapp.audit import search as audit_events
from webapp.audit.chain import hash_of

RETENTION_MONTHS: Final = 12
PAGE: Final = 1000
VERIFY_TIMEOUT_S: Final = 60.0


def find_breaks(events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Ids of events that were changed, or that do not follow the one before; `events` chain by chain, in order.

    The first events of a chain may be gone with their month; a gap inside may not.
    """
    chain_id, follows, previous = None, 0, ""
    for event in events:
        is_start = event["chain_id"] != chain_id
        broken_link = not is_start and (event["seq"] != follows or event["prev_sha256"] != previous)
        if broken_link or hash_of(event) != event["sha256"]:
            yield f"{event['chain_id']}-{event['seq']}"
        chain_id, follows, previous = event["chain_id"], event["seq"] + 1, event["sha256"]


def verify(search: Search) -> int:
    """Check every event; returns how many there are. Raises `UserError` naming the broken ones."""
    count = 0

    def counted() -> Iterator[Mapping[str, Any]]:
        nonlocal count
        for event in _all_events(search):
            count += 1
            yield event

    broken = list(find_breaks(counted()))
    if broken:
        raise UserError(
            f"{len(broken)} of {count} audit events are changed or lack the one before: {', '.join(broken[:10])}. "
            "Keep the index as it is and find out who had access."
        )
    return count


def prune(client: Elasticsearch, now: datetime, months: int) -> list[str]:
    """Delete the monthly indices older than `months` whole months; returns their names."""
    oldest = now.year * 12 + now.month - 1 - months
    with answering():
        names = sorted(client.indices.get(index=f"{AUDIT}-*", allow_no_indices=True, features="settings"))
        old = [name for name in names if _month_number(name) < oldest]
        for name in old:
            client.indices.delete(index=name)
    return old


def _month_number(index: str) -> int:
    year, month = index.removeprefix(f"{AUDIT}-").split(".")
    return int(year) * 12 + int(month) - 1


def _all_events(search: Search) -> Iterator[Mapping[str, Any]]:
    after: Sequence[Any] | None = None
    while True:
        page = audit_events.chain_events(search, PAGE, after)
        yield from page.documents
        if page.after is None:
            return
        after = page.after


def _run(options: argparse.Namespace, settings: Settings) -> None:
    client = connect(settings)
    if options.command == "verify":
        print(f"{verify(Search(client, VERIFY_TIMEOUT_S))} audit events, all unchanged and complete.")
    else:
        deleted = prune(client, datetime.now(UTC), options.months)
        print(f"Deleted: {', '.join(deleted) or 'nothing'}.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m webapp.audit", description=__doc__)
    parser.add_argument("command", choices=("verify", "prune"))
    parser.add_argument("--months", type=int, default=RETENTION_MONTHS, help="whole months to keep (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show the trace of an error")
    options = parser.parse_args(arguments)
    return run_main(lambda: _run(options, load_settings()), verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
