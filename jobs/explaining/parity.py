"""Parity in service: random stored predictions made again from what is stored, and how many come out the same.

The parity of stream and batch is tested before a release; this tells whether it holds for what the stream really wrote.
A prediction that differs is one that nobody could explain any more: `python -m jobs.explain` tells why.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conf.settings import Settings
from conf.times import DAY_US, from_us, iso_us
from elastic.client import Document, Search
from elastic.search import monitoring, predictions
from jobs.explaining.case import Case
from jobs.explaining.replaying import EQUAL_WITHIN, Cause, candidates, differences, stored_risks
from jobs.explaining.stored import cases
from jobs.streaming.standing import place_of
from ml.features import hours_of_day
from ml.prediction import Bundle, Predictor
from ml.registry.bundles import BundleError, load_bundle

MOST: Final = 1_000  # predictions a day
MOST_NAMED: Final = 10

log = logging.getLogger("jobs.monitor")


def parity_documents(
    search: Search, settings: Settings, since_us: int, now_us: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield id and document of each version among random predictions since then; nothing if the day has been judged."""
    day = iso_us(now_us // DAY_US * DAY_US)
    newest = monitoring.parity(search)
    if newest is not None and newest["@timestamp"] == day:
        return
    found = sorted(predictions.sample(search, from_us(since_us), MOST), key=_version)
    for version, of_version in groupby(found, key=_version):
        try:
            bundle = load_bundle(settings.model_dir, version)
        except BundleError as error:
            log.warning("no parity of %s: %s", version, error)
            continue
        document = parity(list(cases(search, list(of_version), settings)), bundle)
        told = {"@timestamp": day, "model_version": version, "judged_at": iso_us(now_us), **document}
        yield f"{version}|parity|{day[:10]}", told


def _version(prediction: Document) -> str:
    return str(prediction["model_version"])


def parity(judged: list[Case], bundle: Bundle) -> dict[str, Any]:
    """Return how many of a version's predictions come out the same, the greatest difference, and the first others.

    One of which no reading is left differs, too, but has no difference. The others are told by the place of the last
    message that they knew, for what is kept of models names no patient; the log does.
    """
    found = _differences(judged, bundle)
    is_equal = found <= EQUAL_WITHIN
    others = [case.prediction for case, equal in zip(judged, is_equal, strict=True) if not equal][:MOST_NAMED]
    for other in others:
        log.warning("does not come out the same: --patient %s --at %s", other["patient_id"], other["@timestamp"])
    return {
        "kind": "parity",
        "complete": True,
        "patients": len({case.prediction["patient_id"] for case in judged}),
        "rows": len(judged),
        "equal_share": float(is_equal.mean()),
        "greatest_difference": float(np.nanmax(found)) if not np.isnan(found).all() else None,
        "differing": [place_of(other) for other in others],
    }


def _differences(judged: Sequence[Case], bundle: Bundle) -> NDArray[np.float64]:
    """Return how far each prediction made from what was known then is from the stored one; NaN where it cannot be."""
    known = [next((one for one in candidates(case) if one.cause is Cause.KNOWN_THEN), None) for case in judged]
    found = np.full(len(known), np.nan)
    rows = [(place, case, one) for place, (case, one) in enumerate(zip(judged, known, strict=True)) if one is not None]
    if rows:
        hours = [hours_of_day(np.array([case.newest_us]), case.zone) for _, case, _ in rows]
        features = np.concatenate([one.features for _, _, one in rows])
        risks = Predictor(bundle).risks(features, np.concatenate(hours)).values
        stored = np.stack([stored_risks(case) for _, case, _ in rows])
        found[[place for place, _, _ in rows]] = differences(risks, stored)
    return found
