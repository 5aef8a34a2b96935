"""Examples of alarms as curves with a sentence each: pressures, what followed, and the risk with its threshold below.

The SVG is written by hand: matplotlib takes the better part of a second of CPU for each image.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from conf.clinical import CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, is_crisis
from ml.evaluation.examples import FALSE, FOUND, MISSED, THRESHOLD
from ml.report.wording import duration, percent

Curve = Mapping[str, Any]  # of `ml.evaluation.examples.alarm_examples`

LETTERS: Final = "ABC"
PANEL: Final = 352.0  # width, in units of the drawing
HEIGHT: Final = 322.0
LEFT, RIGHT = 42.0, PANEL - 18.0  # of the plots in a panel
PRESSURES: Final = (206.0, 24.0)  # lower and upper end of the plot, downwards from the top
RISKS: Final = (290.0, 226.0)
MMHG_STEP: Final = 40
HOUR_STEPS: Final = (1, 2, 3, 6, 12)
MOST_HOUR_TICKS: Final = 8
STYLE: Final = (
    "text{font:11px system-ui,sans-serif;fill:#57606a}.letter{font-weight:bold;fill:#1b1f24}.grid{stroke:#e4e4e4}"
    ".then{fill:#f1f3f5}.now{stroke:#1b1f24}.limit{stroke:#b04a00;stroke-dasharray:5 3}"
    "polyline{fill:none;stroke-width:1.8}.systolic{stroke:#0072b2}"
    ".diastolic{stroke:#56b4e9;stroke-dasharray:3 2}.risk{stroke:#1b1f24}"
    ".crisis{fill:none;stroke:#b04a00;stroke-width:2}"
)


def draw(shown: Sequence[Curve]) -> str:
    """Return a panel for each curve, side by side, as an SVG data address for an image."""
    panels = "".join(
        f'<g transform="translate({PANEL * place:g} 0)">{"".join(_panel(curve, letter))}</g>'
        for place, (letter, curve) in enumerate(zip(LETTERS, shown, strict=False))
    )
    frame = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {PANEL * len(LETTERS):g} {HEIGHT:g}"'
    svg = f"<svg {frame}><style>{STYLE}</style>{panels}</svg>"
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


TITLES: Final = {
    FOUND: "Found: crises that were flagged in the 6 h before",
    MISSED: "Missed: crises that were not flagged in the 6 h before",
    FALSE: "False alarms: no crisis followed within 6 h",
}


def title(kind: str, number: int) -> str:
    """Say what kind of examples these are, and how many there are in all."""
    return f"{TITLES[kind]} ({number:,} in all)"


def sentences(kind: str, shown: Sequence[Curve]) -> list[str]:
    """Say in a sentence what each curve shows."""
    said = {FOUND: _found, MISSED: _missed, FALSE: _false}[kind]
    return [f"{letter}: {said(curve)}" for letter, curve in zip(LETTERS, shown, strict=False)]


def _found(curve: Curve) -> str:
    hour, crisis = next(_crises(curve))
    return (
        f"found {duration(hour)} ahead. At {_at_moment(curve)} the risk reached {percent(_risk(curve), 0)}; "
        f"the crisis showed {crisis} mmHg."
    )


def _missed(curve: Curve) -> str:
    hour, crisis = next(_crises(curve))
    return (
        f"missed. In the 6 h before the risk was at most {percent(curve['highest_risk'], 0)}; {duration(hour)} before "
        f"the crisis the cuff showed {_at_moment(curve)}, then {crisis} mmHg."
    )


def _false(curve: Curve) -> str:
    pressures = curve["pressures"]
    then = [place for place, hour in enumerate(pressures["hours"]) if hour > 0]
    most = "/".join(f"{max(pressures[name][place] for place in then):.0f}" for name in ("systolic", "diastolic"))
    return (
        f"a false alarm. At {_at_moment(curve)} the risk reached {percent(_risk(curve), 0)}; in the 6 h that followed "
        f"the highest pressures were {most} mmHg."
    )


def _at_moment(curve: Curve) -> str:
    pressures = curve["pressures"]
    place = pressures["hours"].index(0)
    return f"{pressures['systolic'][place]:.0f}/{pressures['diastolic'][place]:.0f} mmHg"


def _risk(curve: Curve) -> float:
    value: float = curve["risks"]["values"][curve["risks"]["hours"].index(0)]
    return value


def _crises(curve: Curve) -> Iterator[tuple[float, str]]:
    """Yield hour and pressures of each crisis reading after the moment shown."""
    pressures = curve["pressures"]
    for hour, systolic, diastolic in zip(
        pressures["hours"], pressures["systolic"], pressures["diastolic"], strict=True
    ):
        if hour > 0 and is_crisis(systolic, diastolic):
            yield hour, f"{systolic:.0f}/{diastolic:.0f}"


def _panel(curve: Curve, letter: str) -> Iterator[str]:
    pressures, risks = curve["pressures"], curve["risks"]
    hours: list[float] = [*pressures["hours"], *risks["hours"]]
    first, last = min(hours), max(*hours, 1.0)
    low: float = min(pressures["diastolic"]) // MMHG_STEP * MMHG_STEP
    high: float = max(*pressures["systolic"], CRISIS_SYSTOLIC + 10)

    def across(hour: float) -> float:
        return LEFT + (hour - first) / (last - first) * (RIGHT - LEFT)

    def up(mmhg: float) -> float:
        return _between(PRESSURES, (mmhg - low) / (high - low))

    yield f'<text class="letter" x="{LEFT:g}" y="15">{letter}</text>'
    for bottom, top in (PRESSURES, RISKS):
        size = f'width="{RIGHT - across(0):.1f}" height="{bottom - top:g}"'
        yield f'<rect class="then" x="{across(0):.1f}" y="{top:g}" {size}/>'
    yield from _grid({f"{mmhg:g}": up(mmhg) for mmhg in range(int(low), int(high) + 1, MMHG_STEP)})
    yield from _grid({f"{share} %": _between(RISKS, share / 100) for share in (0, 50, 100)})
    yield from _hours(first, last, across)
    for height in (up(CRISIS_SYSTOLIC), up(CRISIS_DIASTOLIC), _between(RISKS, THRESHOLD)):
        yield _line("limit", LEFT, height, RIGHT, height)
    for bottom, top in (PRESSURES, RISKS):
        yield _line("now", across(0), bottom, across(0), top)
    for name in ("systolic", "diastolic"):
        yield _curve(name, map(across, pressures["hours"]), map(up, pressures[name]))
    yield _curve("risk", map(across, risks["hours"]), (_between(RISKS, value) for value in risks["values"]))
    for hour, systolic, diastolic in zip(
        *(pressures[name] for name in ("hours", "systolic", "diastolic")), strict=True
    ):
        if is_crisis(systolic, diastolic):
            x, y = across(hour), up(systolic if systolic >= CRISIS_SYSTOLIC else diastolic)
            yield f'<path class="crisis" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"/>'


def _between(plot: tuple[float, float], share: float) -> float:
    bottom, top = plot
    return bottom + share * (top - bottom)


def _grid(ticks: Mapping[str, float]) -> Iterator[str]:
    for name, height in ticks.items():
        yield _line("grid", LEFT, height, RIGHT, height)
        yield f'<text x="{LEFT - 4:g}" y="{height + 4:.1f}" text-anchor="end">{name}</text>'


def _hours(first: float, last: float, across: Any) -> Iterator[str]:
    fitting = (step for step in HOUR_STEPS if (last - first) / step <= MOST_HOUR_TICKS)
    step = next(fitting, HOUR_STEPS[-1])
    for hour in range(int(first // step) * step, int(last) + 1, step):
        if hour >= first:
            name = f"{hour:+d} h" if hour else "shown"
            yield f'<text x="{across(hour):.1f}" y="{RISKS[0] + 18:g}" text-anchor="middle">{name}</text>'


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _curve(kind: str, across: Iterator[float], up: Iterator[float]) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, up, strict=True))
    return f'<polyline class="{kind}" points="{points}"/>'
