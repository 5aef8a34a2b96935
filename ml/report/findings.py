"""What an evaluation says, in sentences; where the model is not better stands first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ml.evaluation.quality import CLIMATOLOGY, OURS
from ml.evaluation.subgroups import HEADLINE
from ml.report.wording import (
    HORIZON_ORDER,
    horizon_name,
    joined,
    model_name,
    number,
    ordered,
    percent_interval,
    with_interval,
)

CALIBRATED_ICI: Final = 0.02
SLOPES: Final = (0.8, 1.2)
FEW_EVENTS: Final = 200
RELATIVES: Final = ("xgboost_uncalibrated", "champion", "xgboost_with_summaries")  # versions of the model, not rivals
ORACLE: Final = "oracle"  # model: risks of who knows the true state; part: the rows for which it was asked
HARDEST_BASELINE: Final = "logistic_regression"
SIMULATED: Final = "simulated patients"
WHERE: Final = {"test": "", "external": " on shifted patients", "block": " on later readings of known patients"}

Horizon = Mapping[str, Any]


def verdicts(evaluation: Mapping[str, Any]) -> list[str]:
    """Plain sentences on windows not in crisis at t: doubts first, then what was reached."""
    return [*doubts(evaluation), *merits(evaluation)]


def doubts(evaluation: Mapping[str, Any]) -> list[str]:
    """What it was not compared with, then where it is not better, not calibrated, or judged on too little."""
    missing = evaluation["missing"].items()
    found = [f"There is no comparison with {model_name(name)}, which failed. {reason}" for name, reason in missing]
    for part, where in WHERE.items():
        for horizon in HORIZON_ORDER if part in evaluation["parts"] else ():
            found += shortcomings(horizon, evaluation["parts"][part][HEADLINE][horizon], where)
    return found


def merits(evaluation: Mapping[str, Any]) -> list[str]:
    """What the model reaches on unseen patients, and what that is worth."""
    test = evaluation["parts"]["test"][HEADLINE]
    every = "every rival that could be fitted" if evaluation["missing"] else "every rival"
    good = [sentence for horizon in HORIZON_ORDER for sentence in achievements(horizon, test[horizon], every)]
    return [*good, *_gaps(evaluation), *_champion(test), *_source(evaluation)]


def shortcomings(horizon: str, found: Horizon, where: str = "") -> Iterator[str]:
    """Sentences on the rivals that are not beaten, and on doubts about calibration or numbers."""
    when = f"At {horizon_name(horizon)}{where}"
    for verdict, said in (("worse", "is worse than"), ("not better", "does not beat")):
        unbeaten = [rival for rival in rivals(found) if found["differences"][rival]["verdict"] == verdict]
        if unbeaten:
            named = [f"{model_name(rival)} ({_difference(found['differences'][rival])})" for rival in unbeaten]
            yield f"{when} the model {said} {joined(named, 'or')}."
    ours = found["models"][OURS]
    ici, slope = ours["ici"]["value"], ours["slope"]["value"]
    if ici is not None and ici > CALIBRATED_ICI:
        yield f"{when} its risks are off by {number(ici)} on average (ICI), more than the {CALIBRATED_ICI} aimed at."
    if slope is not None and not SLOPES[0] <= slope <= SLOPES[1]:
        said = "too timid" if slope > 1 else "too extreme" if slope > 0 else "the wrong way round"
        yield f"{when} its risks are {said}: the calibration slope is {with_interval(ours['slope'], 2)}."
    if found["events"] < FEW_EVENTS:
        yield f"{when} only {found['events']} of {found['rows']:,} windows had a crisis: the figures are uncertain."


def achievements(horizon: str, found: Horizon, every: str) -> Iterator[str]:
    """One sentence on the rivals that are beaten (`every` names all of them), the closest by how much; calibration."""
    when = f"At {horizon_name(horizon)}"
    beaten = [rival for rival in rivals(found) if found["differences"][rival]["verdict"] == "better"]
    if beaten:
        closest = max(beaten, key=lambda rival: found["differences"][rival]["brier"]["value"])
        whom = every if len(beaten) == len(rivals(found)) else joined([model_name(rival) for rival in beaten])
        margin = _difference(found["differences"][closest]).replace("Brier difference", "a Brier difference of")
        yield f"{when} the model beats {whom}; against the closest, {model_name(closest)}, by {margin}."
    ours = found["models"][OURS]
    ici = ours["ici"]["value"]
    if ici is not None and ici <= CALIBRATED_ICI:
        yield (
            f"{when} its risks are off by {number(ici)} on average (ICI, aim {CALIBRATED_ICI}) and it ranks with an "
            f"AUROC of {with_interval(ours['auroc'])}."
        )


def rivals(found: Horizon) -> list[str]:
    """The models that ours should beat, versions of itself left out."""
    return [name for name in ordered(found["differences"]) if name not in (*RELATIVES, ORACLE)]


def _gaps(evaluation: Mapping[str, Any]) -> Iterator[str]:
    by_horizon = evaluation["gap_closed"].get(HEADLINE, {})
    for horizon in (horizon for horizon in HORIZON_ORDER if horizon in by_horizon):
        bases = by_horizon[horizon]
        named = [name for name in (CLIMATOLOGY, HARDEST_BASELINE) if name in bases]
        if named:
            shares = [
                f"{percent_interval(bases[name]['expected'])} of the way from {model_name(name)}" for name in named
            ]
            yield f"At {horizon_name(horizon)} the model goes {joined(shares)} to the oracle (the true odds)."


def _champion(test: Mapping[str, Any]) -> Iterator[str]:
    for horizon in HORIZON_ORDER:
        difference = test[horizon]["differences"].get("champion")
        if difference:
            said = {"better": "better than", "worse": "worse than", "not better": "not told apart from"}
            verdict = said[difference["verdict"]]
            yield f"At {horizon_name(horizon)} it is {verdict} the model in service: {_difference(difference)}."


def _source(evaluation: Mapping[str, Any]) -> Iterator[str]:
    if evaluation["source"] == SIMULATED:
        yield "All figures come from simulated patients: they show that the method works, not clinical validity."


def _difference(difference: Mapping[str, Any]) -> str:
    brier = difference["brier"]
    low, high = number(brier["low"], 5), number(brier["high"], 5)
    return f"Brier difference {number(brier['value'], 5)}, {low} to {high}"
