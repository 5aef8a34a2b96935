"""Messages as FHIR: what others' models take, and what a FHIR server keeps once however often it comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from alerts.channels import fhir
from alerts.channels.disclosing import Disclosing
from alerts.channels.message import Disclosure, Message
from alerts.channels.wording import Words
from alerts.model import State
from conf.settings import Settings
from tests.support.fhir_models import r4b
from tests.support.tellings import (
    EVERYTHING,
    NOTHING,
    PATIENT,
    SECRET,
    WHERE,
    burst,
    measured,
    message,
    outage,
    predicted,
    recipient,
    refused,
    silent,
    telling,
)

DOCUMENTS = [measured(**WHERE), predicted(), refused(), silent(), outage(), measured("P 1/é")]
Json = dict[str, Any]


def bundle(given: Message) -> Json:
    settings = Settings(secret_key=SECRET)
    disclosing, words = Disclosing(settings), Words(given.recipient.language, settings.zone)
    text = fhir.encode(given, disclosing.alias(given.key), disclosing.told(given), words)
    document: Json = json.loads(text)
    return document


def resources(found: Json, resource_type: str) -> list[Json]:
    every = [entry["resource"] for entry in found["entry"]]
    return [resource for resource in every if resource["resourceType"] == resource_type]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
@pytest.mark.parametrize("discloses", [NOTHING, EVERYTHING], ids=["nothing", "everything"])
def test_a_message_is_valid_fhir(document: Json, discloses: frozenset[Disclosure]) -> None:
    found = bundle(message([telling(document)], recipient(discloses=discloses)))

    r4b("Bundle").model_validate(found)
    assert len(resources(found, "Flag")) == len(resources(found, "Communication")) == 1


def test_a_server_that_gets_a_message_twice_keeps_one_of_each() -> None:
    first, again = bundle(message()), bundle(message())
    flag, communication = (entry["request"] for entry in first["entry"])

    assert first == again
    assert flag["method"] == "PUT"
    assert flag["url"].startswith("Flag?identifier=urn:blood-pressure:alert|")
    assert communication["ifNoneExist"].startswith("identifier=urn:blood-pressure:message|")


def test_a_reminder_is_another_communication_about_the_same_flag() -> None:
    first, reminder = bundle(message()), bundle(message([telling(repeat=1)]))

    assert resources(first, "Flag")[0]["identifier"] == resources(reminder, "Flag")[0]["identifier"]
    assert resources(first, "Communication")[0]["identifier"] != resources(reminder, "Communication")[0]["identifier"]


def test_an_alert_that_is_told_with_its_reminder_has_one_flag() -> None:
    found = bundle(message([telling(), telling(repeat=1)]))

    assert len({entry["fullUrl"] for entry in found["entry"]}) == len(found["entry"]) == 2
    assert resources(found, "Flag")[0]["code"]["text"].startswith("Reminder: ")


def test_a_communication_is_about_the_flags_of_the_same_bundle() -> None:
    found = bundle(message(burst(3)))
    flags = [entry["fullUrl"] for entry in found["entry"] if entry["resource"]["resourceType"] == "Flag"]
    (communication,) = resources(found, "Communication")

    assert [about["reference"] for about in communication["about"]] == flags
    assert len(communication["payload"]) == 3
    assert "subject" not in communication


@pytest.mark.parametrize(
    ("patient_id", "discloses", "expected"),
    [
        (PATIENT, EVERYTHING, {"reference": f"Patient/{PATIENT}", "type": "Patient"}),
        ("P 1/é", EVERYTHING, {"type": "Patient", "identifier": {"system": fhir.PATIENT_SYSTEM, "value": "P 1/é"}}),
    ],
)
def test_a_patient_is_referred_to_as_fhir_allows(
    patient_id: str, discloses: frozenset[Disclosure], expected: Json
) -> None:
    found = bundle(message([telling(measured(patient_id))], recipient(discloses=discloses)))
    assert resources(found, "Flag")[0]["subject"] == resources(found, "Communication")[0]["subject"] == expected


def test_without_disclosure_a_patient_goes_by_an_alias() -> None:
    found = bundle(message([telling(measured())], recipient(discloses=NOTHING)))

    assert resources(found, "Flag")[0]["subject"]["identifier"]["system"] == fhir.ALIAS_SYSTEM
    assert PATIENT not in json.dumps(found)
    assert "mmHg" not in json.dumps(found)


def test_an_alert_that_is_over_is_no_active_flag() -> None:
    over = measured() | {"is_open": False, "state": State.RESOLVED}
    statuses = [resources(bundle(message([telling(each)])), "Flag")[0]["status"] for each in (measured(), over)]

    assert statuses == ["active", "inactive"]


def test_the_worst_alert_gives_a_message_its_priority() -> None:
    levels = {"CRITICAL": "stat", "HIGH": "urgent", "MEDIUM": "routine", "STALE": "routine"}
    found = {
        level: resources(bundle(message([telling(measured() | {"level": level})])), "Communication")[0]["priority"]
        for level in levels
    }
    assert found == levels
