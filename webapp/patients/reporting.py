"""What the printed report shows: the summary of a time, its picture, and its words."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from assessment import report
from assessment.daytime import local_day
from assessment.urgency import instant
from webapp.patients.loading import Now, day_hours, expected_interval, load_readings, zone
from webapp.patients.picture import draw
from webapp.patients.sentences import DIPPING_NAMES
from webapp.services import Services
from webapp.store import patient_targets

LENGTH: Final = timedelta(hours=24)
JUST_AFTER: Final = timedelta(milliseconds=1)  # so that the newest reading lies before the end
MOST_LISTED: Final = 144  # readings that fit onto the page


def report_view(site: Services, found: Now, day: str, now: datetime) -> dict[str, Any]:
    """The report of a day of the place, or of the 24 h up to the patient's newest reading."""
    start, end = _period(site, found, day, now)
    made = report.summarise(
        load_readings(site, found.patient_id, start, end),
        start=start,
        end=end,
        zone=zone(site),
        expected_interval=expected_interval(site),
        day_hours=day_hours(site),
    )
    known = patient_targets.find(site.store, found.patient_id)
    return {
        "patient_id": found.patient_id,
        "report": made,
        "picture": draw(made, zone(site), day_hours(site), known.targets),
        "targets": known,
        "dipping": DIPPING_NAMES[made.dipping],
        "limits": report,
        "day_hours": day_hours(site),
        "is_listed": len(made.readings) <= MOST_LISTED,
        "crises": sum(reading.is_crisis for reading in made.readings),
        "interval_minutes": site.settings.expected_interval_minutes,
        "days": {"before": _date(site, start) - timedelta(days=1), "this": _date(site, end - JUST_AFTER)},
        "zone_name": site.settings.time_zone,
    }


def _period(site: Services, found: Now, day: str, now: datetime) -> tuple[datetime, datetime]:
    """Half open, in UTC. A text that is no date asks for the newest 24 h."""
    try:
        return local_day(date.fromisoformat(day), zone(site))
    except (ValueError, OverflowError):
        newest = instant((found.reading or found.prediction or {}).get("@timestamp"))
        end = min(newest or now, now) + JUST_AFTER
        return end - LENGTH, end


def _date(site: Services, at: datetime) -> date:
    return at.astimezone(zone(site)).date()
