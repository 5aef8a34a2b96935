"""Messages as the intake hands them on, made from FHIR resources by the real parser."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from elastic.names import OBSERVATIONS, PREDICTIONS
from fhir.parse.message import parse_message
from fhir.readings import IntakeRules
from jobs.streaming.source import Message, TopicPlace
from tests.support.factories import payload

RECEIVED_US = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000
OBSERVATIONS_OF_MARCH = f"{OBSERVATIONS}-2026.03"
PREDICTIONS_OF_MARCH = f"{PREDICTIONS}-2026.03"


def message(resource: Any, offset: int = 10, partition: int = 0) -> Message:
    """Return the message of one resource; `tests.support.factories.observation` was taken a few hours before."""
    return raw_message(payload(resource), offset, partition)


def raw_message(
    content: bytes | None, offset: int = 10, partition: int = 0, received_us: int = RECEIVED_US, max_age_days: int = 400
) -> Message:
    """Return the message of any bytes."""
    source = TopicPlace(partition, offset, received_us)
    return Message(source, content, parse_message(content, received_us, IntakeRules(max_age_days)))
