"""Names and ids of the Elasticsearch documents.

Ids are made of content (patient and instant), never of sending or batch, and the month of an index is the month of the
*event*: a replayed or resent reading therefore always meets its own document.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from conf.times import DAY_US, EPOCH

NAME_PREFIX: Final = "blood-pressure-"
ALL_INDICES: Final = f"{NAME_PREFIX}*"

OBSERVATIONS: Final = f"{NAME_PREFIX}observations"  # this and the next one: an alias over indices of a month each
PREDICTIONS: Final = f"{NAME_PREFIX}predictions"
LATEST: Final = f"{NAME_PREFIX}latest"
REJECTED: Final = f"{NAME_PREFIX}rejected"
MODEL_MONITORING: Final = f"{NAME_PREFIX}model-monitoring"
MODEL_PROMOTIONS: Final = f"{NAME_PREFIX}model-promotions"
ALERTS: Final = f"{NAME_PREFIX}alerts"
ALERT_EVENTS: Final = f"{NAME_PREFIX}alert-events"
NOTIFICATIONS: Final = f"{NAME_PREFIX}notifications"
PATIENT_RULES: Final = f"{NAME_PREFIX}patient-rules"
ALERT_RULES: Final = f"{NAME_PREFIX}alert-rules"
ALERT_SERVICE: Final = f"{NAME_PREFIX}alert-service"
WARDS: Final = f"{NAME_PREFIX}wards"  # a document for each ward: whose documents its people may see
STAYS: Final = f"{NAME_PREFIX}stays"  # a document for each patient: ward, bed, and the name where it is told
LOCATIONS: Final = f"{NAME_PREFIX}locations"  # a document for each place of which a Location has told
AUDIT: Final = f"{NAME_PREFIX}audit"  # monthly, without an alias

MAX_ID_BYTES: Final = 512  # the limit of Elasticsearch


def monthly_index(family: str, effective_us: int) -> str:
    """Name the monthly index of `family` for an effective time in microseconds since the epoch."""
    return family + _month_suffix(effective_us // DAY_US)


@lru_cache(maxsize=4096)
def _month_suffix(day: int) -> str:
    """Name the month of a day, counted from the epoch; kept, because a stream asks for the same few days."""
    return f"-{EPOCH + timedelta(days=day):%Y.%m}"


def all_months(family: str) -> str:
    """Name all monthly indices of a family, whether they exist or not."""
    return f"{family}-*"


def months_between(family: str, start: datetime, end: datetime) -> str:
    """Name the monthly indices that hold a family's events of [start, end): no other one is even looked at."""
    first, last = (at.astimezone(UTC) for at in (start, end))
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return ",".join(f"{family}-{number // 12:04}.{number % 12 + 1:02}" for number in numbers)


def instant_id(patient_id: str, effective_us: int) -> str:
    """Return the id of a patient's document of one instant (microseconds since the epoch)."""
    return fit_id(f"{patient_id}|{effective_us}")


def rejected_id(topic: str, partition: int, offset: int, entry: int | None) -> str:
    """Return the id of a rejected document: its place in the topic, with the entry of a Bundle or line."""
    whole = f"{topic}-{partition}-{offset}"
    return whole if entry is None else f"{whole}-{entry}"


def alert_event_id(alert_id: str, number: int) -> str:
    """Return the id of an alert's n-th event, counted from 1."""
    return fit_id(f"{alert_id}-{number}")


def step_event_id(alert_id: str, event: str, at: datetime) -> str:
    """Return the id of what happened to an alert at a moment, the same however often it is found."""
    return fit_id(f"{alert_id}-{event}-{round(at.timestamp() * 1000)}")


def patient_event_id(patient_id: str, event: str, at: datetime) -> str:
    """Return the id of an event that concerns a patient and no single alert."""
    return fit_id(f"{event}-{round(at.timestamp() * 1000)}-{patient_id}")


def fit_id(text: str) -> str:
    """Return `text` if Elasticsearch takes it as an id (1 to 512 bytes), else its SHA-256."""
    encoded = text.encode("utf-8")
    return text if len(encoded) <= MAX_ID_BYTES else hashlib.sha256(encoded).hexdigest()
