"""What a model card says in words: purpose, users, oversight, whom to tell of harm, and how the levels were chosen."""

from __future__ import annotations

from typing import Final

from conf.clinical import ALERT_HORIZON_H, ALERT_LEVELS, ALERT_THRESHOLDS

PURPOSE: Final = (
    "The risk that a blood-pressure crisis follows within 1, 6 and 24 hours of the newest of a patient's last 30 "
    "readings, to help people decide whom to look at first. For research and demonstration."
)
NOT_FOR: Final = (
    "Not a diagnosis, not a medical device, not a reason to treat or to leave untreated. A crisis is a threshold on "
    "numbers; whether organs are at risk, only a clinician can tell. A measured crisis is urgent, whatever the risk."
)
USERS: Final = (
    "Nurses and doctors who watch over patients with repeated readings, and engineers and statisticians who judge "
    "models. Not for patients to read alone. Who uses it must know that a risk is a share of such windows and no "
    "verdict on one patient, and what their levels were followed by (see above)."
)
OVERSIGHT: Final = (
    "People decide: a risk sorts a list and raises alerts that somebody answers; nothing is ordered, given or withheld "
    "by it, and a measured crisis raises an alert of its own, whatever the risk. A version goes into service by the "
    "rule below or by a named person, both kept in the journal; it is watched by the monitor, which says when risks no "
    "longer fit what happens, and taken back with ./spark-submit.sh retrain --rollback."
)
HARM: Final = (
    "Take the version back first. Then tell the person who put it into service (promotions.jsonl names them) and those "
    "whom your hospital has appointed for incidents; the project names nobody for you. python -m jobs.explain "
    "--patient ID --at TIME --bundle FILE.zip writes the case down in a pseudonymised form, with the version and "
    "what it was given."
)
OWNER: Final = (
    "Not named: no setting holds an owner or a contact. Whoever runs a site answers for the version in service there."
)
LICENCE: Final = (
    "Apache License 2.0 (LICENSE), as the program that made it. A version trained on patients on record is also bound "
    "by what binds those records."
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


def levels_chosen() -> str:
    """Say how the limits of the alert levels were chosen, and what acting at each of them accepts."""
    accepted = ", ".join(
        f"{level} from {100 * threshold:.0f} % ({(1 - threshold) / threshold:.1f} calm windows for each with a crisis)"
        for level, threshold in zip(ALERT_LEVELS[1:], ALERT_THRESHOLDS, strict=True)
    )
    return (
        f"On the {ALERT_HORIZON_H} h risk: {accepted}. They are round numbers, set with the interface before any model "
        "was trained; neither data nor clinicians chose them. In brackets stands what somebody accepts who acts "
        "exactly there. What followed windows of each level is measured in each report; a site raises alerts from "
        "other limits on by conf/alerts.yaml, without a new model."
    )
