"""Count the stored observations of every patient: ``python -m jobs.check_patient_observations [--json] [--min N]``.

Asks Elasticsearch page by page (composite aggregation), for any number of patients. Heart rates that came alone
and retracted readings count as observations too: the sum equals the number of documents.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from elasticsearch import ApiError, Elasticsearch, TransportError
from rich.console import Console
from rich.table import Table

from conf import cli
from conf.errors import UserError
from conf.settings import load_settings
from elastic.client import connect, no_answer
from elastic.names import OBSERVATIONS
from elastic.scope import OF_CANARIES

PAGE_SIZE = 5_000


class PatientCount(NamedTuple):
    """How many observations of a patient are stored, and from when to when (ISO 8601, UTC)."""

    patient_id: str
    observations: int
    first: str
    last: str


def count_observations(client: Elasticsearch, page_size: int = PAGE_SIZE) -> Iterator[PatientCount]:
    """Yield every patient in the order of their ids."""
    after: dict[str, Any] | None = None
    while True:
        page = _ask(client, page_size, after)
        for bucket in page.get("buckets", ()):
            first, last = (bucket[name]["value_as_string"] for name in ("first", "last"))
            yield PatientCount(bucket["key"]["patient"], bucket["doc_count"], first, last)
        after = page.get("after_key")
        if after is None:
            return


def _ask(client: Elasticsearch, page_size: int, after: dict[str, Any] | None) -> dict[str, Any]:
    composite: dict[str, Any] = {"size": page_size, "sources": [{"patient": {"terms": {"field": "patient_id"}}}]}
    if after is not None:
        composite["after"] = after
    times = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
    patients = {"composite": composite, "aggs": times}
    try:
        answer = client.search(
            index=OBSERVATIONS,
            size=0,
            query={"bool": {"must_not": [OF_CANARIES]}},
            aggs={"patients": patients},
            ignore_unavailable=True,
            allow_partial_search_results=False,  # a shard that is away must not look like fewer observations
        )
    except (ApiError, TransportError) as error:
        raise UserError(no_answer(error)) from error
    return dict(answer.get("aggregations", {}).get("patients", {}))


def main() -> int:
    """Parse the command line and print the counts; return the exit code."""
    parser = cli.parser("python -m jobs.check_patient_observations", __doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    parser.add_argument("--min", type=int, default=0, metavar="N", help="only patients with at least N observations")
    return cli.run(parser, _print)


def _print(options: argparse.Namespace) -> None:
    counts = (count for count in count_observations(connect(load_settings())) if count.observations >= options.min)
    if options.json:
        sys.stdout.writelines(json.dumps(count._asdict()) + "\n" for count in counts)
    else:
        _print_table(list(counts))


def _print_table(counts: list[PatientCount]) -> None:
    table = Table("patient", "observations", "first", "last")
    for count in counts:
        table.add_row(count.patient_id, str(count.observations), count.first, count.last)
    console = Console()
    console.print(table)
    console.print(f"{len(counts)} patients, {sum(count.observations for count in counts)} observations")


if __name__ == "__main__":
    sys.exit(main())
