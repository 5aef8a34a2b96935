"""The period that a patient's charts show: one of the spans, up to now or up to an earlier time of the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

SPANS: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL_SPAN: Final = "24h"
MINUTES: Final = "%Y-%m-%dT%H:%MZ"  # how an end stands in an address
MINUTE: Final = timedelta(minutes=1)
FIRST_END: Final = datetime(1972, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Period:
    """The time from a span before `end` to `end`; `is_live` where that is now, `compared` with the one before."""

    span: str
    end: datetime
    is_live: bool = True
    compared: bool = False

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return SPANS[self.span]

    @property
    def start(self) -> datetime:
        """Return where it begins."""
        return self.end - self.length

    @property
    def before(self) -> Period:
        """Return the period that ends where this one begins, to the whole minute of addresses."""
        return replace(self, end=self.start.replace(second=0, microsecond=0), is_live=False)

    def after(self, now: datetime) -> Period:
        """Return the period that begins where this one ends, or the one up to now where that comes first."""
        end = self.end + self.length
        is_live = end > now - MINUTE
        return replace(self, end=now if is_live else end, is_live=is_live)

    def parameters(self, **changes: str) -> dict[str, str]:
        """Return the period as it stands in an address."""
        until = {} if self.is_live else {"until": f"{self.end.astimezone(UTC):{MINUTES}}"}
        compare = {"compare": "1"} if self.compared else {}
        return {"span": self.span, **until, **compare, **changes}


def read_period(parameters: Mapping[str, str], now: datetime) -> Period:
    """Return the period of an address; what cannot be meant, and the future, is the time up to now."""
    asked, compared = parameters.get("span", ""), parameters.get("compare") == "1"
    span = asked if asked in SPANS else USUAL_SPAN
    try:
        end = datetime.strptime(parameters.get("until", ""), MINUTES).replace(tzinfo=UTC)
    except ValueError:
        return Period(span, now, compared=compared)
    if not FIRST_END <= end < now:
        return Period(span, now, compared=compared)
    return Period(span, end, is_live=False, compared=compared)
