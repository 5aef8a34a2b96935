"""Answers to the items of TRIPOD+AI that the rest of a report does not give.

The items are those of Collins et al., "TRIPOD+AI statement", BMJ 2024;385:e078378; what an item asks is told in our
words. Whoever publishes results answers all 27 in the paper; here stand 5 to 8, 10, 11, 13 to 15, 18, 19 and 26, as far
as the program knows. What it cannot know of patients on record is said to be open.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from conf.clinical import ALERT_HORIZON_H, CRISIS_TEXT
from ml.dataset import TEST, TRAIN
from ml.evaluation.names import ALERT_HORIZON
from ml.labels import FOLLOW_UP_H
from ml.report.statements import LICENCE, levels_chosen

Card = Mapping[str, Any]
Rows = Mapping[str, Mapping[str, Any]]

OPEN: Final = "Open: the records do not tell it. To be answered by whoever runs this site."
ASKED: Final = {
    "5a": "Sources of the data, why these, whom they represent",
    "5b": "Dates of the data",
    "6a": "Setting, number and place of centres",
    "6b": "Who was eligible",
    "6c": "Treatments received and how they are dealt with",
    "7": "Preparation and checks of the data, the same for everybody?",
    "8a": "Outcome, horizon, how and when assessed, why",
    "8b": "Who assessed the outcome",
    "8c": "Blinding of the assessment",
    "10": "How the sample size was arrived at",
    "11": "Missing data",
    "13": "Class imbalance",
    "14": "Fairness",
    "15": "Output of the model, and how thresholds were found",
    "18a": "Funding",
    "18b": "Conflicts of interest",
    "18c": "Protocol",
    "18d": "Registration",
    "18e": "Data sharing",
    "18f": "Code sharing",
    "19": "Involvement of patients and the public",
    "26": "Limitations",
}
EVERYWHERE: Final = {
    "6b": "Left out are windows with fewer readings than a risk needs, windows of which the follow-up reaches into the "
    "stretch of time that is held out, and outcomes that are not known; the table of rows counts what is left.",
    "7": "What the intake refuses (impossible values, retracted readings) is left out, as in service; artefacts that "
    "it lets pass stay. Nothing is smoothed, scaled or filled in; the same rules hold for everybody.",
    "8a": f"One later reading with {CRISIS_TEXT} mmHg within 1, 6 or 24 h, as the cuff shows it. One reading is "
    "enough, since that is what an alarm on the ward goes by; crises confirmed by a second one are kept beside, and "
    "nothing is fitted on them. No grouping of patients changes the rule.",
    "8b": "Nobody: it is computed from readings.",
    "8c": "It is computed without the risk. In service a risk may lead to treatment, which changes what follows.",
    "11": "A heart rate or an earlier reading that is missing is NaN: trees learn which way it goes, for the linear "
    "part it counts as average. An outcome that is not known is left out at that horizon only; the table of rows says "
    "how many. Too few readings: no risk.",
    "13": "Nothing is weighted or drawn anew: that would shift the risks. Calibration is shown for what it is.",
    **dict.fromkeys(("18a", "18b"), "The program knows of none; whoever publishes results answers."),
    "18c": "None is published. The rule of promotion (ml/evaluation/gates.py) stands before a training begins.",
    "18d": "None.",
    "26": "A single reading makes a crisis; treatment is not seen; risks within patients rank far less well than "
    "between them; few patients are at the highest levels. See known failures, and what stands first in this report.",
}
SIMULATED: Final = {
    "5a": "A simulator (producer/): courses follow published statistics of ambulatory recordings, while the shape and "
    "rate of crisis episodes and all shares of cuffs are assumptions. It represents no population.",
    "6a": "None: no centre, ward or country. Cuffs that measure every 15, 30 or 60 minutes for some days.",
    "6b": "Everybody who is simulated.",
    "6c": "Some groups are drawn with the pressures of people under drugs. Nobody is treated for a crisis or a risk.",
    "10": "By time and memory, not by a criterion: as many simulated patients as a retraining takes in its time.",
    "14": "Not judged, and it cannot be: simulated patients have no age, sex, skin colour or arm size. Subgroups are "
    "those of the simulator, of the window and of the clock.",
    "18e": "Every row can be made again: ./spark-submit.sh generate with the seed below.",
    "19": "None is documented.",
    "26": "Simulated patients: nothing here is clinical evidence.",
}
RECORDED: Final = {
    "5a": "Readings that the stream of this site has stored, all that are there. Whom they represent the site must "
    "say.",
    "6a": OPEN,
    "6b": "Every patient with enough readings in a window.",
    "6c": "Not known to the model, neither before nor after a window. " + OPEN,
    "10": "All that is on record, up to what fits into memory.",
    "14": "Not judged, and it cannot be: readings carry no age, sex, skin colour or arm size. " + OPEN,
    **dict.fromkeys(("18e", "19"), OPEN),
    "26": "Patients of one site.",
}


def answers(card: Card, *, simulated: bool) -> list[dict[str, str]]:
    """Return item, what it asks and the answer, in plain texts, for a card with `rows`, `made` and `parameters`."""
    by_source, rows = SIMULATED if simulated else RECORDED, card["rows"]
    days = min(part["from"] for part in rows.values()), max(part["to"] for part in rows.values())
    dates = f"Windows end from {days[0]} to {days[1]}; what follows each is known for at most another {FOLLOW_UP_H} h."
    of_card = {
        "5b": dates + (" The simulator's calendar stands for no real time." if simulated else ""),
        "10": _counts(rows),
        "15": f"Three calibrated risks from 0 to 1, a longer horizon never below a shorter one. {levels_chosen()}",
        "18f": f"{LICENCE} Code of this version: {card.get('made', {}).get('code', 'not known')}.",
    }
    parts = (by_source, EVERYWHERE, of_card)
    return [
        {"item": item, "asks": asks, "answer": " ".join(part[item] for part in parts if item in part)}
        for item, asks in ASKED.items()
    ]


def _counts(rows: Rows) -> str:
    """Say how many windows, patients and crises there are to learn from and to judge by."""
    told = [
        f"{part}: {rows[part]['rows']:,} windows of {rows[part]['patients']:,} patients, "
        f"{rows[part]['events'][ALERT_HORIZON]:,} followed by a crisis within {ALERT_HORIZON_H} h"
        for part in (TRAIN, TEST)
        if part in rows
    ]
    return f"{'; '.join(told).capitalize()}. What the criteria of Riley ask for stands in the table of sample sizes."
