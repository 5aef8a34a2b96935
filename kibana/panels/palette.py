"""Colours that depend on a number."""

from __future__ import annotations

from collections.abc import Sequence

from kibana.saved import Json

MOST_STEPS = 5  # of Kibana's editor


def palette(colours: Sequence[str], starts: Sequence[float], end: float) -> Json:
    """One colour from each start on, the last one without end; `end` is where Kibana's legend closes."""
    stops = [{"color": colour, "stop": stop} for colour, stop in zip(colours, [*starts[1:], end], strict=True)]
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "rangeType": "number",
            "rangeMin": starts[0],
            "rangeMax": None,
            "continuity": "above",
            "progression": "fixed",
            "reverse": False,
            "steps": len(colours),
            "maxSteps": MOST_STEPS,
            "colorStops": [{"color": colour, "stop": start} for colour, start in zip(colours, starts, strict=True)],
            "stops": stops,
        },
    }
