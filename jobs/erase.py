"""Delete what is stored of one patient: ``python -m jobs.erase --patient ID [--archive] [--delete]``.

Without ``--delete`` it only counts. Deleted are the patient's observations, predictions and latest prediction, rejected
messages that name the patient, alerts, their journal, the limits set for the patient and the stay in a ward, and with
``--archive`` the lines of the CSV archive in `BP_DATA_DIR`. The id is meant as it is stored; with `BP_PSEUDONYM_KEY`
that is what ``python -m jobs.pseudonym`` tells. What cannot be reached from here is told at the end.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from elasticsearch import Elasticsearch
from rich.console import Console
from rich.table import Column, Table

from conf import cli
from conf.errors import UserError
from conf.settings import Settings, load_settings
from elastic.client import Search, connect
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    LATEST,
    NOTIFICATIONS,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
)
from elastic.search import wards
from jobs.maintenance.archive_upkeep import files_of, remove_lines
from jobs.maintenance.removal import Found, find, one_line_errors, remove

PLACES: Final = (  # what alerts are made of goes before them: else the alert service would raise them anew
    OBSERVATIONS,
    PREDICTIONS,
    LATEST,
    REJECTED,
    PATIENT_RULES,
    ALERT_EVENTS,
    ALERTS,
    NOTIFICATIONS,  # after the alerts: without its message an alert would be told again
    STAYS,
)
REJECTED_TEXTS: Final = ("patient_id", "payload", "detail")
LISTS_TIMEOUT_S: Final = 30.0
REJECTED_PAGE: Final = 200  # each may hold 32 KB
UNREACHED: Final = """\
Not reached from here (see Privacy in docs/operations.md):
  - the messages in Kafka's topic {topic}, until its retention ends; until then a rebuild would store them again;
  - the patient's last readings in the checkpoint {checkpoint}; a new reading would be judged together with them;
  - targets that the site keeps for this patient: take them back on the patient's page;
  - the file of the register of wards: take the patient out of it, or python -m jobs.wards gives a place again;
  - the audit of who saw the patient, snapshots and other copies, and training data in {data}."""

Pages = Iterator[list[Found]]


class Part(NamedTuple):
    """What is stored of the patient in one place."""

    place: str
    number: int


def pages_of(client: Elasticsearch, index: str, patient_id: str) -> Pages:
    """Yield the patient's documents in an index or alias; in the rejected index those that name the patient."""
    if index != REJECTED:
        yield from find(client, index, {"term": {"patient_id": patient_id}})
        return
    is_named = name_finder(patient_id)
    for page in find(client, REJECTED, {"match_all": {}}, REJECTED_TEXTS, REJECTED_PAGE):
        yield [found for found in page if is_named(found.source)]


def name_finder(patient_id: str) -> Callable[[Mapping[str, Any]], bool]:
    """Return a rule that tells whether a rejected document names the patient: by the id, whole or as the end of a text.

    Of an id with a system or server in front, the part behind it is looked for: messages write both apart. Numbers that
    happen to be equal are no names; another element of that text is taken for one, for rather too much is deleted.
    """
    last = re.escape(patient_id.rpartition("|")[2])
    names = re.compile(rf"""(?:^|["'/:|]){last}(?:$|["'/|])""").search
    return lambda document: any(names(document.get(field) or "") for field in REJECTED_TEXTS)


def count_stored(client: Elasticsearch, patient_id: str) -> list[Part]:
    """Count the documents of a patient, newest included."""
    with one_line_errors():
        for index in PLACES:
            client.indices.refresh(index=index, ignore_unavailable=True, allow_no_indices=True)
        return [Part(index, sum(map(len, pages_of(client, index, patient_id)))) for index in PLACES]


def delete_stored(client: Elasticsearch, patient_id: str) -> None:
    """Delete a patient's documents everywhere."""
    with one_line_errors():
        for index in PLACES:
            for page in pages_of(client, index, patient_id):
                remove(client, page)


def erase(client: Elasticsearch, patient_id: str, archive_of: Path | None) -> None:
    """Delete all that is stored; raise `UserError` if there is something again, since messages still arrive."""
    delete_stored(client, patient_id)
    if archive_of:
        for path, _ in list(files_of(archive_of, patient_id)):
            remove_lines(path, patient_id)
    left = sum(part.number for part in count_stored(client, patient_id))
    search = Search(client, LISTS_TIMEOUT_S)
    wards.publish(search, wards.all_stays(search).values())
    if left:
        raise UserError(
            f"{left} documents of this patient were written while others were deleted. "
            "Stop the source of the messages, wait until the stream has read them all, and start again."
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, count, and delete if asked to; return the exit code."""
    parser = cli.parser("python -m jobs.erase", __doc__)
    parser.add_argument("--patient", required=True, metavar="ID", help="the id as it is stored")
    parser.add_argument("--delete", action="store_true", help="delete; without it nothing is changed")
    parser.add_argument("--archive", action="store_true", help="also the CSV archive in BP_DATA_DIR")
    return cli.run(parser, lambda options: _run(options, load_settings()), arguments)


def _run(options: argparse.Namespace, settings: Settings) -> None:
    client, console = connect(settings), Console(soft_wrap=True)
    archive_of = settings.data_dir if options.archive else None
    parts = count_stored(client, options.patient)
    if archive_of:
        parts.append(
            Part(f"lines of the archive in {archive_of}", sum(n for _, n in files_of(archive_of, options.patient)))
        )
    table = Table(Column("where", overflow="fold"), "documents", title="Stored of this patient")
    for part in parts:
        table.add_row(part.place, f"{part.number:,}")
    console.print(table)
    if not options.delete:
        console.print("Nothing was deleted. Add --delete to delete this.")
        return
    erase(client, options.patient, archive_of)
    console.print("Deleted.")
    told = {"topic": settings.kafka_topic, "checkpoint": settings.checkpoint_dir, "data": settings.data_dir}
    console.print(UNREACHED.format(**told), highlight=False)


if __name__ == "__main__":
    sys.exit(main())
