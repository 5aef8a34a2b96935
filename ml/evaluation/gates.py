"""May a newly trained model go into service? The rule, decided on the evaluation of both models on the same rows.

All figures are of test patients, rows not in crisis at t unless said otherwise; `xgboost` is the challenger, `champion`
the version in service. With a champion, the challenger must be better where it matters, the Brier score at the alert
horizon with a paired 95 % interval below 0, and no worse elsewhere. The first model of all must beat what needs no
model. Every check tells its reason in a sentence; a figure that cannot be judged does not pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import EXTERNAL, TEST
from ml.evaluation.names import ALERT_HORIZON, CHAMPION, CLIMATOLOGY, HORIZONS, LAST_VALUE, OURS
from ml.evaluation.subgroups import ALL, HEADLINE
from ml.features import FEATURE_NAMES, NEWEST_PRESSURES
from ml.prediction import Predictor

SIMPLE_MODELS: Final = (CLIMATOLOGY, LAST_VALUE)  # that a first model must beat
STEPS_MMHG: Final = (1, 5, 25)  # by which the newest pressures are raised

# The limits of the rule, which report and card tell, too.
LEAST_EVENTS: Final = 200  # in test, per horizon, in crisis at t or not
SLOPE: Final = (0.8, 1.2)
MOST_ICI: Final = 0.02  # of a first model, and what the report calls calibrated
MOST_ICI_RISE: Final = 0.01
MOST_ALARM_RISE: Final = 0.05  # at the same recall of crises
MOST_AUROC_LOSS: Final = 0.02  # in any subgroup
MOST_REPAIRED: Final = 0.05  # more contradictions between the horizons point to a fault of the training

Evaluation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, whether it holds, and why in one sentence."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the challenger goes into service, with all checks."""

    promote: bool
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """Say why, in a line: what failed, or that nothing did."""
        failed = [check.detail for check in self.checks if not check.passed]
        return " ".join(failed) if failed else f"All {len(self.checks)} checks passed."

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def decide(evaluation: Evaluation, more: Sequence[Check] = ()) -> Decision:
    """Judge the result of `ml.evaluation.comparison.evaluate`; `more` are checks on what it does not hold."""
    has_champion = CHAMPION in _found(evaluation, ALERT_HORIZON)["models"]
    judge = _against_champion if has_champion else _alone
    checks = (*_always(evaluation), *judge(evaluation), *more)
    return Decision(all(check.passed for check in checks), checks)


def check_monotone(predictor: Predictor, features: NDArray[np.float32], hour: NDArray[np.float32]) -> Check:
    """Raise each newest pressure of the rows (m, 120), hours (m,), in steps; no final risk of any horizon may fall."""
    before = predictor.risks(features, hour).values
    most = -np.inf
    for name in NEWEST_PRESSURES:
        for step_mmhg in STEPS_MMHG:
            raised = features.copy()
            raised[:, FEATURE_NAMES.index(name)] += step_mmhg
            most = max(most, float((before - predictor.risks(raised, hour).values).max()))
    said = "never lowers a risk" if most <= 0 else f"lowers a risk by up to {most:.3f}"
    return Check("monotone", most <= 0, f"A higher newest pressure {said} ({len(features)} windows).")


def _always(evaluation: Evaluation) -> Iterator[Check]:
    for horizon in HORIZONS:
        events = evaluation["parts"][TEST][ALL][horizon]["events"]
        detail = f"{horizon}: {events} windows with a crisis in test, {LEAST_EVENTS} are needed."
        yield Check(f"events {horizon}", events >= LEAST_EVENTS, detail)
        slope = _figures(evaluation, horizon, OURS)["slope"]["value"]
        passed = slope is not None and SLOPE[0] <= slope <= SLOPE[1]
        detail = f"{horizon}: calibration slope {_text(slope)}, {SLOPE[0]} to {SLOPE[1]} is allowed."
        yield Check(f"calibration slope {horizon}", passed, detail)
    if evaluation.get("coherence"):
        share = evaluation["coherence"]["noticeable_share"]
        contradicted = f"The horizons noticeably contradict each other in {share:.1%} of windows"
        detail = f"{contradicted}, {MOST_REPAIRED:.0%} is allowed."
        yield Check("coherence", share <= MOST_REPAIRED, detail)


def _alone(evaluation: Evaluation) -> Iterator[Check]:
    for horizon in HORIZONS:
        for simple in SIMPLE_MODELS:
            difference = _found(evaluation, horizon)["differences"][simple]["brier"]
            value = difference["value"]
            detail = f"{horizon}: Brier score {_interval(difference)} against {simple}, it must be lower."
            yield Check(f"beats {simple} {horizon}", value is not None and value < 0, detail)
        ici = _figures(evaluation, horizon, OURS)["ici"]["value"]
        detail = f"{horizon}: ICI {_text(ici)}, {MOST_ICI} is allowed."
        yield Check(f"calibration error {horizon}", ici is not None and ici <= MOST_ICI, detail)


def _against_champion(evaluation: Evaluation) -> Iterator[Check]:
    for horizon in HORIZONS:
        yield _accuracy(evaluation, horizon)
        ours, theirs = (_figures(evaluation, horizon, name)["ici"]["value"] for name in (OURS, CHAMPION))
        passed = ours is not None and theirs is not None and ours - theirs <= MOST_ICI_RISE
        detail = f"{horizon}: ICI {_text(ours)} after {_text(theirs)}, a rise of {MOST_ICI_RISE} is allowed."
        yield Check(f"calibration error {horizon}", passed, detail)
    yield from _subgroups(evaluation)
    yield from _alarms(evaluation)
    external = evaluation["parts"].get(EXTERNAL)
    for horizon in HORIZONS if external else ():
        difference = external[HEADLINE][horizon]["differences"][CHAMPION]
        detail = f"{horizon}: Brier score {_interval(difference['brier'])} on external patients, it must not be worse."
        yield Check(f"external {horizon}", difference["result"] != "worse", detail)


def _accuracy(evaluation: Evaluation, horizon: str) -> Check:
    """Demand better at the alert horizon, not worse at the others."""
    difference = _found(evaluation, horizon)["differences"][CHAMPION]
    wanted = ("better",) if horizon == ALERT_HORIZON else ("better", "not better")
    must = "the interval must lie below 0" if horizon == ALERT_HORIZON else "the interval must not lie above 0"
    detail = f"{horizon}: Brier score {_interval(difference['brier'])} against the version in service, {must}."
    is_known = None not in (difference["brier"][name] for name in ("value", "low", "high"))
    return Check(f"accuracy {horizon}", difference["result"] in wanted and is_known, detail)


def _subgroups(evaluation: Evaluation) -> Iterator[Check]:
    """Make one check for all subgroups that can be judged; it names those that lose."""
    losses = [
        f"{name} at {horizon} ({_interval(auroc)})"
        for name, by_horizon in evaluation["subgroups"].items()
        for horizon, found in by_horizon.items()
        if _loses(auroc := found["differences"].get(CHAMPION, {}).get("auroc"))
    ]
    told = f"loses there: {'; '.join(losses)}" if losses else "loses in none"
    detail = f"No subgroup may lose more than {MOST_AUROC_LOSS} AUROC beyond chance; the model {told}."
    yield Check("subgroups", not losses, detail)


def _loses(auroc: Mapping[str, float | None] | None) -> bool:
    """Tell whether the loss is more than allowed and beyond chance; what is not known is no loss."""
    if auroc is None or auroc["value"] is None or auroc["high"] is None:
        return False
    return auroc["value"] < -MOST_AUROC_LOSS and auroc["high"] < 0


def _alarms(evaluation: Evaluation) -> Iterator[Check]:
    models = (evaluation.get("alarms") or {}).get("models", {})
    if OURS not in models or CHAMPION not in models:
        return
    for recall, at in models[OURS]["at_recall"].items():
        ours = at["alarms_per_patient_day"]
        theirs = models[CHAMPION]["at_recall"][recall]["alarms_per_patient_day"]["value"]
        detail = (
            f"{_interval(ours)} alarms per patient-day after {_text(theirs)} at recall {recall}; "
            f"{MOST_ALARM_RISE:.0%} more is allowed, and what may be chance."
        )
        yield Check(f"alarms at recall {recall}", not _rises(ours, theirs), detail)


def _rises(ours: Mapping[str, float | None], theirs: float | None) -> bool:
    """Tell whether alarms are more than allowed, even at the interval's lower end: a few crises set the threshold."""
    value, low = ours["value"], ours["low"]
    if value is None or theirs is None:
        return True
    return value > theirs * (1 + MOST_ALARM_RISE) and (low is None or low > theirs)


def _found(evaluation: Evaluation, horizon: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = evaluation["parts"][TEST][HEADLINE][horizon]
    return found


def _figures(evaluation: Evaluation, horizon: str, model: str) -> Mapping[str, Any]:
    figures: Mapping[str, Any] = _found(evaluation, horizon)["models"][model]
    return figures


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _interval(figure: Mapping[str, float | None]) -> str:
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None:
        return "unknown"
    return f"{value:+.5f} ({low:+.5f} to {high:+.5f})" if low is not None and high is not None else f"{value:+.5f}"
