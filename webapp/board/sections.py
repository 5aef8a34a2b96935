"""The searches behind the board's sections: patients by their worst open alert, with totals of all, listed or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerts.model import AlertKind
from assessment.urgency import Urgency
from conf.clinical import ALERT_LEVELS
from elastic.client import Query, Search
from elastic.search import alerts
from elastic.search.alerts import ACTION_ORDER, LATEST_SILENCE_FIRST, Wanted
from elastic.search.queries import all_of, any_of, term

ALERTED: Final = (Urgency.CRITICAL, Urgency.HIGH, Urgency.SILENT, Urgency.MEDIUM)  # each before the next
UNANSWERED: Final = "unanswered"

_SILENCE: Final = term("kind", AlertKind.SILENCE)
_OF_PATIENT: Final[Query] = {"exists": {"field": "patient_id"}}


def _of_urgency(place: Urgency) -> Query:
    """Return the query for alerts that put a patient into this section, unless another alert is worse."""
    if place is Urgency.SILENT:
        return all_of(_SILENCE)
    return all_of(term("shown_rank", ALERT_LEVELS.index(place)), _OF_PATIENT, without=[_SILENCE])


def first_of_sections(search: Search, sizes: Mapping[Urgency, int]) -> list[str]:
    """Return the first patients of the sections, as many of each as its size says.

    One whose alert is not the worst stands in another section in truth; who makes the row finds out.
    """
    wanted = [
        Wanted(
            alerts.is_open(_of_urgency(place)),
            sizes[place],
            LATEST_SILENCE_FIRST if place is Urgency.SILENT else ACTION_ORDER,
        )
        for place in ALERTED
        if sizes.get(place)
    ]
    found = alerts.first_patients(search, wanted)
    return list(dict.fromkeys(id_ for of_section in found for id_ in of_section))


def count_sections(search: Search) -> tuple[dict[Urgency, int], int]:
    """Count the patients of each section with alerts, and those with an alert that nobody has answered.

    A patient is counted where the worst alert is: who is in a section or in one before it, less who is in one before.
    """
    up_to = [any_of(*map(_of_urgency, ALERTED[: number + 1])) for number in range(len(ALERTED))]
    unanswered = all_of(term("is_unanswered", True), _OF_PATIENT)
    counts = alerts.count_patients(search, {**dict(zip(ALERTED, up_to, strict=True)), UNANSWERED: unanswered})
    numbers = [0, *(counts[place] for place in ALERTED)]
    totals = {place: max(0, numbers[number + 1] - numbers[number]) for number, place in enumerate(ALERTED)}
    return totals, counts[UNANSWERED]
