"""A message as FHIR R4: a transaction with a ``Flag`` for each alert, and one ``Communication`` that tells of them.

Both are written conditionally, so that a receiver that is a FHIR server keeps one of each however often the message
comes: the flag by its alert, which later messages change, the communication by the key of the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from alerts.channels.disclosing import Told, latest
from alerts.channels.message import Message
from alerts.channels.wording import Words
from alerts.model import CRITICAL_RANK
from conf.clinical import ALERT_LEVELS
from conf.times import iso

Resource = dict[str, Any]

ALERT_SYSTEM: Final = "urn:blood-pressure:alert"
KEY_SYSTEM: Final = "urn:blood-pressure:message"
KIND_SYSTEM: Final = "urn:blood-pressure:alert-kind"
PATIENT_SYSTEM: Final = "urn:blood-pressure:patient"
ALIAS_SYSTEM: Final = "urn:blood-pressure:patient-alias"
PATIENT_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}")  # an id of FHIR
HL7: Final = "http://terminology.hl7.org/CodeSystem"
PRIORITIES: Final = {ALERT_LEVELS[CRITICAL_RANK]: "stat", ALERT_LEVELS[CRITICAL_RANK - 1]: "urgent"}


def encode(message: Message, key: str, told: Sequence[Told], words: Words) -> bytes:
    """Return a message as a bundle, under a key that tells a second copy of it."""
    told = latest(told)  # no two parts of a bundle may have the same name
    flags = [
        {
            "fullUrl": _urn(each.alert),
            "resource": _flag(each, words),
            "request": {"method": "PUT", "url": f"Flag?identifier={ALERT_SYSTEM}|{each.alert}"},
        }
        for each in told
    ]
    communication = {
        "fullUrl": _urn(key),
        "resource": _communication(message, key, told, words),
        "request": {"method": "POST", "url": "Communication", "ifNoneExist": f"identifier={KEY_SYSTEM}|{key}"},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [*flags, communication]}
    return json.dumps(bundle, ensure_ascii=False).encode()


def _flag(told: Told, words: Words) -> Resource:
    """Return what stands at the patient while an alert is open."""
    category = "admin" if told.part else "clinical"
    return {
        "resourceType": "Flag",
        "identifier": [{"system": ALERT_SYSTEM, "value": told.alert}],
        "status": "active" if told.is_open else "inactive",
        "category": [{"coding": [{"system": f"{HL7}/flag-category", "code": category}]}],
        "code": {"coding": [{"system": KIND_SYSTEM, "code": told.kind}], "text": words.line(told)},
        "subject": _subject(told),
        "period": {"start": iso(told.started_at)},
    }


def _communication(message: Message, key: str, told: Sequence[Told], words: Words) -> Resource:
    """Return what was said to whom; of a burst one, about all its alerts."""
    resource = {
        "resourceType": "Communication",
        "identifier": [{"system": KEY_SYSTEM, "value": key}],
        "language": words.language,
        "status": "completed",
        "category": [{"coding": [{"system": f"{HL7}/communication-category", "code": "alert"}]}],
        "priority": PRIORITIES.get(told[0].level, "routine"),
        "about": [{"reference": _urn(each.alert)} for each in told],
        "sent": iso(message.at),
        "recipient": [{"display": message.recipient.name}],
        "payload": [{"contentString": "\n".join((words.line(each), *words.card(each).facts))} for each in told],
    }
    return resource | ({"subject": _subject(told[0])} if len(told) == 1 and not told[0].part else {})


def _subject(told: Told) -> Resource:
    """Return a reference to the patient, by the alias where the id may not be known; of a part of the system its name.

    An id that FHIR does not allow in a reference stands as an identifier.
    """
    if told.part:
        return {"display": told.part}
    if told.patient_id and PATIENT_ID.fullmatch(told.patient_id):
        return {"reference": f"Patient/{told.patient_id}", "type": "Patient"}
    system, value = (PATIENT_SYSTEM, told.patient_id) if told.patient_id else (ALIAS_SYSTEM, told.subject)
    return {"type": "Patient", "identifier": {"system": system, "value": value}}


def _urn(alias: str) -> str:
    """Return the URN by which the parts of a bundle refer to each other; an alias is as long as a UUID."""
    return UUID(hex=alias).urn
