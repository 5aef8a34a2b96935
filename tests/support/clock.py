"""Times for tests that meet real Kafka record times: recent enough for the maximum age, never in the future."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

RECENTLY = (datetime.now(UTC) - timedelta(days=2)).replace(hour=9, minute=0, second=0, microsecond=0)


def at(minute: float) -> str:
    """Return an effectiveDateTime `minute` minutes after `RECENTLY`."""
    return (RECENTLY + timedelta(minutes=minute)).isoformat()
