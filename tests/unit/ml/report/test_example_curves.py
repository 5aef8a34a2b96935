from __future__ import annotations

import base64
from typing import Any
from xml.etree import ElementTree

from ml.evaluation.examples import FALSE, FOUND, MISSED
from ml.report.example_curves import draw, sentences, title

SVG = "{http://www.w3.org/2000/svg}"


def curve(systolic: list[float], risk: list[float], highest: float = 0.31) -> dict[str, Any]:
    """Return a reading an hour, the second of which is the moment shown."""
    hours = [float(place - 1) for place in range(len(systolic))]
    return {
        "highest_risk": highest,
        "pressures": {"hours": hours, "systolic": systolic, "diastolic": [80.0] * len(hours)},
        "risks": {"hours": hours, "values": risk},
    }


CRISIS = curve([150, 160, 170, 184, 150], [0.1, 0.45, 0.5, 0.9, 0.2])
CALM = curve([150, 171, 174, 160], [0.1, 0.52, 0.5, 0.3])


def test_each_kind_is_told_in_a_sentence_with_its_pressures_and_risk() -> None:
    assert sentences(FOUND, [CRISIS]) == [
        "A: found 2 h ahead. At 160/80 mmHg the risk reached 45 %; the crisis showed 184/80 mmHg."
    ]
    assert sentences(MISSED, [CRISIS]) == [
        "A: missed. In the 6 h before the risk was at most 31 %; 2 h before the crisis the cuff showed 160/80 mmHg, "
        "then 184/80 mmHg."
    ]
    assert sentences(FALSE, [CALM, CALM])[1] == (
        "B: a false alarm. At 171/80 mmHg the risk reached 52 %; in the 6 h that followed the highest pressures were "
        "174/80 mmHg."
    )


def test_the_title_says_how_many_there_are() -> None:
    assert title(MISSED, 1234) == "Missed: crises that were not flagged in the 6 h before (1,234 in all)"


def drawn(*shown: dict[str, Any]) -> ElementTree.Element:
    head, content = draw(shown).split(",")
    assert head == "data:image/svg+xml;base64"
    return ElementTree.fromstring(base64.b64decode(content))  # noqa: S314 - made here


def test_a_panel_has_three_curves_and_a_cross_for_each_crisis_reading() -> None:
    panels = drawn(CRISIS, CALM).findall(f"{SVG}g")
    kinds = [[line.get("class") for line in panel.findall(f"{SVG}polyline")] for panel in panels]
    assert kinds == [["systolic", "diastolic", "risk"]] * 2
    assert [len(panel.findall(f"{SVG}path")) for panel in panels] == [1, 0]


def test_curves_stay_within_their_plot() -> None:
    extreme = curve([85, 90, 250, 178], [0.0, 1.0, 0.5, 0.0])
    (panel,) = drawn(extreme).findall(f"{SVG}g")
    for line in panel.findall(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in str(line.get("points")).split()]
        top, bottom = (226, 290) if line.get("class") == "risk" else (24, 206)
        assert all(42 <= x <= 334 and top <= y <= bottom for x, y in points)
