"""What the monitor job found of a model version: live quality, drift, and whether its risks fit what happens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H, HORIZONS_H
from elastic.client import Document, Query, Search
from elastic.names import MODEL_MONITORING
from elastic.search.queries import all_of, between, term, term_if
from ml.drift import SUMMARIES, moved_strongly

MOST_DAYS: Final = 30
ALL: Final = "all"
NEWEST_DAY_FIRST: Final[list[Any]] = [{"@timestamp": "desc"}, {"horizon_h": "asc"}]


def live_quality(
    search: Search, version: str, horizon_h: int | None = ALERT_HORIZON_H, stratum: str = ALL
) -> list[Document]:
    """Return the quality documents of a version, one per UTC day (and horizon, for None), newest first."""
    query = all_of(
        term("kind", "quality"),
        term("model_version", version),
        term("stratum", stratum),
        term_if("horizon_h", horizon_h),
    )
    return _sorted(search, query, MOST_DAYS * len(HORIZONS_H), NEWEST_DAY_FIRST)


def estimates(search: Search, version: str, stratum: str) -> list[Document]:
    """Return what the risks of a version say of themselves on their newest day, by horizon, outcomes known or not."""
    query = all_of(term("kind", "estimate"), term("model_version", version), term("stratum", stratum))
    return list(newest_by_horizon(_sorted(search, query, len(HORIZONS_H), NEWEST_DAY_FIRST)).values())


def drift(search: Search, version: str, most: int = 10, *, whole_day: bool = False) -> list[Document]:
    """Return the features of a version that have moved most, on the newest judged day, or the newest whole one."""
    of_version = all_of(
        term("kind", "drift"), term("model_version", version), term("complete", True) if whole_day else None
    )
    newest = _sorted(search, of_version, 1, [{"@timestamp": "desc"}])
    if not newest:
        return []
    query = all_of(of_version, term("@timestamp", newest[0]["@timestamp"]))
    return _sorted(search, query, most, [{"psi": "desc"}, {"feature": "asc"}])


def strangers(search: Search, version: str) -> list[Document]:
    """Return what says, on the newest whole day, that patients are others than those a version was trained on."""
    found = drift(search, version, len(SUMMARIES), whole_day=True)
    moved = moved_strongly({document["feature"]: document["drift"] for document in found})
    return [document for document in found if document["feature"] in moved]


def comparison(search: Search, version: str, stratum: str) -> list[Document]:
    """Return the last documents about a challenger beside a version, by horizon; [] where none was judged."""
    of_both = all_of(term("kind", "shadow"), term("model_version", version), term("stratum", stratum))
    found = _sorted(search, of_both, len(HORIZONS_H), [{"judged_at": "desc"}, {"horizon_h": "asc"}])
    return [document for document in found if document["judged_at"] == found[0]["judged_at"]]


def calibration(search: Search, version: str) -> list[Document]:
    """Return the last documents about how the risks of a version fit what followed, by horizon."""
    of_version = all_of(term("kind", "calibration"), term("model_version", version))
    found = _sorted(search, of_version, len(HORIZONS_H), [{"judged_at": "desc"}, {"horizon_h": "asc"}])
    return [document for document in found if document["judged_at"] == found[0]["judged_at"]]


def cusum(search: Search, version: str, before: datetime | None = None) -> list[Document]:
    """Return the documents of a version on observed against expected crises, newest day first."""
    query = all_of(term("kind", "cusum"), term("model_version", version), between("@timestamp", end=before))
    return _sorted(search, query, MOST_DAYS * len(HORIZONS_H), NEWEST_DAY_FIRST)


def newest_by_horizon(documents: Iterable[Document]) -> dict[int, Document]:
    """Return the first document of each horizon, shortest horizon first."""
    found: dict[int, Document] = {}
    for document in documents:
        found.setdefault(document["horizon_h"], document)
    return dict(sorted(found.items()))


def misfits(search: Search, version: str) -> list[Document]:
    """Return the newest documents that say of a version: its risks do not fit what happens, or have not for days."""
    known = [*calibration(search, version), *newest_by_horizon(cusum(search, version)).values()]
    return [document for document in known if document["is_off"]]


def parity(search: Search, version: str | None = None) -> Document | None:
    """Return how many random predictions of a version, or of any, came out the same on the newest day of judging."""
    query = all_of(term("kind", "parity"), term_if("model_version", version))
    return next(iter(_sorted(search, query, 1, [{"@timestamp": "desc"}])), None)


def newest_time(search: Search) -> str | None:
    """Return when the monitor judged last (ISO 8601), None where it never did."""
    found = search.aggregate(MODEL_MONITORING, {"newest": {"max": {"field": "judged_at"}}})
    text: str | None = found.get("newest", {}).get("value_as_string")
    return text


def _sorted(search: Search, query: Query, most: int, order: list[Any]) -> list[Document]:
    body = {"size": most, "query": query, "sort": order, "track_total_hits": False}
    return search.page(MODEL_MONITORING, body).documents
