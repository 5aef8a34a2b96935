"""What somebody is told of alerts, for tests of those who say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.channels.message import Disclosure, Message, Recipient, Telling
from alerts.model import AlertKind, Finding, Refusal
from tests.support.ward import alert

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PATIENT = "P-0412"
SECRET = "s" * 48
EVERYTHING = frozenset(Disclosure)
NOTHING: frozenset[Disclosure] = frozenset()
CRISIS = Finding(NOON, 3, systolic=193.7, diastolic=121.2)
RISK = Finding(NOON, 3, systolic=171.0, diastolic=99.0, risk_6h=0.8399)
REFUSAL = Refusal(NOON, NOON, "cuff-7", "VALUE_HAS_COMPARATOR", "systolic > 250 mmHg")
WHERE = {"name": "Ada Nonym", "ward": "Cardiology", "bed": "12"}  # that the register of wards adds
REASONS = [{"code": "SYSTOLIC_NEWEST", "contribution": 0.8, "value": 171.0}]  # that its prediction holds
OUT_OF_RANGE = ["FEW_READINGS", "GAP_LONG"]  # that it holds, too, where the model does not know such readings
LINK = "https://alerts.hospital.example/answer/" + "t" * 120


def measured(patient_id: str = PATIENT, **more: Any) -> dict[str, Any]:
    return alert(patient_id, NOON, worst=CRISIS) | more


def predicted(**more: Any) -> dict[str, Any]:
    return alert(PATIENT, NOON, AlertKind.PREDICTED, worst=RISK) | more


def refused(**more: Any) -> dict[str, Any]:
    return alert(PATIENT, NOON, AlertKind.ATTENTION, refusals=(REFUSAL,)) | more


def silent(**more: Any) -> dict[str, Any]:
    return alert(PATIENT, NOON, AlertKind.SILENCE, 1, worst=CRISIS) | more


def outage(part: str = "stream-ingest", kind: AlertKind = AlertKind.SYSTEM) -> dict[str, Any]:
    return alert(None, NOON, kind, part=part)


def telling(document: Mapping[str, Any] | None = None, step: int = 0, repeat: int = 0) -> Telling:
    told = document or measured()
    return Telling(told, step, repeat, f"{told['alert_id']}/{told['raised_at']}/{step}/{repeat}/anne")


def burst(number: int) -> list[Telling]:
    """Return what one is told of so many patients at once."""
    return [telling(measured(f"P-{index:04d}", **{**WHERE, "bed": str(index)})) for index in range(number)]


def recipient(**changes: Any) -> Recipient:
    given: dict[str, Any] = {
        "name": "anne",
        "channel": "mail",
        "address": "anne@hospital.example",
        "language": "en",
        "discloses": EVERYTHING,
    }
    return Recipient(**{**given, **changes})


def message(tellings: Sequence[Telling] | None = None, to: Recipient | None = None, **changes: Any) -> Message:
    told = tuple([telling()] if tellings is None else tellings)
    given: dict[str, Any] = {
        "key": "/".join(each.key for each in told),
        "at": NOON + timedelta(seconds=1),
        "recipient": to or recipient(),
        "tellings": told,
        "links": {each.alert["alert_id"]: LINK for each in told},
    }
    return Message(**{**given, **changes})
