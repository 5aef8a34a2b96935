"""Delete the months of the audit that are past retention: ``python -m webapp.audit prune``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from elasticsearch import Elasticsearch

from conf import cli
from conf.settings import load_settings
from elastic.client import answering, connect
from elastic.names import AUDIT, all_months

RETENTION_MONTHS: Final = 12


def prune(client: Elasticsearch, now: datetime, months: int) -> list[str]:
    """Delete the monthly indices older than `months` whole months and return their names."""
    oldest = now.year * 12 + now.month - 1 - months
    with answering():
        names = sorted(client.indices.get(index=all_months(AUDIT), allow_no_indices=True, features="settings"))
        old = [name for name in names if _month_number(name) < oldest]
        for name in old:
            client.indices.delete(index=name)
    return old


def _month_number(index: str) -> int:
    """Return the months since year 0 of an index that is named ``...-2026.11``."""
    year, month = index.removeprefix(f"{AUDIT}-").split(".")
    return int(year) * 12 + int(month) - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the command; return the exit code."""
    parser = cli.parser("python -m webapp.audit", __doc__)
    parser.add_argument("command", choices=("prune",))
    parser.add_argument("--months", type=int, default=RETENTION_MONTHS, help="whole months to keep (%(default)s)")

    def work(options: argparse.Namespace) -> None:
        deleted = prune(connect(load_settings()), datetime.now(UTC), options.months)
        print(f"Deleted: {', '.join(deleted) or 'nothing'}.")

    return cli.run(parser, work, arguments)


if __name__ == "__main__":
    sys.exit(main())
