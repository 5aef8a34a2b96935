"""Card and report of a version that was recalibrated: what it was made from, and each horizon before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jinja2

from ml.evaluation.local import IN_CARD
from ml.report import tables
from ml.report.wording import FIGURE_NAMES, horizon_name, number

KEPT: Final = (  # of the card of the version that it was made from: what a recalibration does not change
    *("purpose", "not_for", "warning", "target", "features", "data", "rows", "parameters"),
    *("known_failures", "approval"),
)
RECALIBRATION: Final = "recalibration"
ABOUT: Final = (
    "Only the calibration is new: a line on the log odds of each changed horizon. Data, training and target are those "
    "of the version that it was made from; how well that one ranks stands in its own report."
)
HEAD: Final = {"rows": "Windows", "events": "Followed by a crisis", "observed_to_expected": "Observed / expected"}
DIGITS: Final = {"rows": 0, "events": 0}

_ENVIRONMENT: Final = jinja2.Environment(
    loader=jinja2.PackageLoader("ml.report", "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)


def recalibrated_card(
    card: Mapping[str, Any],
    calibration: Mapping[str, Any],
    made: Mapping[str, Any],
    decision: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the card of a version made from that with `card`; `made` tells from which, on what, and how well."""
    kept = {name: card[name] for name in KEPT if name in card}
    return {**kept, "calibration": dict(calibration), RECALIBRATION: dict(made), "decision": dict(decision)}


def render_recalibration(card: Mapping[str, Any]) -> dict[str, bytes]:
    """Return ``card.md`` and ``report.html``."""
    made = card[RECALIBRATION]
    title = f"Recalibration of model {made['of']}"
    sentences = [found["why"] for found in made["horizons"].values()]
    local = tables.plain_values("Local data", made["data"])
    shown = [_before_and_after(made["horizons"]), tables.checks(card["decision"]), local]
    markdown = [
        f"# {title}",
        ABOUT,
        "\n".join(f"- {sentence}" for sentence in sentences),
        *map(tables.to_markdown, shown),
    ]
    page = _ENVIRONMENT.get_template("recalibration.html")
    html = page.render(title=title, about=ABOUT, sentences=sentences, tables=shown)
    return {"card.md": ("\n\n".join(markdown) + "\n").encode(), "report.html": html.encode()}


def _before_and_after(horizons: Mapping[str, Any]) -> tables.Table:
    rows = [
        [f"{horizon_name(horizon)}, {when}", *(number(found[when][name], DIGITS.get(name, 4)) for name in IN_CARD)]
        for horizon, found in horizons.items()
        for when in ("before", "after")
    ]
    names = [HEAD.get(name) or FIGURE_NAMES[name] for name in IN_CARD]
    return tables.make_table(
        "Local patients, each left out of the fit that is judged on them", ["Horizon", *names], rows
    )
