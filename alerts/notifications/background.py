"""What may be said of an alert beside what its document holds: where its patient lies, and what a risk rests on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from alerts.channels.message import Disclosure
from alerts.model import AlertKind
from elastic.client import Document, Search
from elastic.search import predictions, wards
from elastic.search.predictions import Instant

OF_STAY: Final = frozenset({Disclosure.NAME, Disclosure.WARD})
STAY_FIELDS: Final = ("ward", "bed", "name")


def completed(search: Search, alerts: Iterable[Document], discloses: frozenset[Disclosure]) -> list[Document]:
    """Return alerts with what is known besides, as far as anybody may be told of it; what nobody is told is not read.

    These are the fields `ward`, `bed` and `name` of the patient's stay, and of the worst prediction the `reasons` and,
    for everybody, why it is `out_of_range`: that a level is a guess belongs to the level.
    """
    found = list(alerts)
    patients = {alert["patient_id"] for alert in found if "patient_id" in alert}
    stays = wards.of_patients(search, patients) if discloses & OF_STAY else {}
    predicted = [alert for alert in found if alert["kind"] == AlertKind.PREDICTED and "worst" in alert]
    instants = {alert["alert_id"]: _instant(alert) for alert in predicted}
    scored = predictions.at_instants(search, instants.values()) if predicted else {}
    of_prediction = ("reasons", "out_of_range") if Disclosure.VALUES in discloses else ("out_of_range",)
    return [
        {
            **alert,
            **_known(stays.get(alert.get("patient_id", ""), {}), STAY_FIELDS),
            **_known(scored.get(instants.get(alert["alert_id"]), {}), of_prediction),
        }
        for alert in found
    ]


def _instant(alert: Document) -> Instant:
    """Return of whom and when the prediction is that was the worst of an alert."""
    return alert["patient_id"], datetime.fromisoformat(alert["worst"]["at"])


def _known(document: Document, names: Iterable[str]) -> Document:
    return {name: document[name] for name in names if document.get(name)}
