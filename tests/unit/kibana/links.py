"""The links of the dashboards: to each other and to the site."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from tests.unit.kibana.reading import Json, Objects, boards, of_kind, panels

LINK: Final = re.compile(r"\[(?P<label>[^\]]+)\]\((?P<target>[^)]+)\)")
DASHBOARD: Final = "#/view/"
SAMPLE_PATIENT: Final = "patient-0001"


def links(board: Json) -> list[str]:
    """Return where the texts on a dashboard lead."""
    text_panels = (panel for panel in panels(board) if "savedVis" in panel["embeddableConfig"])
    texts = (panel["embeddableConfig"]["savedVis"]["params"]["markdown"] for panel in text_panels)
    return [found["target"] for text in texts for found in LINK.finditer(text)]


def every_dashboard_leads_to_all_others(objects: Objects) -> Iterator[str]:
    every = {board["id"] for board in boards(objects)}
    for board in boards(objects):
        led_to = {link.removeprefix(DASHBOARD) for link in links(board) if link.startswith(DASHBOARD)}
        if led_to != every - {board["id"]}:
            yield f"{board['id']} leads to {sorted(led_to)}"


def every_page_of_the_site_exists(objects: Objects, site_url: str, is_page: Callable[[str], bool]) -> Iterator[str]:
    """Yield each link to a page that the site lacks: in texts, and that of a patient's id in the data views."""
    shown = [link for board in boards(objects) for link in links(board) if not link.startswith(DASHBOARD)]
    for link in [*shown, *_patient_links(objects)]:
        path = link.removeprefix(site_url)
        if path == link or not is_page(path.partition("?")[0]):
            yield link


def _patient_links(objects: Objects) -> Iterator[str]:
    """Yield where each data view leads from a patient's id."""
    for view in of_kind(objects, "index-pattern"):
        link = view["attributes"]["fieldFormatMap"].get("patient_id", {}).get("params", {}).get("urlTemplate")
        if link:
            yield link.replace("{{value}}", SAMPLE_PATIENT)
