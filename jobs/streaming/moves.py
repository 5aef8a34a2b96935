"""Where Encounters say that patients lie: carried out by the driver, once all partitions of a micro-batch are written.

What was told last of a patient stands, whoever told it, so that a repeated micro-batch changes nothing. The end of an
Encounter ends the stay that this very Encounter has begun, and no other: an old visit that is closed late moves nobody.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from elasticsearch import Elasticsearch

from conf.times import iso_us, to_us
from elastic.client import Search
from elastic.names import STAYS, fit_id
from elastic.search import wards
from fhir.readings import Move

TIMEOUT_S: Final = 30.0

log = logging.getLogger(__name__)


def next_stay(known: Mapping[str, Any] | None, move: Move) -> Mapping[str, Any] | None:
    """Return the stay after a move: the known one where that was told later, or the move ends another Encounter."""
    if known and to_us(datetime.fromisoformat(known["told_at"])) > move.told_us:
        return known
    if move.ward is None and (
        known is None or move.encounter_id is None or known.get("encounter") != move.encounter_id
    ):
        return known
    told = {"ward": move.ward, "bed": move.bed, "encounter": move.encounter_id}
    stay = {"patient_id": move.patient_id, "told_at": iso_us(move.told_us)}
    return stay | {name: value for name, value in told.items() if value is not None}


def store_moves(client: Elasticsearch, of_tasks: Iterable[str]) -> Counter[str]:
    """Carry out what the tasks of a micro-batch have found, in the order of its time; return what was counted."""
    moves = [move for text in of_tasks for move in msgspec.json.decode(text, type=list[Move])]
    if not moves:
        return Counter()
    search = Search(client, TIMEOUT_S)
    found = search.get_many(STAYS, sorted({fit_id(move.patient_id) for move in moves}))
    before: dict[str, Mapping[str, Any]] = {stay["patient_id"]: stay for stay in found.values()}
    after = dict(before)
    for move in sorted(moves, key=lambda move: move.told_us):
        stay = next_stay(after.get(move.patient_id), move)
        if stay is not None:
            after[move.patient_id] = stay
    changed = [stay for patient_id, stay in after.items() if stay is not before.get(patient_id)]
    wards.keep(search, changed)
    try:
        wards.publish(search, wards.all_stays(search).values())
    except wards.TooManyError as error:  # no message stops the stream; who lies where is known, lists are as before
        log.error("The lists of the wards stay as they were: %s", error)
    return Counter(moves=len(moves), moved=len(changed))
