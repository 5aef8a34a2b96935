"""The report of an evaluation: one HTML file that needs nothing else, and the model card in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2
from matplotlib.figure import Figure

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from ml.dataset import TEST
from ml.evaluation.comparison import NOTICEABLE, SIMULATED
from ml.evaluation.examples import LEVEL, THRESHOLD
from ml.evaluation.level_changes import NUDGE_MMHG
from ml.evaluation.names import OURS
from ml.evaluation.subgroups import HEADLINE
from ml.report import example_curves, method_tables, plots, tables
from ml.report.findings import doubts, findings, merits
from ml.report.statements import levels_chosen
from ml.report.tables import to_markdown
from ml.report.wording import (
    HORIZON_ORDER,
    SUBGROUP_NAMES,
    horizon_name,
    number,
    percent,
    percent_interval,
    with_interval,
)

Evaluation = Mapping[str, Any]
Card = Mapping[str, Any]

STATEMENTS: Final = {
    "users": "Intended users",
    "oversight": "Human oversight",
    "harm": "If it does harm",
    "owner": "Owner and contact",
    "licence": "Licence",
}
NOT_JUDGED: Final = "Not judged."

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ml.report", "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
)
PAGE: Final = _ENVIRONMENT.get_template("report.html")  # read at once: a retraining needs it an hour later


def render_report(card: Card, evaluation: Evaluation) -> str:
    """Return HTML for a clinician and a statistician: what was judged, doubts first, then figures, plots and tables.

    `card` is what `ml.report.card.make_card` gives, with `version` where the model has one; it may lack anything.
    """
    found = evaluation["parts"][TEST]
    calm = found[HEADLINE]
    return PAGE.render(
        card=card,
        evaluation=evaluation,
        simulated=evaluation["source"] == SIMULATED,
        crisis={"systolic": CRISIS_SYSTOLIC, "diastolic": CRISIS_DIASTOLIC},
        doubts=doubts(evaluation),
        merits=merits(evaluation),
        tiles=[_tile(horizon, calm[horizon]) for horizon in HORIZON_ORDER],
        quality=[tables.quality(calm[horizon], horizon) for horizon in HORIZON_ORDER],
        others=[
            (title, [tables.quality(found[name][horizon], horizon) for horizon in HORIZON_ORDER])
            for name, title in SUBGROUP_NAMES.items()
            if name != HEADLINE
        ],
        mandated=tables.mandated(calm),
        calibration=tables.calibration(calm),
        gaps=tables.gaps(evaluation["gap_closed"]) if evaluation["gap_closed"] else None,
        parts=tables.parts(evaluation["parts"]),
        alarms=tables.alarms(evaluation["alarms"]) if _has_alarms(evaluation) else None,
        alarms_compared=tables.alarms_compared(evaluation["alarms"]) if _has_alarms(evaluation) else None,
        levels_chosen=levels_chosen(),
        stability=method_tables.stability(evaluation["stability"]) if evaluation.get("stability") else None,
        stability_told=_stability(evaluation.get("stability")),
        level_changes=method_tables.level_changes(evaluation["level_changes"]) if evaluation["level_changes"] else None,
        nudged=_nudged(evaluation["level_changes"] or {}),
        example_level={"name": LEVEL, "threshold": THRESHOLD},
        examples=_examples(evaluation["examples"] or {}),
        subgroups=tables.subgroups(evaluation["subgroups"]),
        about=_about(card),
        statements={title: card[name] for name, title in STATEMENTS.items() if name in card},
        sample_size=method_tables.sample_size(card["sample_size"]) if card.get("sample_size") else None,
        tripod=method_tables.tripod(card),
        checks=tables.checks(card["decision"]) if card.get("decision") else None,
        images=_images(evaluation),
    )


def _images(evaluation: Evaluation) -> dict[str, str]:
    calm = evaluation["parts"][TEST][HEADLINE]
    drawings: dict[str, tuple[Callable[..., Figure], Any]] = {
        "differences": (plots.differences, calm),
        "calibration": (plots.calibration, calm),
        "decisions": (plots.decisions, calm),
        "distributions": (plots.distributions, calm),
        "scatter": (plots.scatter, evaluation["scatter"]),
        "parts": (plots.parts, evaluation["parts"]),
        "subgroups": (plots.subgroups, evaluation["subgroups"]),
    }
    if evaluation.get("stability"):
        drawings["stability"] = (plots.stability, evaluation["stability"])
    if _has_alarms(evaluation):
        drawings["alarms"] = (plots.alarms, evaluation["alarms"])
    return {name: plots.to_image(draw, values) for name, (draw, values) in drawings.items()}


def _examples(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return title, image and sentences of each kind of example."""
    return [
        {
            "title": example_curves.title(kind, examples["number"]),
            "image": example_curves.draw(examples["shown"]) if examples["shown"] else None,
            "sentences": example_curves.sentences(kind, examples["shown"]),
        }
        for kind, examples in found.items()
    ]


def _stability(found: Mapping[str, Any] | None) -> str:
    """Say on how many patients the model was fitted again, and how many levels that changes."""
    if not found:
        return ""
    told = f"Each fit saw {found['patients']:,} of the {found['of_patients']:,} training patients, drawn anew."
    changed = percent(found["levels_changed"])
    return f"{told} Of the windows above LOW {changed} had another level, on average over the fits."


def _nudged(found: Mapping[str, Any]) -> str:
    if not found.get("nudged"):
        return ""
    share = percent_interval(found["nudged"], 1)
    return f"With both newest pressures {NUDGE_MMHG} mmHg higher or lower {share} of the levels above LOW are others."


def _has_alarms(evaluation: Evaluation) -> bool:
    return bool(evaluation["alarms"] and evaluation["alarms"]["models"])


def _tile(horizon: str, found: Mapping[str, Any]) -> dict[str, str]:
    ours = found["models"][OURS]
    return {
        "horizon": horizon_name(horizon),
        "auroc": with_interval(ours["auroc"]),
        "skill": with_interval(ours["brier_skill"], 2) if "brier_skill" in ours else "",
        "ici": number(ours["ici"]["value"]),
        "prevalence": percent(found["prevalence"]),
    }


def _about(card: Card) -> list[tables.Table]:
    """Tell where the model comes from, as far as the card tells in the way of `ml.report.card`."""
    titles = {
        "target": "What is predicted",
        "data": "Data",
        "features": "Features",
        "parameters": "Training",
        "calibration": "Calibrators",
        "reference_models": "What the reference models are fitted on",
        "made": "How this version was made",
    }
    shown = [
        tables.plain_values(title, card[name])
        for name, title in titles.items()
        if isinstance(card.get(name), Mapping) and card[name]
    ]
    return [*([tables.data_rows(card["rows"])] if card.get("rows") else []), *shown]


def render_card(card: Card, evaluation: Evaluation) -> str:
    """Return the model card in Markdown."""
    tripod = method_tables.tripod(card)
    sections = {
        "Purpose": f"{card['purpose']}\n\n{card['not_for']}\n\n**{card['warning']}**",
        "In short": "\n".join(f"- {sentence}" for sentence in findings(evaluation)),
        **{title: str(card[name]) for name, title in STATEMENTS.items() if name in card},
        "Data and training": "\n".join(to_markdown(table) for table in _about(card)),
        "Sample size": to_markdown(method_tables.sample_size(card["sample_size"]))
        if card.get("sample_size")
        else NOT_JUDGED,
        **_judged_sections(evaluation),
        "How the alert levels were chosen": levels_chosen(),
        "Known failures": "\n".join(f"- {sentence}" for sentence in card["known_failures"]),
        "TRIPOD+AI": to_markdown(tripod) if tripod else "Not answered.",
        "Approval": "\n\n".join(
            [*([to_markdown(tables.checks(card["decision"]))] if card.get("decision") else []), str(card["approval"])]
        ),
    }
    title = f"# Model card {card.get('version', '')}".rstrip()
    return "\n\n".join([title, *(f"## {name}\n\n{text}" for name, text in sections.items())]) + "\n"


def _judged_sections(evaluation: Evaluation) -> dict[str, str]:
    """Return what the card has of an evaluation, by heading."""
    calm, changes = evaluation["parts"][TEST][HEADLINE], evaluation["level_changes"]
    quality = [tables.quality(calm[horizon], horizon) for horizon in HORIZON_ORDER]
    found, stability = evaluation["alarms"], evaluation.get("stability")
    alarms = [tables.alarms(found), tables.alarms_compared(found)] if _has_alarms(evaluation) else []
    return {
        "Quality on unseen patients, windows not in crisis at t": "\n".join(
            map(to_markdown, (*quality, tables.mandated(calm), tables.calibration(calm)))
        ),
        "Oracle": to_markdown(tables.gaps(evaluation["gap_closed"])) if evaluation["gap_closed"] else "Not asked.",
        "Alarms": "\n".join(map(to_markdown, alarms)) or NOT_JUDGED,
        "Restlessness of the levels": f"{to_markdown(method_tables.level_changes(changes))}\n{_nudged(changes)}"
        if changes
        else NOT_JUDGED,
        "Spread over fits": f"{to_markdown(method_tables.stability(stability))}\n{_stability(stability)}"
        if stability
        else NOT_JUDGED,
        "Other parts of the data": to_markdown(tables.parts(evaluation["parts"])),
        "Subgroups": to_markdown(tables.subgroups(evaluation["subgroups"])),
        "Coherence of the horizons": _coherence(evaluation["coherence"]),
    }


def _coherence(found: Mapping[str, float] | None) -> str:
    if found is None:
        return NOT_JUDGED
    share, size = percent(found["repaired_share"]), number(found["mean_repair"], 4)
    noticeable = percent(found["noticeable_share"])
    return (
        f"The horizons contradicted each other in {share} of the windows and were raised by {size} on average there; "
        f"noticeably, by {number(100 * NOTICEABLE, 1)} percent points or more, in {noticeable}."
    )
