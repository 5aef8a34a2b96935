"""Two wards with a patient each, and every request that a site takes: what is B's must not show in what A's nurse gets.

The answers of a site that stores both patients are compared with those of a site that has never heard of B: also a
count, an order, or the status of a page that names B would tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from werkzeug.routing import Rule

from alerts.model import AlertKind, Finding, State
from elastic.names import (
    ALERT_EVENTS,
    ALERTS,
    AUDIT,
    LATEST,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
)
from tests.support.ward import Patient, alert, history, refusal
from tests.unit.webapp.site import SAME_ORIGIN, Site
from webapp.store import users

Json = dict[str, Any]

A, B = "anna-of-a", "boris-of-b"
WARD_OF: Final = {A: "A", B: "B"}
VALUES: Final = {A: 186.0, B: 217.3}
RANDOM: Final = re.compile(r"bp_[0-9a-f]{12}_[\w-]+|[0-9a-f]{32}|\b[0-9a-f]{12}\b|(?<=secret>)[^<]+|otpauth[^\"<]+")
VOLATILE: Final = re.compile(r"<svg[^>]*class=\"qr.*?</svg>|<code[^>]*>[^<]*</code>|<path[^>]*>|<img[^>]*>", re.DOTALL)


def stored(now: datetime, *patient_ids: str) -> list[tuple[str, Json]]:
    """Return all that is stored where there are these patients: family and document."""
    at = now - timedelta(minutes=3)
    of_nobody = [
        (ALERTS, alert(None, at, AlertKind.SYSTEM, part="stream")),
        (REJECTED, refusal(None, at, "device says HIGH")),
    ]
    return of_nobody + [
        pair for patient_id in patient_ids for pair in _of_patient(patient_id, WARD_OF[patient_id], now)
    ]


def _of_patient(patient_id: str, ward: str, now: datetime) -> list[tuple[str, Json]]:
    readings, predictions = history(Patient(patient_id, VALUES[patient_id], 0.8731, rise=6), now)
    at = now - timedelta(minutes=20)
    worst = Finding(at, 3, systolic=VALUES[patient_id], diastolic=131.0)
    open_alert = alert(patient_id, at, worst=worst)
    ended = alert(patient_id, at, AlertKind.LOW, state=State.RESOLVED)
    attention = alert(patient_id, at, AlertKind.ATTENTION)
    refused = {**refusal(patient_id, at, "over 300"), "device_id": f"cuff-of-{patient_id}"}
    about = {
        "patient_id": patient_id,
        "kind": "measured",
        "started_at": open_alert["started_at"],
        "by": f"by-{ward}",
        "role": "clinician",
    }
    note = {"event": "noted", "note": f"note on {patient_id}", "number": 1, "alert_id": open_alert["alert_id"]}
    rules = {"systolic_from": 171.0, "limits_at": at.isoformat(), "changed_at": at.isoformat(), "why": f"why {ward}"}
    seen = {"action": "view", "actor": f"viewer-{ward}", "outcome": "ok", "chain_id": ward, "seq": 1}
    return [
        *((OBSERVATIONS, reading) for reading in readings),
        *((PREDICTIONS, prediction) for prediction in predictions),
        (LATEST, predictions[-1]),
        (ALERTS, open_alert),
        (ALERTS, ended),
        (ALERTS, attention),
        (ALERT_EVENTS, {"@timestamp": at.isoformat(), **about, **note}),
        (REJECTED, refused),
        (PATIENT_RULES, {"patient_id": patient_id, "by": f"by-{ward}", "role": "clinician", **rules}),
        (AUDIT, {"@timestamp": at.isoformat(), "patient_id": [patient_id], **seen}),
        (STAYS, {"patient_id": patient_id, "ward": ward, "bed": f"bed-{ward}", "told_at": at.isoformat()}),
        (WARDS, {"ward": ward, "patient_ids": [patient_id], "written_at": at.isoformat()}),
    ]


def alert_of(patient_id: str, now: datetime) -> str:
    """Return the id of the open alert of a patient."""
    return str(alert(patient_id, now - timedelta(minutes=20))["alert_id"])


LISTS: Final = ("", "?ward=A", "?ward=B", "?ward=")
BOARDS: Final = (*LISTS, "?urgency=CRITICAL", "?quiet=1", "?kiosk=1")
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "/": BOARDS,
    "/board/rows": BOARDS,
    "/acknowledge": ("?patient_id={id}", "?alert_id={alert}", "?patient_id={id}&alert_id={alert}"),
    "/handover": (*LISTS, "?from=00:00"),
    "/patient": ("?id={id}",),
    "/patients": (*LISTS, "?q={id}", "?q=-of-", "?order=newest", "?level=CRITICAL"),
    "/patients.csv": LISTS,
    "/patients/<patient:patient_id>": ("", "?view=table", "?span=24h&compare=1"),
    "/predictions": (*LISTS, "?q=-of-", "?level=CRITICAL"),
    "/stats": (*LISTS, "?span=7d"),
    "/api/v1/board": ("", "?ward=A", "?ward=B"),
    "/api/v1/patients": ("", "?ward=B", "?q=bo"),
    "/api/v1/patients/<patient_id>/observations": ("", "?interval=1h"),
    "/api/v1/observations": ("", "?ward=B"),
    "/api/v1/predictions": ("", "?ward=B"),
    "/api/v1/alerts": ("", "?ward=B", "?status=resolved"),
    "/api/v1/stats/summary": ("", "?ward=B"),
    "/api/v1/fhir/Observation": ("?patient={id}",),
    "/api/v1/fhir/RiskAssessment": ("?subject=Patient/{id}",),
}
FORMS: Final[Mapping[str, Json]] = {
    "/acknowledge": {"patient_id": "{id}", "alert_id": "{alert}", "act": "acknowledge"},
    "/ward": {"ward": "B"},
    "/patients/<patient:patient_id>/feedback": {"alert_id": "{alert}", "useful": "yes"},
    "/patients/<patient:patient_id>/surveillance": {"why": "discharged", "sure": "1"},
    "/patients/<patient:patient_id>/targets": {"usual": "1"},
}
BODIES: Final[Mapping[str, Json]] = {
    "/api/v1/alerts/<alert_id>/ack": {"reason": "seen"},
    "/api/v1/alerts/<alert_id>/snooze": {},
    "/api/v1/alerts/<alert_id>/note": {"note": "words"},
    "/api/v1/alerts/<alert_id>/own": {},
    "/api/v1/alerts/<alert_id>/undo": {},
    "/api/v1/alerts/<alert_id>/feedback": {"useful": True},
    "/api/v1/patients/<patient_id>/rules": {"systolic_from": 175, "why": "words"},
    "/api/v1/tokens": {"name": "mine", "scopes": ["read:alerts"]},
}


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    rule: str
    path: str
    form: Json | None = None
    body: Json | None = None


def requests(rules: Mapping[str, Rule], now: datetime) -> Iterator[Asked]:
    """Yield the requests of every route: with the name of each patient where it takes one."""
    for route in sorted(rules, key=lambda name: (not name.startswith("GET"), name)):  # what changes comes last
        method, rule = route.split(" ")
        for patient_id in (A, B):
            words = {"id": patient_id, "alert": alert_of(patient_id, now)}
            path = re.sub(r"<[^>]*alert_id>", words["alert"], re.sub(r"<[^>]*patient_id>", patient_id, rule))
            path = path.replace("<path:filename>", "css/site.css").replace("<token_id>", "0" * 12)
            path = path.replace("<int:user_id>", "999")
            form = {name: value.format(**words) for name, value in FORMS.get(rule, {}).items()}
            for query in QUERIES.get(rule, ("",)) if method == "GET" else ("",):
                sent = {} if method == "GET" else {"form": form, "body": BODIES.get(rule)}
                yield Asked(method, rule, path + query.format(**words), **sent)


def answer(site: Site, user_name: str, asked: Asked) -> str:
    """Return what the site answers to a user: status, where it leads, and the body without what chance makes."""
    user = users.find(site.services.store, user_name)
    headers = {**SAME_ORIGIN, "Accept": "*/*" if asked.rule.startswith("/api/") else "text/html"}
    sent: Json = {"json": asked.body} if asked.body is not None else {"data": asked.form}
    response = site.client(user).send(asked.method, asked.path, headers=headers, **sent)
    assert response.status_code < 500, (asked, response.get_data(as_text=True))
    text = response.get_data(as_text=True)
    return f"{response.status_code} {response.headers.get('Location')} {RANDOM.sub('#', VOLATILE.sub('', text))}"
