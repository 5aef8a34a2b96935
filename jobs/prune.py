"""Delete what is past retention: ``python -m jobs.prune [--archive] [--delete]``.

Without ``--delete`` it only shows what would go: months of observations and predictions, by their exact names; the
latest predictions of patients who have been silent for so long, alerts that have not changed for so long, and alert
events of that age (`BP_RETENTION_DAYS`); rejected messages (`BP_REJECTED_DAYS`); what the canary left more than a day
ago; with ``--archive`` also the days of the CSV archive in `BP_DATA_DIR`. It may run beside the stream, as often as one
likes, and goes on after an interruption.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from elasticsearch import Elasticsearch
from rich.console import Console
from rich.filesize import decimal
from rich.table import Column, Table

from conf import cli
from conf.settings import load_settings
from elastic.client import connect
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    LATEST,
    NOTIFICATIONS,
    OBSERVATIONS,
    PREDICTIONS,
    REJECTED,
    all_months,
)
from elastic.scope import OF_CANARIES
from jobs.maintenance.archive_upkeep import past_days, remove_day, size_bytes
from jobs.maintenance.removal import count, find, one_line_errors, remove
from jobs.maintenance.retention import MONTHLY, Limits, limits, past_months

PAGES_BETWEEN_NEWS: Final = 50
STATISTICS: Final = "indices.*.primaries.docs.count,indices.*.total.store.size_in_bytes"

Say = Callable[[str], None]


class Month(NamedTuple):
    """An index that goes as a whole."""

    index_name: str
    documents: int
    size_bytes: int


class Aged(NamedTuple):
    """The documents of an index that are older than `kept_from`."""

    index_name: str
    kept_from: datetime
    documents: int = 0
    field: str = "@timestamp"
    of_canary: bool = False  # alone: it is nobody, and sends all the time

    def query(self) -> dict[str, Any]:
        """Return the query that finds them."""
        older = {"range": {self.field: {"lt": self.kept_from.isoformat()}}}
        return {"bool": {"filter": [older, OF_CANARIES]}} if self.of_canary else older


class Day(NamedTuple):
    """A day of the CSV archive."""

    folder: Path
    size_bytes: int

    def name(self) -> str:
        """Name the folder within the data directory."""
        return f"{self.folder.parent.name}/{self.folder.name}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is past retention."""

    months: list[Month]
    aged: list[Aged]
    days: list[Day]

    def is_empty(self) -> bool:
        """Tell whether there is nothing to delete."""
        return not (self.months or self.days or any(aged.documents for aged in self.aged))


def make_plan(client: Elasticsearch, kept: Limits, archive_of: Path | None) -> Plan:
    """Look for what is past retention; change nothing. `archive_of` is the data directory if its archive is meant."""
    folders = past_days(archive_of, kept.data_from) if archive_of else []
    with one_line_errors():
        aged = [
            Aged(LATEST, kept.data_from),
            Aged(ALERTS, kept.data_from, field="changed_at"),
            Aged(ALERT_EVENTS, kept.data_from),
            Aged(NOTIFICATIONS, kept.data_from, field="at"),
            Aged(REJECTED, kept.rejected_from),
            Aged(OBSERVATIONS, kept.canary_from, of_canary=True),
            Aged(PREDICTIONS, kept.canary_from, of_canary=True),
            Aged(ALERTS, kept.canary_from, field="changed_at", of_canary=True),
            Aged(ALERT_EVENTS, kept.canary_from, of_canary=True),
            Aged(NOTIFICATIONS, kept.canary_from, field="at", of_canary=True),
        ]
        return Plan(
            list(_past_months(client, kept.data_from)),
            [old._replace(documents=count(client, old.index_name, old.query())) for old in aged],
            [Day(folder, size_bytes(folder)) for folder in folders],
        )


def _past_months(client: Elasticsearch, data_from: datetime) -> Iterator[Month]:
    patterns = [all_months(family) for family in MONTHLY]
    told = client.indices.stats(index=patterns, metric=["docs", "store"], filter_path=STATISTICS).get("indices", {})
    for name in past_months(told, data_from):
        of_month = told[name]
        yield Month(name, of_month["primaries"]["docs"]["count"], of_month["total"]["store"]["size_in_bytes"])


def carry_out(client: Elasticsearch, plan: Plan, say: Say) -> None:
    """Delete what the plan names, telling of each part."""
    with one_line_errors():
        for month in plan.months:
            client.indices.delete(index=month.index_name, ignore_unavailable=True)
            say(f"deleted {month.index_name} ({month.documents:,} documents)")
        for aged in plan.aged:
            if aged.documents:
                _delete_aged(client, aged, say)
    for day in plan.days:
        remove_day(day.folder)
        say(f"deleted {day.name()}")


def _delete_aged(client: Elasticsearch, aged: Aged, say: Say) -> None:
    deleted = 0
    for number, page in enumerate(find(client, aged.index_name, aged.query()), start=1):
        deleted += remove(client, page)
        if number % PAGES_BETWEEN_NEWS == 0:
            say(f"... {deleted:,} of {aged.documents:,} documents of {aged.index_name}")
    say(f"deleted {deleted:,} documents of {aged.index_name}")


def as_table(plan: Plan) -> Table:
    """Return the plan for people."""
    table = Table(Column("what", overflow="fold"), "documents", "size", title="Past retention")
    for month in plan.months:
        table.add_row(month.index_name, f"{month.documents:,}", decimal(month.size_bytes))
    for aged in plan.aged:
        if aged.documents:
            whose = " of the canary" if aged.of_canary else ""
            table.add_row(f"{aged.index_name}{whose} before {aged.kept_from:%Y-%m-%d}", f"{aged.documents:,}", "")
    for day in plan.days:
        table.add_row(day.name(), "", decimal(day.size_bytes))
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, show the plan and carry it out if asked to; return the exit code."""
    parser = cli.parser("python -m jobs.prune", __doc__)
    parser.add_argument("--delete", action="store_true", help="delete; without it nothing is changed")
    parser.add_argument("--archive", action="store_true", help="also the CSV archive in BP_DATA_DIR")
    return cli.run(parser, lambda options: _run(options, datetime.now(UTC)), arguments)


def _run(options: argparse.Namespace, now: datetime) -> None:
    settings = load_settings()
    client, console = connect(settings), Console(soft_wrap=True)
    plan = make_plan(client, limits(settings, now), settings.data_dir if options.archive else None)
    if plan.is_empty():
        console.print("Nothing is past retention.")
        return
    console.print(as_table(plan))
    if options.delete:
        carry_out(client, plan, lambda text: console.print(text, highlight=False))
    else:
        console.print("Nothing was deleted. Add --delete to delete this.")


if __name__ == "__main__":
    sys.exit(main())
