"""The model card: what a model is for, what it was made from and how good it is, in plain values for ``card.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS, CRISIS_TEXT, HORIZONS_H
from conf.times import from_us
from ml.dataset import TEST, TRAIN, Dataset
from ml.evaluation.bootstrap import plain
from ml.evaluation.names import HORIZONS, OURS
from ml.evaluation.sample_size import sample_sizes
from ml.evaluation.subgroups import ALL, HEADLINE
from ml.features import FEATURE_NAMES, MEASURES, WINDOW_LENGTH
from ml.labels import GREATEST_GAP_H
from ml.report import statements
from ml.report.findings import findings
from ml.report.tripod import answers
from ml.trained_range import trained_range

IN_CARD: Final = ("auroc", "within_auroc", "auprc", "brier", "brier_skill", "ici", "slope", "mae", "rmse", "r2")


def make_card(
    *,
    data: Mapping[str, Any],
    rows: Mapping[str, Dataset],
    parameters: Mapping[str, Any],
    calibration: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None,
    made: Mapping[str, Any] | None = None,
    counts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return plain values about a trained model.

    `data` tells how the data were made or collected, `rows` are the parts, to be counted (`counts` are those of parts
    of which `rows` holds only a beginning), `parameters` those of training, `calibration` describes the calibrators.
    `made` tells when, by which code and how long. `evaluation` comes from `ml.evaluation.comparison`, None before that;
    then the card warns of it.
    """
    is_simulated = any(part.is_simulated for part in rows.values())
    patients = "SIMULATED patients" if is_simulated else "patients on record"
    unjudged = statements.WARNING_UNJUDGED.format(patients=patients)
    judged = statements.WARNING_SIMULATED if is_simulated else statements.WARNING_RECORDED
    counted_rows = {name: count(part) for name, part in rows.items() if len(part)} | dict(counts or {})
    card = {
        "purpose": statements.PURPOSE,
        "not_for": statements.NOT_FOR,
        "users": statements.USERS,
        "oversight": statements.OVERSIGHT,
        "harm": statements.HARM,
        "owner": statements.OWNER,
        "licence": statements.LICENCE,
        "warning": judged if evaluation else unjudged,
        "target": _target(),
        "features": _features(rows.get(TRAIN)),
        "data": dict(data),
        "rows": counted_rows,
        "parameters": dict(parameters),
        "calibration": dict(calibration),
        "made": dict(made or {}),
        **(_judgement(evaluation, counted_rows.get(TRAIN)) if evaluation else {}),
        "known_failures": list(statements.KNOWN_FAILURES),
        "approval": statements.APPROVAL,
    }
    return {**card, "tripod": answers(card, simulated=is_simulated)}


def _judgement(evaluation: Mapping[str, Any], train: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "sample_size": sample_sizes(train, evaluation["parts"][TEST][ALL]) if train else {},
        "findings": findings(evaluation),
        "missing": evaluation["missing"],
        "reference_models": evaluation.get("fitted_on", {}),
        "metrics": {part: _metrics(found[HEADLINE]) for part, found in evaluation["parts"].items()},
        "oracle_gap": evaluation["gap_closed"].get(HEADLINE, {}),
        "levels": evaluation["levels"],
        "thresholds": _thresholds(evaluation["alarms"]),
        "level_changes": evaluation["level_changes"],
        "subgroups": _subgroups(evaluation["subgroups"]),
        "coherence": evaluation["coherence"],
        "stability": _without_points(evaluation.get("stability")),
    }


def count(part: Dataset) -> dict[str, Any]:
    """Count rows, patients, events and censored share by horizon, and tell the days on which windows end."""
    return counted(
        rows=len(part),
        patients=len(np.unique(part.patient_id)),
        events=np.nansum(part.targets, axis=0).tolist(),
        known=(~np.isnan(part.targets)).sum(axis=0).tolist(),
        span_us=(int(part.newest_us.min()), int(part.newest_us.max())),
    )


def counted(
    *, rows: int, patients: int, events: Sequence[float], known: Sequence[int], span_us: tuple[int, int]
) -> dict[str, Any]:
    """Return counts, two of them by horizon, and the first and last instant as the card has them."""
    first, last = (from_us(instant_us).date().isoformat() for instant_us in span_us)
    return {
        "rows": rows,
        "patients": patients,
        "events": {horizon: int(number) for horizon, number in zip(HORIZONS, events, strict=True)},
        "censored_share": {horizon: plain(1 - number / rows) for horizon, number in zip(HORIZONS, known, strict=True)},
        "from": first,
        "to": last,
    }


def _target() -> dict[str, Any]:
    gaps = {f"{horizon_h}h": f"{gap_h:g} h" for horizon_h, gap_h in GREATEST_GAP_H.items()}
    return {
        "rule": f"1 if a reading in (t, t + h] has {CRISIS_TEXT}",
        "t": "the time of the newest reading, which itself does not count",
        "horizons": [f"{horizon_h} h" for horizon_h in HORIZONS_H],
        "censored": "not known where the record ends before t + h, or has no crisis but a gap longer than allowed",
        "greatest_gap": gaps,
    }


def _features(train: Dataset | None) -> dict[str, Any]:
    return {
        "window": f"the last {WINDOW_LENGTH} readings, right-aligned, at least 10",
        "measures": list(MEASURES),
        "columns": len(FEATURE_NAMES),
        "missing": "NaN, never 0",
        "trained_on": trained_range(train.features).to_json() if train is not None and len(train) else {},
    }


def _metrics(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the model's figures on windows not in crisis, with the comparisons."""
    return {
        horizon: {
            **{name: judged[name] for name in ("rows", "events", "patients", "prevalence", "censored_share")},
            OURS: {name: judged["models"][OURS][name] for name in IN_CARD if name in judged["models"][OURS]},
            "differences": judged["differences"],
        }
        for horizon, judged in found.items()
    }


def _thresholds(alarms: Mapping[str, Any] | None) -> dict[str, Any]:
    levels = dict(zip(ALERT_LEVELS[1:], ALERT_THRESHOLDS, strict=True))
    burden = alarms["models"].get(OURS) if alarms else None
    return {
        "on": f"the {ALERT_HORIZON_H} h risk",
        "levels": levels,
        "chosen": statements.levels_chosen(),
        "at_level": burden and _without_curves(burden["at_level"]),
        "at_recall": burden and _without_curves(burden["at_recall"]),
        "alarms_compared": alarms["comparisons"] if alarms else {},
    }


def _without_points(stability: Mapping[str, Any] | None) -> dict[str, Any]:
    if not stability:
        return {}
    horizons = {
        horizon: {name: value for name, value in judged.items() if name != "points"}
        for horizon, judged in stability["horizons"].items()
    }
    return {**stability, "horizons": horizons}


def _without_curves(burden: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {key: value for key, value in figures.items() if key != "ahead"} for name, figures in burden.items()}


def _subgroups(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            horizon: {**{key: judged[key] for key in ("rows", "events", "prevalence")}, **judged["models"][OURS]}
            for horizon, judged in horizons.items()
        }
        for name, horizons in found.items()
    }
