"""May a newly trained model go into service? The rule, decided on the evaluation of both models on the same rows.

All figures are of test patients, rows not in crisis at t unless said otherwise; `xgboost` is the challenger, `champion`
the version in service. A challenger must be worth its trouble by itself: better than what needs no model, right at
every hour of the day, able to tell when and not only who. And it must be better than the champion where it matters, and
no worse elsewhere. Every check tells its reason in a sentence; a figure that is missing does not pass.

The first model of all goes into service to be shown, not to be trusted: of what a model must be by itself, only part
binds it (`Check.binds`), as it may be trained on few patients. What else would keep it from replacing another is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ml.dataset import EXTERNAL, TEST
from ml.evaluation.comparison import SIMULATED
from ml.evaluation.names import (
    ALERT_HORIZON,
    CHAMPION,
    CLIMATOLOGY,
    HORIZONS,
    LAST_VALUE,
    LOGISTIC_REGRESSION,
    OURS,
    THRESHOLD_RULE,
)
from ml.evaluation.subgroups import ALL, HEADLINE, HOUR_OF_DAY
from ml.features import FEATURE_NAMES, NEWEST_PRESSURES
from ml.prediction import Predictor

STEPS_MMHG: Final = (1, 5, 25)  # by which the newest pressures are raised

# The limits of the rule, which report and card tell, too.
LEAST_WITH_CRISIS: Final = 50  # with a crisis in test, per horizon, in crisis at t or not; windows of one are no proof
SLOPE: Final = (0.8, 1.2)
MOST_ICI: Final = 0.02  # and what the report calls calibrated
MOST_ICI_RISE: Final = 0.01
EXPECTED_PER_OBSERVED: Final = (0.8, 1.25)  # at every three hours of the clock
LEAST_HOUR_EVENTS: Final = 10  # in three hours of the clock: of fewer nothing is said
MOST_ALARM_RISE: Final = 0.05  # at the same recall of crises
MOST_CHANCE_RISE: Final = 0.25  # what uncertainty may excuse at most
MOST_AUROC_LOSS: Final = 0.02  # in any subgroup, and within patients
MOST_REPAIRED: Final = 0.05  # more contradictions between the horizons point to a fault of the training

BINDING_FIRST: Final = (f"accuracy against {LAST_VALUE} {ALERT_HORIZON}",)  # of what a model must be by itself
BETTER: Final = ("better",)
NO_WORSE: Final = ("better", "not better")

Evaluation = Mapping[str, Any]
Interval = Mapping[str, float | None]

NOTHING: Final[Interval] = {"value": None, "low": None, "high": None}
UNKNOWN: Final[Mapping[str, Any]] = {"brier": NOTHING, "auroc": NOTHING, "within_auroc": NOTHING, "result": "unknown"}


@dataclass(frozen=True, slots=True)
class Check:
    """One condition, whether it holds, why in one sentence, and whether the decision depends on it."""

    name: str
    passed: bool
    detail: str
    binds: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the challenger goes into service, with all checks."""

    promote: bool
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """Say why, in a line: what failed, or that nothing did."""
        failed = [check for check in self.checks if not check.passed]
        binding = [check.detail for check in failed if check.binds]
        if binding:
            return " ".join(binding)
        if failed:
            told = " ".join(check.detail for check in failed)
            return f"The first model, to be shown and not to be trusted: in the place of another it would fail. {told}"
        return f"All {len(self.checks)} checks passed."

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def decide(evaluation: Evaluation, more: Sequence[Check] = ()) -> Decision:
    """Judge the result of `ml.evaluation.comparison.evaluate`; `more` are checks on what it does not hold."""
    has_champion = CHAMPION in _found(evaluation, ALERT_HORIZON)["models"]
    worth = [*_beyond_simple(evaluation), _clock(evaluation), *_within(evaluation), *_simple_alarms(evaluation)]
    if has_champion:
        checks = (*_always(evaluation), *worth, *_against_champion(evaluation), *more)
    else:
        told = (replace(check, binds=check.name in BINDING_FIRST) for check in worth)
        checks = (*_always(evaluation), *told, *more)
    return Decision(all(check.passed for check in checks if check.binds), checks)


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
        patients = evaluation["parts"][TEST][ALL][horizon]["patients_with_event"]
        detail = f"{horizon}: {patients} patients with a crisis in test, {LEAST_WITH_CRISIS} are needed."
        yield Check(f"patients {horizon}", patients >= LEAST_WITH_CRISIS, detail)
        slope = _figures(evaluation, horizon, OURS)["slope"]["value"]
        passed = slope is not None and SLOPE[0] <= slope <= SLOPE[1]
        detail = f"{horizon}: calibration slope {_text(slope)}, {SLOPE[0]} to {SLOPE[1]} is allowed."
        yield Check(f"calibration slope {horizon}", passed, detail)
        ici = _figures(evaluation, horizon, OURS)["ici"]["value"]
        detail = f"{horizon}: ICI {_text(ici)}, {MOST_ICI} is allowed."
        yield Check(f"calibration error {horizon}", ici is not None and ici <= MOST_ICI, detail)
        yield _brier(evaluation, horizon, CLIMATOLOGY, BETTER)
    share = (evaluation.get("coherence") or {}).get("noticeable_share")
    told = "an unknown share" if share is None else f"{share:.1%}"
    detail = f"The horizons noticeably contradict each other in {told} of windows, {MOST_REPAIRED:.0%} is allowed."
    yield Check("coherence", share is not None and share <= MOST_REPAIRED, detail)


def _beyond_simple(evaluation: Evaluation) -> Iterator[Check]:
    """Demand better than the last value at each horizon, better than logistic regression where alerts are raised."""
    for horizon in HORIZONS:
        yield _brier(evaluation, horizon, LAST_VALUE, BETTER)
        yield _brier(evaluation, horizon, LOGISTIC_REGRESSION, BETTER if horizon == ALERT_HORIZON else NO_WORSE)


def _brier(evaluation: Evaluation, horizon: str, other: str, wanted: Sequence[str]) -> Check:
    """Compare the Brier score with another model's by the paired interval."""
    difference = _found(evaluation, horizon)["differences"].get(other, UNKNOWN)
    must = "lie below 0" if wanted == BETTER else "not lie above 0"
    whom = "the version in service" if other == CHAMPION else other.replace("_", " ")
    detail = f"{horizon}: Brier score {_interval(difference['brier'])} against {whom}, the interval must {must}."
    passed = difference["result"] in wanted and _is_known(difference["brier"])
    return Check(f"accuracy against {other} {horizon}", passed, detail)


def _clock(evaluation: Evaluation) -> Check:
    """Find the hours of the day at which risks are surely too high or too low; most hours must be known."""
    low, high = EXPECTED_PER_OBSERVED
    wrong, unknown, known = [], 0, 0
    for name, by_horizon in evaluation["subgroups"].items():
        for horizon, found in by_horizon.items() if name.startswith(HOUR_OF_DAY) else ():
            ratio = found["models"][OURS]["expected_per_observed"]
            if found["events"] < LEAST_HOUR_EVENTS or not _is_known(ratio):
                unknown += 1
                continue
            known += 1
            if ratio["high"] < low or ratio["low"] > high:
                wrong.append(f"{name.removeprefix(HOUR_OF_DAY)} h at {horizon} ({_interval(ratio, 2, sign='')})")
    told = f"wrong: {'; '.join(wrong)}" if wrong else "none is surely outside"
    detail = (
        f"Expected/observed must be {low} to {high} in every three hours of the day; {told} "
        f"({known} are known, {unknown} have fewer than {LEAST_HOUR_EVENTS} crises)."
    )
    return Check("hours of the day", not wrong and known > unknown, detail)


def _within(evaluation: Evaluation) -> Iterator[Check]:
    """Demand at the alert horizon that it tells when: within patients no worse than chance, nor than the last value.

    Not at 24 h: who learns from a patient's past how prone that patient is ranks the windows after a crisis above those
    before it, and in a record of a few days the next one is seldom near. Within patients that looks like a fault.
    """
    figure = _figures(evaluation, ALERT_HORIZON, OURS)["within_auroc"]
    detail = f"{ALERT_HORIZON}: AUROC within patients {_interval(figure, 3, sign='')}, the interval must lie above 0.5."
    yield Check("within patients", (figure["low"] or 0) > 0.5, detail)
    loss = _found(evaluation, ALERT_HORIZON)["differences"].get(LAST_VALUE, UNKNOWN)["within_auroc"]
    said = f"{_interval(loss, 3)} against last value, the interval must not lie below 0"
    detail = f"{ALERT_HORIZON}: AUROC within patients {said}."
    yield Check(f"within patients against {LAST_VALUE}", _is_known(loss) and (loss["high"] or 0) >= 0, detail)


def _simple_alarms(evaluation: Evaluation) -> Iterator[Check]:
    """Demand that alarms, as episodes, are not surely more than those of what a ward has without a model."""
    comparisons = (evaluation.get("alarms") or {}).get("comparisons", {})
    for other in (LAST_VALUE, THRESHOLD_RULE):
        by_recall = comparisons.get(other, {})
        more = [recall for recall, ratio in by_recall.items() if not _is_known(ratio) or (ratio["low"] or 0) > 1]
        times = "; ".join(f"{_interval(ratio, 2, sign='')} at recall {recall}" for recall, ratio in by_recall.items())
        detail = f"{times or 'unknown'} times the alarms of the {other.replace('_', ' ')}, not surely more are allowed."
        yield Check(f"alarms against {other}", bool(by_recall) and not more, detail)


def _against_champion(evaluation: Evaluation) -> Iterator[Check]:
    for horizon in HORIZONS:
        yield _brier(evaluation, horizon, CHAMPION, BETTER if horizon == ALERT_HORIZON else NO_WORSE)
        ours, theirs = (_figures(evaluation, horizon, name)["ici"]["value"] for name in (OURS, CHAMPION))
        passed = ours is not None and theirs is not None and ours - theirs <= MOST_ICI_RISE
        detail = f"{horizon}: ICI {_text(ours)} after {_text(theirs)}, a rise of {MOST_ICI_RISE} is allowed."
        yield Check(f"calibration error against {CHAMPION} {horizon}", passed, detail)
        loss = _found(evaluation, horizon)["differences"][CHAMPION]["within_auroc"]
        said = f"{_interval(loss, 3)}, a loss of {MOST_AUROC_LOSS} is allowed, and what may be chance"
        detail = f"{horizon}: AUROC within patients {said}."
        yield Check(f"within patients {horizon}", _is_known(loss) and not _loses(loss), detail)
    yield _subgroups(evaluation)
    yield _alarms(evaluation)
    if evaluation["source"] == SIMULATED:  # there are no shifted patients on record
        yield from _external(evaluation["parts"].get(EXTERNAL))


def _external(found: Mapping[str, Any] | None) -> Iterator[Check]:
    for horizon in HORIZONS:
        difference = found[HEADLINE][horizon]["differences"].get(CHAMPION, UNKNOWN) if found else UNKNOWN
        detail = f"{horizon}: Brier score {_interval(difference['brier'])} on external patients, it must not be worse."
        passed = difference["result"] in NO_WORSE and _is_known(difference["brier"])
        yield Check(f"external {horizon}", passed, detail)


def _subgroups(evaluation: Evaluation) -> Check:
    """Make one check for all subgroups that can be judged; it names those that lose."""
    judged = {
        f"{name} at {horizon}": found["differences"][CHAMPION]["auroc"]
        for name, by_horizon in evaluation["subgroups"].items()
        for horizon, found in by_horizon.items()
        if CHAMPION in found["differences"]
    }
    losses = [f"{name} ({_interval(auroc)})" for name, auroc in judged.items() if _loses(auroc)]
    is_known = any(_is_known(auroc) for auroc in judged.values())
    told = f"loses there: {'; '.join(losses)}" if losses else "loses in none" if is_known else "was judged in none"
    detail = f"No subgroup may lose more than {MOST_AUROC_LOSS} AUROC beyond chance; the model {told}."
    return Check("subgroups", is_known and not losses, detail)


def _loses(auroc: Interval) -> bool:
    """Tell whether the loss is more than allowed and beyond chance; what is not known is no loss."""
    value, high = auroc["value"], auroc["high"]
    return value is not None and high is not None and value < -MOST_AUROC_LOSS and high < 0


def _alarms(evaluation: Evaluation) -> Check:
    """Bound the rise of alarms; more may be excused by a few crises that set the threshold, but not much more."""
    comparisons = (evaluation.get("alarms") or {}).get("comparisons", {})
    by_recall = comparisons.get(CHAMPION, {})
    rises = [
        recall
        for recall, ratio in by_recall.items()
        if not _is_known(ratio) or ratio["value"] > 1 + (MOST_CHANCE_RISE if ratio["low"] <= 1 else MOST_ALARM_RISE)
    ]
    times = "; ".join(f"{_interval(ratio, 2, sign='')} at recall {recall}" for recall, ratio in by_recall.items())
    detail = (
        f"{times or 'unknown'} times the alarms of the version in service; {MOST_ALARM_RISE:.0%} more is allowed, and "
        f"up to {MOST_CHANCE_RISE:.0%} where that may be chance."
    )
    return Check(f"alarms against {CHAMPION}", bool(by_recall) and not rises, detail)


def _is_known(figure: Interval) -> bool:
    return None not in (figure["value"], figure["low"], figure["high"])


def _found(evaluation: Evaluation, horizon: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = evaluation["parts"][TEST][HEADLINE][horizon]
    return found


def _figures(evaluation: Evaluation, horizon: str, model: str) -> Mapping[str, Any]:
    figures: Mapping[str, Any] = _found(evaluation, horizon)["models"][model]
    return figures


def _text(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _interval(figure: Interval, digits: int = 5, sign: str = "+") -> str:
    value, low, high = (
        None if figure[name] is None else f"{figure[name]:{sign}.{digits}f}" for name in ("value", "low", "high")
    )
    if value is None:
        return "unknown"
    return f"{value} ({low} to {high})" if low is not None and high is not None else value
