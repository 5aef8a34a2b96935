"""What Encounters and Locations say of where patients lie: carried out by the driver, after all of a micro-batch.

What was told last of a patient stands, whoever told it, so that a repeated micro-batch changes nothing. The end of an
Encounter ends the stay that this very Encounter has begun, and no other: an old visit that is closed late moves nobody.
Locations are written last: where a micro-batch was interrupted, its repetition finds them new, and does all again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from elasticsearch import Elasticsearch

from elastic.client import Search
from elastic.names import STAYS, fit_id
from elastic.search import wards
from fhir.readings import Location, Move
from jobs.streaming.whereabouts import Stay, newest, next_stay, told_anew, where

TIMEOUT_S: Final = 30.0

log = logging.getLogger(__name__)


def store_moves(client: Elasticsearch, of_tasks: Iterable[str]) -> Counter[str]:
    """Carry out what the tasks of a micro-batch have found, in the order of its time; return what was counted.

    `unplaced` are moves to places of which nothing has told the ward yet.
    """
    said = [each for text in of_tasks for each in msgspec.json.decode(text, type=list[Move | Location])]
    if not said:
        return Counter()
    search = Search(client, TIMEOUT_S)
    moves = sorted((each for each in said if isinstance(each, Move)), key=lambda move: move.told_us)
    known = wards.all_locations(search)
    locations = newest([*known.values(), *(each for each in said if isinstance(each, Location))])
    renewed = [location for id_, location in locations.items() if location != known.get(id_)]
    found = search.get_many(STAYS, sorted({fit_id(move.patient_id) for move in moves}))
    before: dict[str, Stay] = {stay["patient_id"]: stay for stay in found.values()}
    if renewed:
        before = wards.all_stays(search) | before
    after = {patient_id: told_anew(stay, locations) for patient_id, stay in before.items()}
    for move in moves:
        stay = next_stay(after.get(move.patient_id), move, locations)
        if stay is not None:
            after[move.patient_id] = stay
    changed = [stay for patient_id, stay in after.items() if stay != before.get(patient_id)]
    wards.keep(search, changed)
    try:
        wards.publish(search, wards.all_stays(search).values())
    except wards.TooManyError as error:  # no message stops the stream; who lies where is known, lists are as before
        log.error("The lists of the wards stay as they were: %s", error)
    wards.keep_locations(search, renewed)
    unplaced = sum(bool(move.places) and where(move.places, locations)[0] is None for move in moves)
    return Counter(moves=len(moves), moved=len(changed), locations=len(renewed), unplaced=unplaced)
