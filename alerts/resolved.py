"""Alerts that are over, page by page: a walk back in time over the predictions that asked for an alert.

An alert is listed where its condition was found for the last time, so each one is listed once, and a page costs about
the same however many predictions are stored. Of the predictions that the walk passes, the next ones of the same patient
mostly tell that the alert went on; only of the patients where it may have ended the history is read and folded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from alerts.episodes import Document, episodes_of, known_at
from alerts.lifecycle import QUIET_FINDINGS
from alerts.model import Episode, Kind
from assessment.freshness import stale_after
from assessment.urgency import is_crisis, level_rank
from elastic.client import After, Search
from elastic.search import latest, predictions

BLOCK: Final = 200  # predictions of one step of the walk
MOST_BLOCKS: Final = 4  # steps for one page
MOST_PATIENTS: Final = 25  # whose histories are read for one page


class Resolved(NamedTuple):
    """Alerts that are over with their patients, the one whose condition went last first, and where the next page is."""

    alerts: list[tuple[str, Episode]]
    after: After | None


def page(
    search: Search,
    start: datetime,
    end: datetime,
    now: datetime,
    expected_interval: timedelta,
    after: After | None = None,
) -> Resolved:
    """The ended alerts whose condition was last found in [start, end); a page can be empty and yet not the last."""
    stale = stale_after(expected_interval)
    ends, following = _walk(search, start, end, stale, after)
    places = {(one["patient_id"], known_at(one)) for one in ends}
    ids = {patient_id for patient_id, _ in places}
    newest = latest.of_patients(search, ids)
    folded = episodes_of(search, {id_: newest.get(id_) for id_ in ids}, now, expected_interval)
    found = [(id_, one) for id_, one in folded if not one.is_open and (id_, _last_seen(one, stale)) in places]
    return Resolved(sorted(found, key=lambda one: one[1].met_at, reverse=True), following)


def _walk(
    search: Search, start: datetime, end: datetime, stale: timedelta, after: After | None
) -> tuple[list[Document], After | None]:
    """Predictions at which an alert may have ended, and where to go on."""
    ends: list[Document] = []
    for _ in range(MOST_BLOCKS):
        block = predictions.alerting(search, start, end, BLOCK, after)
        for one in _possible_ends(search, block.documents, stale):
            ends.append(one)
            if len({end["patient_id"] for end in ends}) == MOST_PATIENTS:
                return ends, _position(one)
        after = block.after
        if after is None:
            break
    return ends, after


def _possible_ends(search: Search, block: Sequence[Document], stale: timedelta) -> list[Document]:
    later: dict[str, list[Document]] = defaultdict(list)
    for document in predictions.following(search, block, 2 * stale):
        later[document["patient_id"]].append(document)
    pairs = [(one, _after(one, later[one["patient_id"]])) for one in block]
    newest = latest.of_patients(search, {one["patient_id"] for one, then in pairs if not then})
    return [one for one, then in pairs if not _is_newest(one, newest) and may_be_end(one, then, stale)]


def _is_newest(document: Document, newest: Mapping[str, Document]) -> bool:
    """Whether nothing was predicted for the patient since, so that no alert can be over."""
    known = newest.get(document["patient_id"])
    return known is not None and known["@timestamp"] == document["@timestamp"]


def _after(document: Document, later: Sequence[Document]) -> list[Document]:
    return sorted((one for one in later if known_at(one) > known_at(document)), key=known_at)


def may_be_end(document: Document, later: Sequence[Document], stale: timedelta) -> bool:
    """Whether an alert may have ended after this finding, as far as the `later` ones say; False is sure."""
    following = later[:QUIET_FINDINGS]
    if not following or known_at(following[0]) - known_at(document) > stale:
        return True
    levels, crises = ([rule(one) for one in (document, *following)] for rule in (_has_level, _has_crisis))
    return any(met and not any(then) for met, *then in (levels, crises))


def _has_level(document: Document) -> bool:
    return level_rank(document["alert_level"]) > 0


def _has_crisis(document: Document) -> bool:
    return is_crisis(document.get("systolic"), document.get("diastolic"))


def _last_seen(episode: Episode, stale: timedelta) -> datetime:
    """When the finding was made that the episode's condition was last met by: lost data follow it after a while."""
    return episode.met_at - stale if episode.kind is Kind.TECHNICAL else episode.met_at


def _position(document: Document) -> After:
    """Where a document stands in the order of the walk."""
    return [round(datetime.fromisoformat(document["@timestamp"]).timestamp() * 1000), document["patient_id"]]
