"""When nobody is told of a critical alert: what a policy leaves open in the hours of a week. Pure."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Final

from alerts.documents import WITHOUT_PATIENT
from alerts.model import AlertKind
from alerts.notifications.hours import DAY_MIN, DAYS
from alerts.notifications.policy import CRITICAL, Policy

WEEK_MIN: Final = len(DAYS) * DAY_MIN
CRITICAL_KINDS: Final = (
    AlertKind.MEASURED,
    AlertKind.PREDICTED,
    AlertKind.ATTENTION,
    AlertKind.FEED,
    AlertKind.SYSTEM,
)


def gaps(policy: Policy) -> list[str]:
    """Return a sentence for each time of the week at which some critical alerts are told to nobody at once."""
    wards = sorted({ward for route in policy.routes for ward in route.wards})
    kinds_of: dict[str, list[str]] = defaultdict(list)
    for kind in CRITICAL_KINDS:
        places = [None, *wards] if kind not in WITHOUT_PATIENT else [None]
        for ward in places:
            if uncovered := _uncovered(policy, kind, ward):
                of = f" of ward {ward}" if ward else " of patients without a ward" if len(places) > 1 else ""
                kinds_of[_times(uncovered)].append(f"{kind}{of}")
    return [f"Of CRITICAL alerts ({', '.join(kinds)}) nobody is told {times}." for times, kinds in kinds_of.items()]


def _uncovered(policy: Policy, kind: AlertKind, ward: str | None) -> list[int]:
    """Return the minutes of the week that no route for these critical alerts covers."""
    covered: set[int] = set()
    for route in (route for route in policy.routes if route.takes(kind, CRITICAL, ward)):
        for day in (at for at, name in enumerate(DAYS) if name in route.days):
            begin = day * DAY_MIN + route.hours.start
            covered.update(minute % WEEK_MIN for minute in range(begin, begin + route.hours.length))
    return [minute for minute in range(WEEK_MIN) if minute not in covered]


def _times(minutes: list[int]) -> str:
    """Return minutes of the week in words: from which to which moment."""
    if len(minutes) == WEEK_MIN:
        return "at any time"
    runs = [[minute for _, minute in run] for _, run in groupby(enumerate(minutes), lambda pair: pair[1] - pair[0])]
    if runs[0][0] == 0 and runs[-1][-1] == WEEK_MIN - 1:  # one time that goes over the end of the week
        runs[0] = runs.pop() + runs[0]
    return ", ".join(f"{_clock(run[0])} to {_clock(run[-1] + 1)}" for run in runs)


def _clock(minute: int) -> str:
    day, of_day = divmod(minute % WEEK_MIN, DAY_MIN)
    return f"{DAYS[day]} {of_day // 60:02}:{of_day % 60:02}"
