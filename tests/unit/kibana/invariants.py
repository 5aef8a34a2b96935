"""What must hold within the file whatever it shows. Each rule yields its faults; its name says what is demanded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, combinations
from typing import Any, Final

from kibana.dashboard import GRID_WIDTH
from tests.unit.kibana.reading import Json, LensPanel, Objects, boards, columns, controls, lens_panels, panels

KNOWN_VISUALIZATIONS: Final = frozenset({"lnsXY", "lnsMetric", "lnsHeatmap", "lnsGauge", "lnsDatatable"})
COLUMN_KEYS: Final = frozenset({"label", "dataType", "operationType", "isBucketed"})
ACCESSOR_KEYS: Final = frozenset(
    {
        *("xAccessor", "yAccessor", "valueAccessor", "splitAccessor", "metricAccessor", "secondaryMetricAccessor"),
        *("minAccessor", "maxAccessor", "goalAccessor", "breakdownByAccessor", "forAccessor", "columnId"),
    }
)

Faults = Iterator[str]


def type_and_id_are_unique(objects: Objects) -> Faults:
    yield from _repeated("object", ((object_["type"], object_["id"]) for object_ in objects))


def reference_names_are_unique_in_an_object(objects: Objects) -> Faults:
    for object_ in objects:
        yield from _repeated(f"reference of {object_['id']}", (ref["name"] for ref in object_["references"]))
    for lens in lens_panels(objects):
        yield from _repeated(f"reference of {lens.name}", (ref["name"] for ref in lens.attributes["references"]))


def every_reference_is_closed_within_the_file(objects: Objects) -> Faults:
    known = {(object_["type"], object_["id"]) for object_ in objects}
    inner = ((lens.name, lens.attributes["references"]) for lens in lens_panels(objects))
    for name, references in chain(((object_["id"], object_["references"]) for object_ in objects), inner):
        yield from (f"{name} refers to {ref}" for ref in references if (ref["type"], ref["id"]) not in known)


def panel_index_is_unique_and_that_of_the_grid(objects: Objects) -> Faults:
    for board in boards(objects):
        yield from _repeated(f"panelIndex of {board['id']}", (panel["panelIndex"] for panel in panels(board)))
        yield from (_names(board, panel) for panel in panels(board) if panel["panelIndex"] != panel["gridData"]["i"])


def every_panel_lies_within_the_grid(objects: Objects) -> Faults:
    for board in boards(objects):
        for panel in panels(board):
            place = panel["gridData"]
            if min(place["x"], place["y"]) < 0 or place["x"] + place["w"] > GRID_WIDTH:
                yield _names(board, panel)


def no_panels_overlap(objects: Objects) -> Faults:
    for board in boards(objects):
        for panel, other in combinations(panels(board), 2):
            if _overlap(panel["gridData"], other["gridData"]):
                yield f"{_names(board, panel)} lies upon {other['title']}"


def every_visualization_is_of_a_known_type(objects: Objects) -> Faults:
    for panel in lens_panels(objects):
        if panel.attributes["visualizationType"] not in KNOWN_VISUALIZATIONS:
            yield f"{panel.name} is a {panel.attributes['visualizationType']}"


def column_order_names_each_column_once(objects: Objects) -> Faults:
    for panel, id_, layer in _layers(objects):
        if sorted(layer["columnOrder"]) != sorted(layer["columns"]):
            yield f"{panel.name}, layer {id_}"


def buckets_come_before_figures(objects: Objects) -> Faults:
    for panel, id_, layer in _layers(objects):
        known = [layer["columns"].get(name, {}).get("isBucketed", False) for name in layer["columnOrder"]]
        if known != sorted(known, reverse=True):
            yield f"{panel.name}, layer {id_}"


def every_column_says_what_it_is(objects: Objects) -> Faults:
    yield from (
        f"{place} lacks {missing}" for place, column in columns(objects) if (missing := COLUMN_KEYS - set(column))
    )


def every_count_has_a_source_field(objects: Objects) -> Faults:
    counts = ((place, column) for place, column in columns(objects) if column.get("operationType") == "count")
    yield from (place for place, column in counts if "sourceField" not in column)


def every_accessor_is_a_column_of_its_own_layer(objects: Objects) -> Faults:
    for panel in lens_panels(objects):
        for drawn in panel.drawn_layers:
            known = panel.layers.get(drawn["layerId"], {"columns": {}})["columns"]
            yield from (f"{panel.name} draws {id_}" for id_ in _accessors(drawn) if id_ not in known)


def drawn_layers_are_the_layers_of_data(objects: Objects) -> Faults:
    for panel in lens_panels(objects):
        drawn = {layer["layerId"] for layer in panel.drawn_layers}
        yield from (f"{panel.name}, layer {id_}" for id_ in sorted(drawn ^ set(panel.layers)))


def every_column_that_a_column_names_exists(objects: Objects) -> Faults:
    for panel, _, layer in _layers(objects):
        for id_, column in layer["columns"].items():
            order = column.get("params", {}).get("orderBy", {}).get("columnId")
            named = {*column.get("references", []), *([order] if order else [])}
            yield from (f"{panel.name}, column {id_} names {name}" for name in sorted(named - set(layer["columns"])))


def every_layer_has_its_reference_in_the_panel_and_on_the_dashboard(objects: Objects) -> Faults:
    for lens in lens_panels(objects):
        inner, outer = _by_name(lens.attributes["references"]), _by_name(lens.board["references"])
        for id_ in lens.layers:
            name = f"indexpattern-datasource-layer-{id_}"
            if inner.get(name) is None or inner[name] != outer.get(f"{lens.panel['panelIndex']}:{name}"):
                yield f"{lens.name}, layer {id_}"


def every_control_has_its_reference(objects: Objects) -> Faults:
    for board in boards(objects):
        known = _by_name(board["references"])
        for id_, control in controls(board).items():
            if known.get(f"controlGroup_{id_}:optionsListDataView") != control["explicitInput"].get("dataViewId", ""):
                yield f"{board['id']}, control {id_}"


def every_control_bears_its_own_id(objects: Objects) -> Faults:
    for board in boards(objects):
        yield from (id_ for id_, control in controls(board).items() if control["explicitInput"]["id"] != id_)


def no_reference_is_unused(objects: Objects) -> Faults:
    for panel in lens_panels(objects):
        used = {f"indexpattern-datasource-layer-{id_}" for id_ in panel.layers}
        yield from (f"{panel.name}: {name}" for name in _by_name(panel.attributes["references"]) if name not in used)
    for board in boards(objects):
        yield from (f"{board['id']}: {name}" for name in _by_name(board["references"]) if name not in _used(board))


def _used(board: Json) -> set[str]:
    lenses = (LensPanel(board, panel) for panel in panels(board) if panel["type"] == "lens")
    layers = {
        f"{lens.panel['panelIndex']}:indexpattern-datasource-layer-{id_}" for lens in lenses for id_ in lens.layers
    }
    return layers | {f"controlGroup_{id_}:optionsListDataView" for id_ in controls(board)}


def _layers(objects: Objects) -> Iterator[tuple[LensPanel, str, Json]]:
    return ((panel, id_, layer) for panel in lens_panels(objects) for id_, layer in panel.layers.items())


def _accessors(drawn: Any) -> Iterator[str]:
    """Yield the column ids that a drawn layer names, wherever in it."""
    if isinstance(drawn, list):
        yield from chain.from_iterable(_accessors(inner) for inner in drawn)
    elif isinstance(drawn, dict):
        yield from drawn.get("accessors", [])
        yield from (drawn[key] for key in sorted(ACCESSOR_KEYS & set(drawn)))
        yield from chain.from_iterable(_accessors(inner) for inner in drawn.values())


def _overlap(place: Json, other: Json) -> bool:
    """Tell whether two places on the grid have a part in common; to touch is not to overlap."""
    sides = (("x", "w"), ("y", "h"))
    return all(place[at] < other[at] + other[size] and other[at] < place[at] + place[size] for at, size in sides)


def _by_name(references: Iterable[Json]) -> dict[str, str]:
    return {ref["name"]: ref["id"] for ref in references}


def _names(board: Json, panel: Json) -> str:
    return f"{board['id']}: {panel['title']}"


def _repeated(what: str, values: Iterable[Hashable]) -> Faults:
    yield from (f"{what} {value} occurs {times} times" for value, times in Counter(values).items() if times > 1)
