"""Step 4 of the ladder: every field that a dashboard asks for is in the index templates, with a type that fits."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import pytest

from elastic.schema import TEMPLATE_DIR
from tests.unit.kibana import plants
from tests.unit.kibana.fields import (
    data_types_are_those_of_the_templates,
    fields_are_in_the_templates,
    types_by_view,
    unfit,
    uses,
)
from tests.unit.kibana.reading import Json, Objects, committed_text, of_kind, read

USES = list(uses(read(committed_text())))
USED = sorted({(use.view_id, use.field) for use in USES})
FILES = {
    "bp-observations": "template-observations.json",
    "bp-predictions": "component-prediction-fields.json",
    "bp-latest": "component-prediction-fields.json",
    "bp-rejected": "template-rejected.json",
    "bp-alerts": "template-alerts.json",
    "bp-alerts-now": "template-alerts.json",
    "bp-alert-events": "template-alert-events.json",
    "bp-model-monitoring": "template-model-monitoring.json",
}


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Return a copy of the index templates."""
    return Path(shutil.copytree(TEMPLATE_DIR, tmp_path / "templates"))


def change_field(file: Path, field: str, name: str, **changes: object) -> None:
    """Give a field of a template another name, or its mapping other values."""
    template = json.loads(file.read_text(encoding="utf-8"))
    properties = template["template"]["mappings"]["properties"]
    *parents, last = field.split(".")
    for parent in parents:
        properties = properties[parent]["properties"]
    properties[name] = properties.pop(last) | changes
    file.write_text(json.dumps(template), encoding="utf-8")


def test_every_field_is_in_the_template_with_a_fitting_type(objects: Objects) -> None:
    assert list(fields_are_in_the_templates(objects, TEMPLATE_DIR)) == []


def test_the_declared_types_are_those_of_the_template(objects: Objects) -> None:
    assert list(data_types_are_those_of_the_templates(objects, TEMPLATE_DIR)) == []


def test_every_data_view_has_a_template(objects: Objects) -> None:
    known = types_by_view(objects, TEMPLATE_DIR)
    assert [view_id for view_id, types in known.items() if not types] == []
    assert set(known) == set(FILES)


@pytest.mark.parametrize(("view_id", "field"), USED)
def test_a_renamed_template_field_is_found(objects: Objects, templates: Path, view_id: str, field: str) -> None:
    change_field(templates / FILES[view_id], field, "renamed")
    faults = unfit(USES, types_by_view(objects, templates))
    assert any(f": {field} of {view_id} is not in the template" in fault for fault in faults)


@pytest.mark.parametrize(
    ("file", "field", "changes"),
    [
        ("template-observations.json", "systolic", {"type": "keyword"}),
        ("template-observations.json", "@timestamp", {"type": "keyword"}),
        ("template-observations.json", "patient_id", {"type": "text"}),
        ("template-observations.json", "category", {"index": False}),
        ("template-observations.json", "device_id", {"doc_values": False}),
        ("template-observations.json", "ingested_at", {"type": "long"}),
        ("component-prediction-fields.json", "scored_at", {"type": "keyword"}),
    ],
)
def test_a_type_that_does_not_fit_is_found(
    objects: Objects, templates: Path, file: str, field: str, changes: Json
) -> None:
    change_field(templates / file, field, field.rpartition(".")[2], **changes)
    assert any(f": {field} of " in fault for fault in fields_are_in_the_templates(objects, templates))


def test_a_wrongly_declared_type_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    plants.column(damaged, "last_value")["dataType"] = "date"
    assert len(list(data_types_are_those_of_the_templates(damaged, TEMPLATE_DIR))) == 1


def test_a_field_in_a_query_alone_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    plants.lens(damaged).attributes["state"]["query"]["query"] = "a : 1 and not (b : * or c >= 3)"
    faults = list(fields_are_in_the_templates(damaged, TEMPLATE_DIR))
    assert [fault.split(": ")[2].split(" of ")[0] for fault in faults] == ["a", "b", "c"]


def test_a_field_in_a_filter_alone_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    plants.column(damaged, "filters")["params"]["filters"][0]["input"]["query"] = "a : 1"
    assert ["a of" in fault for fault in fields_are_in_the_templates(damaged, TEMPLATE_DIR)] == [True]


def test_a_control_on_a_number_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    plants.control(damaged)["fieldName"] = "systolic"
    assert len(list(fields_are_in_the_templates(damaged, TEMPLATE_DIR))) == 1


def test_a_data_view_without_template_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    next(of_kind(damaged, "index-pattern"))["attributes"]["title"] = "other-*"
    assert list(fields_are_in_the_templates(damaged, TEMPLATE_DIR))
