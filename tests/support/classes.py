"""The classes of inputs that once broke the intake: each a file of tests/data/classes with its members."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fhir.readings import IntakeRules
from jobs.streaming.source import Message, TopicPlace
from tests.support.factories import payload
from tests.support.surveillance import instant, parse

FOLDER = Path(__file__).parents[1] / "data" / "classes"
RECORD_TIME_US = instant("2026-03-02T00:00:00+00:00")
Case = dict[str, Any]


def cases() -> Iterator[tuple[str, Case]]:
    """Yield each case with the name of its class."""
    for path in sorted(FOLDER.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            yield path.stem, case


def payloads(case: Case) -> list[bytes]:
    """Return the messages of a case as bytes: resources, text, or what is neither in base64."""
    return [_bytes_of(message) for message in case["messages"]]


def _bytes_of(message: Any) -> bytes:
    if isinstance(message, str):
        return message.encode()
    return base64.b64decode(message["base64"]) if "base64" in message else payload(message)


def messages(case: Case) -> list[Message]:
    """Return the messages of a case, parsed, in the order of a partition."""
    contents = payloads(case)
    record_times_us = case.get("record_times_us", [case.get("record_time_us", RECORD_TIME_US)] * len(contents))
    rules = IntakeRules(max_age_days=case.get("max_age_days", 400))
    places = [TopicPlace(0, 10 + number, received_us) for number, received_us in enumerate(record_times_us)]
    return [parse(content, place, rules) for content, place in zip(contents, places, strict=True)]
