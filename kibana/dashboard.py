"""A dashboard: rows of panels on Kibana's grid of 48 columns, controls above them, and a saved range of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kibana import kql
from kibana.panels import Panel
from kibana.saved import Json, saved_object, stable_id, text, view_reference
from kibana.views import DataView

GRID_WIDTH: Final = 48
OPTIONS: Final = {
    "useMargins": True,
    "syncColors": False,
    "syncCursor": True,
    "syncTooltips": False,
    "hidePanelTitles": False,
}
OBEY_EVERYTHING: Final = {
    "ignoreFilters": False,
    "ignoreQuery": False,
    "ignoreTimerange": False,
    "ignoreValidations": False,
}


@dataclass(frozen=True)
class Row:
    """Panels side by side, each with its width in grid columns."""

    height: int
    panels: tuple[tuple[int, Panel], ...]


@dataclass(frozen=True)
class Control:
    """A list of a field's values to choose from."""

    title: str
    field: str
    view: DataView
    is_single: bool = False


@dataclass(frozen=True)
class Dashboard:
    """Everything of a dashboard; titles of panels are unique in it, since their ids are made of them."""

    id: str
    title: str
    description: str
    since: str
    refresh_s: int
    rows: Sequence[Row]
    controls: Sequence[Control] = ()
    filters: Sequence[Json] = ()

    def saved(self) -> Json:
        """Return the saved object."""
        panels = list(self._place())
        return saved_object("dashboard", self.id, self._attributes(panels), [*self._references()])

    def _attributes(self, panels: list[Json]) -> Json:
        attributes = {
            "title": self.title,
            "description": self.description,
            "version": 3,
            "timeRestore": True,
            "timeFrom": self.since,
            "timeTo": "now",
            "refreshInterval": {"pause": False, "value": self.refresh_s * 1000},
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": text({"query": kql.query(kql.no_canary()), "filter": list(self.filters)})
            },
            "optionsJSON": text(OPTIONS),
            "panelsJSON": text(panels),
        }
        return attributes | ({"controlGroupInput": self._control_group()} if self.controls else {})

    def _place(self) -> Iterator[Json]:
        top = 0
        for row in self.rows:
            left = 0
            for width, panel in row.panels:
                place = {"x": left, "y": top, "w": width, "h": row.height, "i": self._panel_id(panel)}
                yield {
                    "type": panel.kind,
                    "title": panel.title,
                    "panelIndex": place["i"],
                    "gridData": place,
                    "embeddableConfig": panel.config,
                }
                left += width
            top += row.height

    def _references(self) -> Iterator[Json]:
        for row in self.rows:
            for _, panel in row.panels:
                for reference in panel.references:
                    yield reference | {"name": f"{self._panel_id(panel)}:{reference['name']}"}
        for control in self.controls:
            yield view_reference(control.view.id, f"controlGroup_{self._control_id(control)}:optionsListDataView")

    def _control_group(self) -> Json:
        entries = {
            self._control_id(control): self._control_entry(control, place)
            for place, control in enumerate(self.controls)
        }
        return {
            "chainingSystem": "HIERARCHICAL",
            "controlStyle": "oneLine",
            "showApplySelections": False,
            "ignoreParentSettingsJSON": text(OBEY_EVERYTHING),
            "panelsJSON": text(entries),
        }

    def _control_entry(self, control: Control, place: int) -> Json:
        chosen = {
            "id": self._control_id(control),
            "dataViewId": control.view.id,
            "title": control.title,
            "fieldName": control.field,
            "searchTechnique": "prefix",
            "selectedOptions": [],
            "singleSelect": control.is_single,
            "sort": {"by": "_count", "direction": "desc"},
        }
        return {"type": "optionsListControl", "order": place, "width": "medium", "grow": True, "explicitInput": chosen}

    def _panel_id(self, panel: Panel) -> str:
        return stable_id(f"{self.id}/panel/{panel.title}")

    def _control_id(self, control: Control) -> str:
        return stable_id(f"{self.id}/control/{control.field}")
