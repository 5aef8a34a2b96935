"""The JSON of webhooks and Kafka keeps to its published schema, whatever is told and disclosed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from alerts.channels import payload
from alerts.channels.disclosing import Disclosing
from alerts.channels.message import Disclosure, Message
from alerts.channels.wording import Words
from alerts.model import AlertKind, State
from conf.settings import Settings
from ml.trained_range import RangeCode
from tests.support.tellings import (
    EVERYTHING,
    NOTHING,
    REASONS,
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

SCHEMA = json.loads((Path(payload.__file__).with_name("payload.schema.json")).read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
DOCUMENTS = [
    measured(**WHERE),
    predicted(reasons=REASONS, out_of_range=list(RangeCode)),
    refused(),
    silent(),
    outage(),
    outage("feed", AlertKind.FEED),
]


def encoded(given: Message) -> dict[str, Any]:
    settings = Settings(secret_key=SECRET)
    disclosing, words = Disclosing(settings), Words(given.recipient.language, settings.zone)
    text = payload.encode(given, disclosing.alias(given.key), disclosing.told(given), words)
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
@pytest.mark.parametrize("discloses", [NOTHING, EVERYTHING], ids=["nothing", "everything"])
@pytest.mark.parametrize("language", ["fr", "en"])
def test_what_is_told_keeps_to_the_schema(
    document: dict[str, Any], discloses: frozenset[Disclosure], language: str
) -> None:
    given = message([telling(document, step=1, repeat=2)], recipient(discloses=discloses, language=language))
    VALIDATOR.validate(encoded(given))


def test_a_burst_keeps_to_the_schema_and_holds_all_of_it() -> None:
    found = encoded(message(burst(30)))
    VALIDATOR.validate(found)
    assert len(found["alerts"]) == 30


def test_an_alert_that_is_told_with_its_reminder_is_there_twice_with_a_key_each() -> None:
    found = encoded(message([telling(), telling(repeat=1)]))

    VALIDATOR.validate(found)
    assert len({each["key"] for each in found["alerts"]}) == 2
    assert found["text"].startswith("Reminder: ")


def test_the_schema_names_every_field_and_no_other() -> None:
    alert = SCHEMA["$defs"]["alert"]["properties"]
    assert set(SCHEMA["properties"]) == {field.name for field in msgspec.structs.fields(payload.Payload)}
    assert set(alert) == {field.name for field in msgspec.structs.fields(payload.ToldInWords)}
    assert set(alert["kind"]["enum"]) == set(AlertKind)
    assert set(alert["state"]["enum"]) == set(State)
    assert [code for code in RangeCode if code not in alert["out_of_range"]["description"]] == []
    assert SCHEMA["properties"]["version"]["const"] == payload.VERSION


@pytest.mark.parametrize("fault", [{"version": 2}, {"key": "P-0412"}, {"language": "de"}, {"alerts": []}])
def test_the_schema_refuses_what_it_does_not_describe(fault: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(encoded(message()) | fault)
