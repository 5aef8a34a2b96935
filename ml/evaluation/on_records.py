"""A version judged on records of real patients, and what such records cannot tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from conf.clinical import HORIZONS_H
from conf.times import HOUR_US
from ml.dataset import TEST, Dataset
from ml.evaluation.comparison import bundle_risks, evaluate
from ml.evaluation.gates import LEAST_WITH_CRISIS
from ml.evaluation.names import HORIZONS, LOGISTIC_ON_INPUTS, OURS
from ml.evaluation.quality import LEAST_FOR_CALIBRATION
from ml.evaluation.subgroups import HEADLINE
from ml.inputs import booster_inputs
from ml.labels import GREATEST_GAP_H
from ml.prediction import Bundle, Predictor
from ml.records import Records

LEAST_PATIENTS: Final = 50  # with fewer, intervals over patients are too narrow
MOST_HEART_RATES_MISSING: Final = 0.2

Evaluation = Mapping[str, Any]


def judge(bundle: Bundle, rows: Dataset, replicates: int) -> dict[str, Any]:
    """Evaluate a version on rows of which it knows nothing, beside its own straight part alone."""
    risks = bundle_risks(bundle, rows)
    if bundle.linear is not None:
        log_odds = bundle.linear.margins(booster_inputs(rows.features, rows.hour)).astype(np.float64)
        risks[LOGISTIC_ON_INPUTS] = 1 / (1 + np.exp(-log_odds))
    return evaluate({TEST: rows}, {TEST: risks}, replicates=replicates)


def suffices(evaluation: Evaluation) -> bool:
    """Tell whether there is enough for a report: both outcomes at each horizon, not too rare for calibration."""
    horizons = evaluation["parts"][TEST][HEADLINE].values()
    return all(min(found["events"], found["rows"] - found["events"]) >= LEAST_FOR_CALIBRATION for found in horizons)


def limits_of_records(records: Records, min_readings: int) -> Iterator[str]:
    """Yield what the records themselves keep from being judged, in sentences."""
    sizes = [len(record.effective_us) for record in records.records]
    short = sum(size < min_readings for size in sizes)
    if short:
        yield (
            f"{short} of {len(sizes)} patients have fewer than {min_readings} readings (BP_MIN_READINGS): "
            "they get no risk."
        )
    if 0 < len(sizes) < LEAST_PATIENTS:
        yield f"{len(sizes)} patients are few: intervals tell of these people, not of others like them."
    long = [record for record in records.records if len(record.effective_us) >= min_readings]
    for horizon_h in HORIZONS_H:
        seldom = sum(np.median(np.diff(record.effective_us)) > GREATEST_GAP_H[horizon_h] * HOUR_US for record in long)
        if seldom:
            yield (
                f"At {horizon_h} h {seldom} of {len(long)} patients cannot be judged: they are usually measured more "
                f"seldom than every {GREATEST_GAP_H[horizon_h]:g} h, and what happened between is not known."
            )
    missing = np.mean([np.isnan(record.heart_rate).mean() for record in long]) if long else 0.0
    if missing > MOST_HEART_RATES_MISSING:
        yield f"{missing:.0%} of the heart rates are missing: risks are less certain than with them."


def limits_of_rows(bundle: Bundle, rows: Dataset, evaluation: Evaluation) -> Iterator[str]:
    """Yield what the outcomes keep from being judged, and how far the windows are from those of the training."""
    codes = Counter(code for told in Predictor(bundle).out_of_range(rows.features) for code in told or ())
    for code, number in sorted(codes.items()):
        yield f"{number} of {len(rows)} windows are outside of what the version was trained on: {code}."
    for horizon in HORIZONS:
        found = evaluation["parts"][TEST][HEADLINE][horizon]
        events, known = found["events"], found["rows"]
        if not known:
            yield f"At {horizon} no outcome is known: nothing can be judged."
        elif not events:
            yield f"At {horizon} no crisis followed any of {known} windows: ranking and calibration cannot be judged."
        elif events < LEAST_FOR_CALIBRATION:
            yield f"At {horizon} {events} windows were followed by a crisis: calibration cannot be judged."
        elif found["patients_with_event"] < LEAST_WITH_CRISIS:
            yield f"At {horizon} {found['patients_with_event']} patients had a crisis: the figures are uncertain."


def figures(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Yield of each subgroup and horizon how many windows, what was expected and what came, in plain values."""
    for subgroup, horizons in evaluation["parts"][TEST].items():
        for horizon in HORIZONS:
            found = horizons[horizon]
            ours = found["models"][OURS]
            mean = ours["mean_risk"]["value"]
            yield {
                "subgroup": subgroup,
                "horizon": horizon,
                **{name: found[name] for name in ("rows", "patients", "events", "censored_share")},
                "expected": None if mean is None else mean * found["rows"],
                "auroc": ours["auroc"],
                "brier": ours["brier"],
            }
