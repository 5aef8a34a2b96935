"""The model card: what a model is for, what it was made from and how good it is, in plain values for ``card.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS, CRISIS_TEXT, HORIZONS_H
from ml.dataset import TRAIN, Dataset
from ml.evaluation.bootstrap import plain
from ml.evaluation.names import HORIZONS, OURS
from ml.evaluation.subgroups import HEADLINE
from ml.features import FEATURE_NAMES, MEASURES, WINDOW_LENGTH
from ml.labels import GREATEST_GAP_H
from ml.report.findings import findings
from ml.trained_range import trained_range

PURPOSE: Final = (
    "The risk that a blood-pressure crisis follows within 1, 6 and 24 hours of the newest of a patient's last 30 "
    "readings, to help people decide whom to look at first. For research and demonstration."
)
NOT_FOR: Final = (
    "Not a diagnosis, not a medical device, not a reason to treat or to leave untreated. A crisis is a threshold on "
    "numbers; whether organs are at risk, only a clinician can tell. A measured crisis is urgent, whatever the risk."
)
WARNING_SIMULATED: Final = (
    "Trained and judged on SIMULATED patients only. A simulator cannot show clinical validity, and the mixture of "
    "normotensive and hypertensive patients flatters the ranking."
)
WARNING_UNJUDGED: Final = (
    "NOT JUDGED: saved as soon as it was trained on {patients}, before any comparison. Judge it with "
    "python -m ml.evaluate before you put it into service."
)
WARNING_RECORDED: Final = "Judged on the patients on record, which may differ from those it meets later."
KNOWN_FAILURES: Final = (
    "Few readings: below 10 there is no risk at all, from 10 to 19 it is less certain (see the subgroups).",
    "Stale windows: the risk counts from the newest reading; hours later it says nothing about now.",
    "Artefacts: a single false reading can look like a crisis or hide one until the next reading comes.",
    "Spikes: half the variance of a reading is gone after 15 to 30 minutes, and no history predicts it; at 1 h most "
    "that is missed is of this kind.",
    "Treatment: what is given after t is unknown to the model, so a treated patient's risk is too high for a while.",
    "Other patients: where devices, mixture or measuring rate differ from training, calibration suffers first (see "
    "the shifted patients).",
)
APPROVAL: Final = (
    "Who put this version into service, when and why stands in promotions.jsonl beside the versions, as does every "
    "rollback; hashes, libraries and the parent version stand in manifest.json."
)
IN_CARD: Final = ("auroc", "within_auroc", "auprc", "brier", "brier_skill", "ici", "slope", "mae", "rmse", "r2")


def make_card(
    *,
    data: Mapping[str, Any],
    rows: Mapping[str, Dataset],
    parameters: Mapping[str, Any],
    calibration: Mapping[str, Any],
    evaluation: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return plain values about a trained model.

    `data` tells how the data were made or collected, `rows` are the parts, to be counted, `parameters` those of
    training with seeds, `calibration` describes the calibrators. `evaluation` comes from `ml.evaluation.comparison`,
    None before that; then the card warns of it.
    """
    is_simulated = any(part.is_simulated for part in rows.values())
    unjudged = WARNING_UNJUDGED.format(patients="SIMULATED patients" if is_simulated else "patients on record")
    judged = WARNING_SIMULATED if is_simulated else WARNING_RECORDED
    return {
        "purpose": PURPOSE,
        "not_for": NOT_FOR,
        "warning": judged if evaluation else unjudged,
        "target": _target(),
        "features": _features(rows.get(TRAIN)),
        "data": dict(data),
        "rows": {name: _count(part) for name, part in rows.items() if len(part)},
        "parameters": dict(parameters),
        "calibration": dict(calibration),
        **(_judgement(evaluation) if evaluation else {}),
        "known_failures": list(KNOWN_FAILURES),
        "approval": APPROVAL,
    }


def _judgement(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "findings": findings(evaluation),
        "missing": evaluation["missing"],
        "metrics": {part: _metrics(found[HEADLINE]) for part, found in evaluation["parts"].items()},
        "oracle_gap": evaluation["gap_closed"].get(HEADLINE, {}),
        "levels": evaluation["levels"],
        "thresholds": _thresholds(evaluation["alarms"]),
        "subgroups": _subgroups(evaluation["subgroups"]),
        "coherence": evaluation["coherence"],
    }


def _count(part: Dataset) -> dict[str, Any]:
    """Count rows, patients, events and censored share by horizon."""
    events, censored = np.nansum(part.targets, axis=0), np.isnan(part.targets).mean(axis=0)
    return {
        "rows": len(part),
        "patients": len(np.unique(part.patient_id)),
        "events": {horizon: int(count) for horizon, count in zip(HORIZONS, events, strict=True)},
        "censored_share": {horizon: plain(share) for horizon, share in zip(HORIZONS, censored, strict=True)},
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
        "at_level": burden and _without_curves(burden["at_level"]),
        "at_recall": burden and _without_curves(burden["at_recall"]),
        "alarms_compared": alarms["comparisons"] if alarms else {},
    }


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
