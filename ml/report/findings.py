"""What an evaluation says, in sentences; where the model is not better stands first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H
from ml.dataset import BLOCK, EXTERNAL, TEST
from ml.evaluation.comparison import SIMULATED
from ml.evaluation.gates import LEAST_WITH_CRISIS, MOST_ICI, SLOPE
from ml.evaluation.names import (
    CHAMPION,
    CLIMATOLOGY,
    LAST_VALUE,
    LOGISTIC_REGRESSION,
    OURS,
    THRESHOLD_RULE,
    reference_models,
)
from ml.evaluation.subgroups import HEADLINE
from ml.report.wording import (
    HORIZON_ORDER,
    horizon_name,
    joined,
    model_name,
    number,
    ordered,
    percent,
    percent_interval,
    with_interval,
)

SIMPLEST: Final = (LAST_VALUE, THRESHOLD_RULE)  # what a ward has without any model
GAPS_FROM: Final = (CLIMATOLOGY, LOGISTIC_REGRESSION)  # the least, and the hardest to beat
WHERE: Final = {TEST: "", EXTERNAL: " on shifted patients", BLOCK: " on later readings of known patients"}

Horizon = Mapping[str, Any]


def findings(evaluation: Mapping[str, Any]) -> list[str]:
    """Return plain sentences on windows not in crisis at t: doubts first, then what was reached."""
    return [*doubts(evaluation), *merits(evaluation)]


def doubts(evaluation: Mapping[str, Any]) -> list[str]:
    """Say what it was not compared with, then where it is not better, not calibrated, or judged on too little."""
    missing = evaluation["missing"].items()
    found = [f"There is no comparison with {model_name(name)}, which failed. {reason}" for name, reason in missing]
    found += alarm_findings(evaluation, are_fewer=False)
    for part, where in WHERE.items():
        for horizon in HORIZON_ORDER if part in evaluation["parts"] else ():
            found += shortcomings(horizon, evaluation["parts"][part][HEADLINE][horizon], where)
    return found


def merits(evaluation: Mapping[str, Any]) -> list[str]:
    """Say what the model reaches on unseen patients, and what that is worth."""
    test = evaluation["parts"][TEST][HEADLINE]
    every = "every reference model" + (" that could be fitted" if evaluation["missing"] else "")
    good = [sentence for horizon in HORIZON_ORDER for sentence in achievements(horizon, test[horizon], every)]
    source = ["All figures come from simulated patients: they show that the method works, not clinical validity."]
    good += [*level_findings(evaluation["levels"]), *alarm_findings(evaluation, are_fewer=True)]
    return [*good, *_gaps(evaluation), *_champion(test), *(source if evaluation["source"] == SIMULATED else [])]


def alarm_findings(evaluation: Mapping[str, Any], *, are_fewer: bool) -> Iterator[str]:
    """Write a sentence per comparison of alarms: those in which ours are surely fewer, or all others."""
    alarms = evaluation["alarms"] or {"comparisons": {}}
    for name in (name for name in SIMPLEST if name in alarms["comparisons"]):
        for recall, ratio in alarms["comparisons"][name].items():
            value, low, high = ratio["value"], ratio["low"], ratio["high"]
            if value is None or are_fewer != (high is not None and high < 1):
                continue
            surely = "fewer" if are_fewer else "more" if low is not None and low > 1 else "no fewer"
            times = f"{surely} alarms than {model_name(name)}: {with_interval(ratio, 2)} times as many, as episodes"
            yield f"To find {percent(float(recall), 0)} of the crises it raises {times}."


def level_findings(levels: Mapping[str, Any]) -> Iterator[str]:
    """Write a sentence per alert level, the highest first: how many of 100 windows a crisis followed."""
    for level, found in reversed(list(levels.items())):
        if found["rows"]:
            shares = {name: None if value is None else 100 * value for name, value in found["followed"].items()}
            digits = 0 if (shares["value"] or 0) >= 10 else 1
            yield (
                f"Of 100 windows at {level}, {with_interval(shares, digits)} were followed by a crisis within "
                f"{ALERT_HORIZON_H} h ({found['events']:,} of {found['rows']:,}, {found['patients']:,} patients)."
            )


def shortcomings(horizon: str, found: Horizon, where: str = "") -> Iterator[str]:
    """Write sentences on the reference models that are not beaten, and on doubts about calibration or numbers."""
    when = f"At {horizon_name(horizon)}{where}"
    for result, said in (("worse", "is worse than"), ("not better", "does not beat")):
        unbeaten = _with_result(found, result)
        if unbeaten:
            named = [f"{model_name(name)} ({_difference(found['differences'][name])})" for name in unbeaten]
            yield f"{when} the model {said} {joined(named, 'or')}."
    ours = found["models"][OURS]
    ici, slope = ours["ici"]["value"], ours["slope"]["value"]
    if ici is not None and ici > MOST_ICI:
        yield f"{when} its risks are off by {number(ici)} on average (ICI), more than the {MOST_ICI} aimed at."
    if slope is not None and not SLOPE[0] <= slope <= SLOPE[1]:
        said = "too timid" if slope > 1 else "too extreme" if slope > 0 else "the wrong way round"
        yield f"{when} its risks are {said}: the calibration slope is {with_interval(ours['slope'], 2)}."
    if found["patients_with_event"] < LEAST_WITH_CRISIS:
        few = f"{found['patients_with_event']} of {found['patients']:,} patients"
        yield f"{when} only {few} had a crisis: the figures are uncertain."


def achievements(horizon: str, found: Horizon, every: str) -> Iterator[str]:
    """Write a sentence on the reference models that are beaten (`every` names them all), and one on calibration."""
    when = f"At {horizon_name(horizon)}"
    beaten = _with_result(found, "better")
    if beaten:
        closest = max(beaten, key=lambda name: found["differences"][name]["brier"]["value"])
        is_every = len(beaten) > 1 and beaten == _with_result(found)
        whom = every if is_every else joined([model_name(name) for name in beaten])
        margin = _difference(found["differences"][closest]).replace("Brier difference", "a Brier difference of")
        yield f"{when} the model beats {whom}; against the closest, {model_name(closest)}, by {margin}."
    ours = found["models"][OURS]
    ici = ours["ici"]["value"]
    if ici is not None and ici <= MOST_ICI:
        yield (
            f"{when} its risks are off by {number(ici)} on average (ICI, aim {MOST_ICI}) and it ranks with an "
            f"AUROC of {with_interval(ours['auroc'])}."
        )


def _with_result(found: Horizon, *results: str) -> list[str]:
    """Return the reference models that the comparison had one of these results with, all of them if none is named."""
    differences = found["differences"]
    names = ordered(reference_models(differences))
    return [name for name in names if not results or differences[name]["result"] in results]


def _gaps(evaluation: Mapping[str, Any]) -> Iterator[str]:
    by_horizon = evaluation["gap_closed"].get(HEADLINE, {})
    for horizon in (horizon for horizon in HORIZON_ORDER if horizon in by_horizon):
        bases = by_horizon[horizon]
        named = [name for name in GAPS_FROM if name in bases]
        if named:
            shares = [
                f"{percent_interval(bases[name]['expected'])} of the way from {model_name(name)}" for name in named
            ]
            yield f"At {horizon_name(horizon)} the model goes {joined(shares)} to the oracle (the true odds)."


def _champion(test: Mapping[str, Any]) -> Iterator[str]:
    for horizon in HORIZON_ORDER:
        difference = test[horizon]["differences"].get(CHAMPION)
        if difference:
            said = {"better": "better than", "worse": "worse than", "not better": "not told apart from"}
            result = said[difference["result"]]
            yield f"At {horizon_name(horizon)} it is {result} the model in service: {_difference(difference)}."


def _difference(difference: Mapping[str, Any]) -> str:
    brier = difference["brier"]
    low, high = number(brier["low"], 5), number(brier["high"], 5)
    return f"Brier difference {number(brier['value'], 5)}, {low} to {high}"
