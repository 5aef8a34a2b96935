"""A stored prediction made again, and what it takes to make it equal: the reason why it would be another one now.

What a prediction was made from is not stored with it. So several windows are tried, in the order of `Cause`, each with
the hour of the day on this place's clock and on others; the first that gives the stored risks is what the stream saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from conf.clinical import RISK_FIELDS
from fhir.precedence import StatementKind
from jobs.explaining.case import Case, Told, Values
from jobs.streaming.predictions import RISK_DECIMALS
from jobs.streaming.window_state import STATEMENT
from jobs.streaming.windows import build_windows
from ml.explanation import RiskReason, explain
from ml.features import Windows, feature_matrix, hours_of_day
from ml.prediction import Bundle, Predictor

EQUAL_WITHIN: Final = 2 * 10**-RISK_DECIMALS  # both are rounded, and golden rows may be off by as much again
CLOCK_STEP_H: Final = 0.25
GREATEST_CLOCK_H: Final = 14  # zones lie at most so far apart from UTC
SHIFTS_H: Final = np.array(sorted(np.arange(-56, 57) * CLOCK_STEP_H, key=abs), dtype=np.float32)  # 0 first


class Cause(Enum):
    """From which readings the stored risks come out."""

    KNOWN_THEN = "known then"
    FEWER_READINGS = "fewer readings"  # only the newest, as many as the prediction says that there were
    KNOWN_NOW = "known now"
    NONE = "none"


class Candidate(NamedTuple):
    """A window that may have been the stream's; each array has one row."""

    cause: Cause
    windows: Windows
    features: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Replay:
    """A prediction made again.

    `candidate` is the window that gives the stored risks, or else the first one; from it come the inputs by name and,
    for each horizon, the booster's probability, its calibration, and the risk. The hour of the day had to be moved by
    `clock_h`. `now` are the risks of what is stored now, None where the newest reading does not stand any more.
    """

    cause: Cause
    clock_h: float
    candidate: Candidate
    inputs: dict[str, float]
    raw: list[float]
    calibrated: list[float]
    risks: list[float]
    reasons: list[RiskReason]
    now: list[float] | None


def replay(case: Case, bundle: Bundle) -> Replay | None:
    """Make a prediction again by a version; None where no reading of its window is left."""
    found = list(candidates(case))
    if not found:
        return None
    predictor, stored = Predictor(bundle), stored_risks(case)
    hour = hours_of_day(np.array([case.newest_us]), case.zone)
    chosen, clock_h = next(_equal(found, hour, predictor, stored), (found[0], None))
    cause = Cause.NONE if clock_h is None else chosen.cause
    at = (hour + np.float32(clock_h or 0.0)) % 24
    raw = predictor.raw_risks(chosen.features, at)
    contributions = predictor.contributions(chosen.features, at)
    now = [one for one in found if one.cause is Cause.KNOWN_NOW]
    return Replay(
        cause=cause,
        clock_h=clock_h or 0.0,
        candidate=chosen,
        inputs=dict(zip(predictor.input_names, predictor.inputs(chosen.features, at)[0].tolist(), strict=True)),
        raw=raw[0].tolist(),
        calibrated=bundle.calibrators.apply(raw)[0].tolist(),
        risks=predictor.risks(chosen.features, at).values[0].tolist(),
        reasons=explain(chosen.features, at, contributions, predictor.input_names)[0],
        now=predictor.risks(now[0].features, hour).values[0].tolist() if now else None,
    )


def _equal(
    found: list[Candidate], hour: NDArray[np.float32], predictor: Predictor, stored: NDArray[np.float64]
) -> Iterator[tuple[Candidate, float]]:
    """Yield what gives the stored risks, with the hours that the clock is moved by; this place's clock first."""
    features = np.tile(np.concatenate([one.features for one in found]), (len(SHIFTS_H), 1))
    shifts = np.repeat(SHIFTS_H, len(found))
    risks = predictor.risks(features, (hour + shifts) % 24).values
    for place in np.flatnonzero(differences(risks, stored) <= EQUAL_WITHIN).tolist():
        yield found[place % len(found)], float(shifts[place])


def stored_risks(case: Case) -> NDArray[np.float64]:
    """Return the three risks of the stored prediction."""
    return np.array([case.prediction[name] for name in RISK_FIELDS])


def differences(risks: NDArray[np.float64], stored: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each row's risks (n, 3) are from the stored ones at most, rounded as those are."""
    greatest: NDArray[np.float64] = np.abs(np.round(risks, RISK_DECIMALS) - stored).max(axis=1)
    return greatest


def candidates(case: Case) -> Iterator[Candidate]:
    """Yield the windows that may have been the stream's, in the order of `Cause`, without those that are empty."""
    then = {one.at_us: one.then for one in case.told}
    readings = [at_us for at_us, values in then.items() if values and values.systolic is not None]
    first_us = readings[-case.prediction["window_readings"] :][:1]
    fewer = {at_us: values for at_us, values in then.items() if first_us and at_us >= first_us[0]}
    tried = {
        Cause.KNOWN_THEN: then,
        Cause.FEWER_READINGS: fewer,
        Cause.KNOWN_NOW: {one.at_us: one.now for one in case.told},
    }
    for cause, values in tried.items():
        windows = _windows(values.items())
        if len(windows.effective_us) and windows.effective_us[0, -1] == case.newest_us:
            yield Candidate(cause, windows, feature_matrix(windows))


def _windows(readings: Iterable[tuple[int, Values | None]]) -> Windows:
    """Return the window of readings by time, as the stream folds them; none, if there is no reading."""
    known = [(at_us, *values) for at_us, values in readings if values is not None]
    columns = np.array(known, dtype=np.float64).reshape(-1, 1 + len(Values._fields))  # absent is None, and so NaN
    statements = np.zeros(len(known), dtype=STATEMENT)
    statements["effective_us"] = [at_us for at_us, *_ in known]
    for name, column in zip(Values._fields, columns[:, 1:].T, strict=True):
        statements[name] = column
    statements["offset"] = np.arange(len(known))
    statements["kind"] = np.where(np.isnan(statements["systolic"]), StatementKind.HEART_RATE, StatementKind.PRESSURE)
    return build_windows(statements, np.zeros(len(known), dtype=np.intp)).windows


def changed(case: Case, from_us: int) -> list[Told]:
    """Return the instants from then on that say something else now than they said to the prediction."""
    return [one for one in case.told if one.at_us >= from_us and one.then != one.now]
