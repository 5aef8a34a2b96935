"""Write stored readings to one CSV file: ``python -m jobs.export --csv FILE [--since T] [--until T] [--patient ID]``.

One line a reading, oldest first, with the columns of the archive; retracted readings are left out. Times are days
(``2026-11-24``, from midnight UTC) or instants with a zone (``2026-11-24T06:00:00+01:00``); `--until` is not included.
What is written while the export runs is not in it. The file appears when it is complete.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from elasticsearch import Elasticsearch

from conf import cli
from conf.files import beside
from conf.settings import load_settings
from conf.spreadsheets import cell
from conf.times import iso
from elastic.client import connect
from elastic.names import OBSERVATIONS
from elastic.scope import OF_CANARIES
from fhir.readings import RETRACTED_STATUS
from jobs.maintenance.removal import find, one_line_errors
from jobs.streaming.archive import COLUMNS, FLAG_SEPARATOR

PAGE_SIZE: Final = 5_000
PAGES_BETWEEN_NEWS: Final = 20


def query(since: datetime | None, until: datetime | None, patient_id: str | None) -> dict[str, Any]:
    """Return the query of the readings within [since, until), of one patient or of all real ones; None: no limit."""
    ends = {"gte": since, "lt": until}
    limits = {name: iso(at) for name, at in ends.items() if at is not None}
    wanted: list[dict[str, Any]] = [{"range": {"@timestamp": limits}}] if limits else []
    if patient_id is not None:
        wanted.append({"term": {"patient_id": patient_id}})
    return {"bool": {"filter": wanted, "must_not": [{"term": {"status": RETRACTED_STATUS}}, OF_CANARIES]}}


def stored_readings(client: Elasticsearch, wanted: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the documents that a query finds, by effective time, telling of long work on standard error."""
    done = 0
    pages = find(client, OBSERVATIONS, wanted, COLUMNS, PAGE_SIZE, sort=("@timestamp",))
    for number, page in enumerate(pages, start=1):
        yield from (found.source for found in page)
        done += len(page)
        if number % PAGES_BETWEEN_NEWS == 0:
            print(f"... {done:,} readings", file=sys.stderr, flush=True)


def write_csv(path: Path, documents: Iterable[Mapping[str, Any]]) -> int:
    """Write the documents under a header of field names, whole or not at all; return how many there were."""
    with beside(path) as new, new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        lines = 0
        for document in documents:
            flags = FLAG_SEPARATOR.join(document.get("flags", ()))
            writer.writerow([cell(flags if name == "flags" else document.get(name)) for name in COLUMNS])
            lines += 1
    return lines


def moment(text: str) -> datetime:
    """Read a day, or an instant with its zone."""
    at = datetime.fromisoformat(text)
    if len(text) == len("2026-11-24"):
        return at.replace(tzinfo=UTC)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


moment.__name__ = "day or instant with a zone"  # argparse shows it: "invalid day or instant with a zone value"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the file; return the exit code."""
    parser = cli.parser("python -m jobs.export", __doc__)
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="the file to write")
    parser.add_argument("--since", type=moment, metavar="T", help="readings from this time on")
    parser.add_argument("--until", type=moment, metavar="T", help="readings before this time")
    parser.add_argument("--patient", metavar="ID", help="of this patient alone, by the id as it is stored")

    def work(options: argparse.Namespace) -> None:
        asked = query(options.since, options.until, options.patient)
        with one_line_errors():
            number = write_csv(options.csv, stored_readings(connect(load_settings()), asked))
        print(f"{number:,} readings in {options.csv}")

    return cli.run(parser, work, arguments)


if __name__ == "__main__":
    sys.exit(main())
