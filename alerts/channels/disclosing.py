"""What of a message leaves the house: of each telling what the recipient may know, and nothing else.

Every channel builds on this, so that one place holds the rule. The ids of alerts contain those of patients; outside,
alerts, patients and keys therefore go by *aliases*: the same for the same thing, and of no use to anybody without the
key, which is derived from ``BP_SECRET_KEY``.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from alerts.channels.message import Disclosure, Message, Telling
from alerts.documents import subject_of
from alerts.model import AlertKind, State
from alerts.secret_keys import derive, secret_keys
from conf.settings import Settings

ALIAS_PURPOSE: Final = b"names of alerts outside the house"
ALIAS_LENGTH: Final = 32  # hexadecimal digits


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert as its recipient may know it; the fields of the published schema."""

    key: str  # the same when the same is told twice
    alert: str  # an alias, the same over all steps and reminders
    subject: str  # an alias of the patient, or the name of the part of the system
    kind: AlertKind
    level: str
    state: State
    is_open: bool
    step: int
    repeat: int
    started_at: datetime
    raised_at: datetime
    link: str | None = None  # acknowledges it, once
    part: str | None = None
    patient_id: str | None = None
    name: str | None = None
    ward: str | None = None
    bed: str | None = None
    systolic: float | None = None  # mmHg, of the worst finding
    diastolic: float | None = None
    risk_6h: float | None = None  # 0..1
    measured_at: datetime | None = None
    reasons: tuple[Mapping[str, Any], ...] = ()  # of the risk, as predictions have them
    refused: str | None = None  # what a message says that could not be taken
    out_of_range: tuple[str, ...] = ()  # why the predicted level is a guess; `ml.trained_range.RangeCode`


class Disclosing:
    """Makes of messages what leaves the house."""

    def __init__(self, settings: Settings) -> None:
        """Take the newest secret key; raise `SettingsError` where there is none."""
        self._key = derive(secret_keys(settings)[0], ALIAS_PURPOSE)

    def alias(self, text: str) -> str:
        """Return what stands for an id outside."""
        return hmac.digest(self._key, text.encode(), "sha256").hex()[:ALIAS_LENGTH]

    def told(self, message: Message) -> tuple[Told, ...]:
        """Return the tellings of a message, what is to be done first at the head as on the board."""
        ordered = sorted(message.tellings, key=_place)
        discloses, links = message.recipient.discloses, message.links
        return tuple(self.of(telling, discloses, links.get(telling.alert["alert_id"])) for telling in ordered)

    def of(self, telling: Telling, discloses: frozenset[Disclosure], link: str | None = None) -> Told:
        """Return what may be known of one alert."""
        alert, is_part = telling.alert, "part" in telling.alert
        return Told(
            key=self.alias(telling.key),
            alert=self.alias(alert["alert_id"]),
            subject=subject_of(alert) if is_part else self.alias(subject_of(alert)),
            kind=AlertKind(alert["kind"]),
            level=alert["level"],
            state=State(alert["state"]),
            is_open=alert["is_open"],
            step=telling.step,
            repeat=telling.repeat,
            started_at=datetime.fromisoformat(alert["started_at"]),
            raised_at=datetime.fromisoformat(alert["raised_at"]),
            link=link,
            part=alert.get("part"),
            out_of_range=tuple(alert.get("out_of_range", ())),
            **_disclosed(alert, discloses),
        )


def latest(told: Iterable[Told]) -> tuple[Told, ...]:
    """Return the last telling of each alert, in the order of the first: who was late may owe several of one at once."""
    found: dict[str, Told] = {}
    for each in told:
        before = found.get(each.alert)
        if before is None or (each.step, each.repeat) > (before.step, before.repeat):
            found[each.alert] = each
    return tuple(found.values())


def _place(telling: Telling) -> tuple[int, int, str]:
    """Return the place of a telling: the highest level first, then facts before opinions, then who has waited."""
    alert = telling.alert
    return -alert["shown_rank"], alert["kind_order"], alert["raised_at"]


def _disclosed(alert: Mapping[str, Any], allowed: frozenset[Disclosure]) -> dict[str, Any]:
    """Return what is known of the patient, as far as it may leave the house."""
    worst, refusals = alert.get("worst", {}), alert.get("refusals", ())
    at = worst.get("at") if alert["kind"] != AlertKind.SILENCE else None
    known = {
        Disclosure.ID: {"patient_id": alert.get("patient_id")},
        Disclosure.NAME: {"name": alert.get("name")},
        Disclosure.WARD: {"ward": alert.get("ward"), "bed": alert.get("bed")},
        Disclosure.VALUES: {
            **{name: worst.get(name) for name in ("systolic", "diastolic", "risk_6h")},
            "reasons": tuple(alert.get("reasons", ())),
            "measured_at": datetime.fromisoformat(at) if at else None,
            "refused": refusals[0]["words"] if refusals else None,
        },
    }
    return {name: value for each, values in known.items() if each in allowed for name, value in values.items()}
