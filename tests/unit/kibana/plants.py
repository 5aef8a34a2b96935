"""Defects to plant in a copy of the saved objects, so that each check is seen to fail."""

from __future__ import annotations

from tests.unit.kibana.reading import Json, LensPanel, Objects, boards, controls, lens_panels, panels

GONE = "nowhere"


def board(objects: Objects) -> Json:
    return next(boards(objects))


def first_panels(objects: Objects) -> tuple[Json, Json]:
    first, other, *_ = panels(board(objects))
    return first, other


def lens(objects: Objects, kind: str = "lnsMetric") -> LensPanel:
    return next(panel for panel in lens_panels(objects) if panel.attributes["visualizationType"] == kind)


def layer(objects: Objects, kind: str = "lnsMetric") -> Json:
    return next(iter(lens(objects, kind).layers.values()))


def column(objects: Objects, operation: str) -> Json:
    layers = (layer for panel in lens_panels(objects) for layer in panel.layers.values())
    found = (column for layer in layers for column in layer["columns"].values() if column["operationType"] == operation)
    chosen: Json = next(found)
    return chosen


def control(objects: Objects) -> Json:
    chosen: Json = next(iter(controls(board(objects)).values()))["explicitInput"]
    return chosen


def repeated_object(objects: Objects) -> None:
    objects.append(objects[0])


def repeated_reference(objects: Objects) -> None:
    board(objects)["references"].append(board(objects)["references"][0])


def repeated_reference_in_a_panel(objects: Objects) -> None:
    lens(objects).attributes["references"] *= 2


def missing_view(objects: Objects) -> None:
    del objects[0]


def foreign_reference_in_a_panel(objects: Objects) -> None:
    lens(objects).attributes["references"][0]["id"] = GONE


def other_grid_index(objects: Objects) -> None:
    first_panels(objects)[0]["gridData"]["i"] = GONE


def repeated_panel_index(objects: Objects) -> None:
    first, other = first_panels(objects)
    first["panelIndex"] = first["gridData"]["i"] = other["panelIndex"]


def panel_beyond_the_edge(objects: Objects) -> None:
    first_panels(objects)[0]["gridData"]["w"] += 1


def panel_upon_another(objects: Objects) -> None:
    first, other = first_panels(objects)
    other["gridData"] |= {"x": first["gridData"]["x"], "y": first["gridData"]["y"]}


def unknown_visualization(objects: Objects) -> None:
    lens(objects).attributes["visualizationType"] = "lnsPie"


def column_without_order(objects: Objects) -> None:
    layer(objects)["columnOrder"].pop()


def order_without_column(objects: Objects) -> None:
    layer(objects)["columnOrder"].append(GONE)


def figure_first(objects: Objects) -> None:
    layer(objects, "lnsXY")["columnOrder"].reverse()


def column_without_label(objects: Objects) -> None:
    del column(objects, "average")["label"]


def count_of_nothing(objects: Objects) -> None:
    del column(objects, "count")["sourceField"]


def metric_of_no_column(objects: Objects) -> None:
    lens(objects).visualization["metricAccessor"] = GONE


def colour_of_no_column(objects: Objects) -> None:
    coloured = (layer for panel in lens_panels(objects) for layer in panel.drawn_layers if "yConfig" in layer)
    next(coloured)["yConfig"][0]["forAccessor"] = GONE


def table_of_no_column(objects: Objects) -> None:
    lens(objects, "lnsDatatable").visualization["columns"][0]["columnId"] = GONE


def drawing_without_data(objects: Objects) -> None:
    lens(objects, "lnsXY").visualization["layers"][0]["layerId"] = GONE


def data_without_drawing(objects: Objects) -> None:
    lens(objects, "lnsXY").visualization["layers"].pop()


def order_by_no_column(objects: Objects) -> None:
    column(objects, "terms")["params"]["orderBy"]["columnId"] = GONE


def reference_to_no_column(objects: Objects) -> None:
    column(objects, "static_value")["references"] = [GONE]


def layer_without_reference_in_the_panel(objects: Objects) -> None:
    lens(objects).attributes["references"].clear()


def layer_without_reference_on_the_dashboard(objects: Objects) -> None:
    del board(objects)["references"][0]


def layer_with_two_views(objects: Objects) -> None:
    board(objects)["references"][0]["id"] = objects[-1]["id"]


def control_without_reference(objects: Objects) -> None:
    board(objects)["references"].pop()


def control_of_another_view(objects: Objects) -> None:
    control(objects)["dataViewId"] = GONE


def control_with_another_id(objects: Objects) -> None:
    control(objects)["id"] = GONE


def unused_reference(objects: Objects) -> None:
    board(objects)["references"].append(board(objects)["references"][0] | {"name": GONE})


def unused_reference_in_a_panel(objects: Objects) -> None:
    attributes = lens(objects).attributes
    attributes["references"].append(attributes["references"][0] | {"name": GONE})
