"""Cases out of Elasticsearch: a prediction of a patient with the readings that its window may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from conf.errors import UserError
from conf.settings import Settings
from conf.times import from_us, iso
from elastic.client import Document, Search, read_page
from elastic.names import OBSERVATIONS
from elastic.search import observations, predictions
from fhir.pseudonyms import patient_pseudonym
from jobs.explaining.case import Case, instant_us, make_case
from jobs.pseudonym import pseudonym_key

MOST_OBSERVATIONS: Final = 120  # the state holds 60 messages; of what is stored, some may have been taken back
AT_ONCE: Final = 50  # patients in one request


def stored_case(search: Search, patient_id: str, at: datetime, settings: Settings) -> Case:
    """Return the last prediction of a patient up to a time; raise `UserError` where none is stored.

    The id is the stored one or, where the key of the pseudonyms is known, that of the patient.
    """
    key = pseudonym_key(settings)
    ids = [patient_id, *([] if key is None else [patient_pseudonym(patient_id, key)])]
    after = at + timedelta(milliseconds=1)
    for id_ in ids:
        found = predictions.of_patient(search, id_, end=after, limit=1, newest_first=True).documents
        if found:
            return next(cases(search, found, settings))
    bodies = [observations.before(id_, at, MOST_OBSERVATIONS) for id_ in ids]
    readings = max(len(answer["hits"]["hits"]) for answer in search.ask_all(OBSERVATIONS, bodies))
    said = f"{readings} readings are" if readings else "No reading is"
    raise UserError(
        f"No prediction of this patient is stored up to {iso(at)}. {said} stored up to then; a prediction takes "
        f"{settings.min_readings} (BP_MIN_READINGS). Check the id (python -m jobs.check_patient_observations) and --at."
    )


def cases(search: Search, found: Sequence[Document], settings: Settings) -> Iterator[Case]:
    """Yield the case of each prediction, in their order; its observations are read with those of others."""
    for start in range(0, len(found), AT_ONCE):
        some = found[start : start + AT_ONCE]
        bodies = [
            observations.before(one["patient_id"], from_us(instant_us(one["@timestamp"])), MOST_OBSERVATIONS)
            for one in some
        ]
        for prediction, answer in zip(some, search.ask_all(OBSERVATIONS, bodies), strict=True):
            yield make_case(prediction, read_page(answer, MOST_OBSERVATIONS).documents, settings.time_zone)
