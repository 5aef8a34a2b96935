"""Sentences about a chart and a strip, in the language of the request: what a picture says, for who cannot see it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from statistics import fmean
from typing import Final

from assessment.report import Dipping
from conf.clinical import ALERT_LEVELS
from webapp.i18n import N_, gettext, ngettext, percent, when
from webapp.patients.chart import Chart
from webapp.patients.strip import Strip

SPAN_NAMES: Final[Mapping[str, str]] = {
    "1h": N_("1 hour"),
    "6h": N_("6 hours"),
    "24h": N_("24 hours"),
    "7d": N_("7 days"),
    "30d": N_("30 days"),
}
LEVEL_NAMES: Final[Mapping[str, str]] = {
    "LOW": N_("LOW"),
    "MEDIUM": N_("MEDIUM"),
    "HIGH": N_("HIGH"),
    "CRITICAL": N_("CRITICAL"),
}
DIPPING_NAMES: Final[Mapping[Dipping, str]] = {
    Dipping.EXTREME: N_("extreme dip"),
    Dipping.NORMAL: N_("normal dip"),
    Dipping.REDUCED: N_("reduced dip"),
    Dipping.RISING: N_("no dip: rise by night"),
    Dipping.UNKNOWN: N_("cannot be told: no reading by day or none by night"),
}
INTERVAL_NAMES: Final[Mapping[str, str]] = {"1m": N_("1 min"), "15m": N_("15 min"), "1h": N_("1 h")}


def chart_sentence(chart: Chart, span: str) -> str:
    """One sentence on what a chart of readings shows."""
    length = gettext(SPAN_NAMES[span])
    if not chart.points:
        return gettext("Last %(length)s: no reading.", length=length)
    count = sum(point.readings for point in chart.points)
    parts = [
        ngettext("%(num)s reading", "%(num)s readings", count),
        gettext(
            "systolic %(lowest)s to %(highest)s mmHg (mean %(mean)s)",
            lowest=_whole(min(point.systolic.lowest for point in chart.points)),
            highest=_whole(max(point.systolic.highest for point in chart.points)),
            mean=_whole(fmean(point.systolic.mean for point in chart.points)),
        ),
        gettext(
            "diastolic %(lowest)s to %(highest)s mmHg",
            lowest=_whole(min(point.diastolic.lowest for point in chart.points)),
            highest=_whole(max(point.diastolic.highest for point in chart.points)),
        ),
        *_remarks(chart),
    ]
    return gettext("Last %(length)s: %(parts)s.", length=length, parts=", ".join(parts))


def _remarks(chart: Chart) -> list[str]:
    crises = sum(point.crisis for point in chart.points)
    remarks = [ngettext("%(num)s point in crisis", "%(num)s points in crisis", crises)] if crises else []
    silent = sum((until - since for since, until in chart.gaps), timedelta(0))
    if chart.gaps:
        gaps = ngettext("%(num)s gap", "%(num)s gaps", len(chart.gaps))
        remarks.append(gettext("%(gaps)s of %(length)s in all", gaps=gaps, length=duration(silent)))
    return remarks


def strip_sentence(strip: Strip) -> str:
    """One sentence on the levels of the last 24 h."""
    highest = strip.highest
    if highest is None:
        return gettext("Last 24 hours: no prediction.")
    times = [(LEVEL_NAMES[level], strip.time_at(level)) for level in reversed(ALERT_LEVELS)]
    parts = [f"{gettext(name)} {duration(length)}" for name, length in times if length]
    return gettext(
        "Last 24 hours: %(parts)s; highest 6 h risk %(risk)s at %(when)s.",
        parts=", ".join(parts),
        risk=percent(highest.risk_6h),
        when=when(highest.at),
    )


def duration(length: timedelta) -> str:
    """A length of time in hours and minutes, or days and hours."""
    minutes = round(length.total_seconds() / 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return gettext("%(days)s d %(hours)s h", days=hours // 24, hours=hours % 24)
    if hours:
        return gettext("%(hours)s h %(minutes)s min", hours=hours, minutes=f"{minutes:02d}")
    return gettext("%(minutes)s min", minutes=minutes)


def _whole(value: float) -> int:
    return round(value)
