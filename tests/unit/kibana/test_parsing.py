"""Step 1 of the ladder: everything parses down to the last string, has the form that is demanded, and is generated."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema_rs
import pytest

from kibana.__main__ import OUTPUT, default_site_url, file_text
from tests.unit.kibana import plants
from tests.unit.kibana.reading import JSON_STRINGS, Json, Objects, committed_text, read

SCHEMA = json.loads(Path(__file__).with_name("saved-objects.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema_rs.Draft202012Validator(SCHEMA)
ROOT = OUTPUT.parents[1]


def faults(objects: Objects) -> list[str]:
    """Return what the schema says against the objects."""
    found = (error for object_ in objects for error in VALIDATOR.iter_errors(object_))
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in found]


def test_every_string_that_holds_json_parses() -> None:
    assert {object_["type"] for object_ in read(committed_text())} == {"dashboard", "index-pattern"}


@pytest.mark.parametrize("key", sorted(JSON_STRINGS))
def test_a_broken_string_within_a_string_is_found(key: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        read(damage_within(committed_text(), key))


def damage_within(text: str, key: str) -> str:
    """Return the text with the JSON of the first string of this key cut short, however deep it lies."""
    line, found = next((line, json.loads(line)) for line in text.splitlines() if key in line)
    if not cut_short(found, key):
        raise LookupError(key)
    return text.replace(line, json.dumps(found))


def cut_short(value: object, key: str) -> bool:
    """Cut the first string of this key within a value, and tell whether there was one."""
    if not isinstance(value, dict):
        return False
    if key in value:
        value[key] = value[key][:-1]
        return True
    return any(cut_short(inner, key) for inner in value.values())


def test_every_object_has_the_form_of_the_schema(objects: Objects) -> None:
    assert faults(objects) == []


PLANTS: dict[str, Callable[[Objects], Json]] = {
    "a type that is not written": lambda objects: changed(objects[0], type="visualization"),
    "a version newer than the servers": lambda objects: changed(objects[0], typeMigrationVersion="10.2.0"),
    "a runtime field": lambda objects: changed(objects[0]["attributes"], runtimeFieldMap={"age": {"type": "long"}}),
    "a link to nobody": lambda objects: changed(
        objects[0]["attributes"]["fieldFormatMap"]["patient_id"]["params"],
        urlTemplate="https://suivi.example/patient?id=",
    ),
    "names without entries": lambda objects: changed(
        objects[0]["attributes"]["fieldFormatMap"]["category"]["params"], lookupEntries=[]
    ),
    "a dashboard without time range": lambda objects: changed(plants.board(objects)["attributes"], timeRestore=False),
    "an open end in time": lambda objects: changed(plants.board(objects)["attributes"], timeFrom="yesterday"),
    "a refresh that is paused": lambda objects: changed(
        plants.board(objects)["attributes"]["refreshInterval"], pause=True
    ),
    "a dashboard without description": lambda objects: changed(plants.board(objects)["attributes"], description=""),
    "a control with a choice": lambda objects: changed(plants.control(objects), selectedOptions=["patient-1"]),
    "a panel without description": lambda objects: changed(plants.lens(objects).attributes, description=""),
    "a formula": lambda objects: changed(plants.column(objects, "average"), operationType="formula"),
    "a count of a field": lambda objects: changed(plants.column(objects, "count"), sourceField="systolic"),
    "a newest value without order": lambda objects: changed(plants.column(objects, "last_value"), params={}),
    "a term with other values": lambda objects: changed(plants.column(objects, "terms")["params"], otherBucket=True),
    "a histogram as a figure": lambda objects: changed(plants.column(objects, "date_histogram"), isBucketed=False),
    "a filter without label": lambda objects: changed(
        plants.column(objects, "filters")["params"]["filters"][0], label=""
    ),
    "a threshold that is no number": lambda objects: changed(
        plants.column(objects, "static_value")["params"], value="180"
    ),
    "a palette in percent": lambda objects: changed(
        plants.lens(objects, "lnsGauge").visualization["palette"]["params"], rangeType="percent"
    ),
    "a heat map of another shape": lambda objects: changed(
        plants.lens(objects, "lnsHeatmap").visualization, shape="round"
    ),
    "a chart's layer without time": lambda objects: changed(
        plants.lens(objects, "lnsXY").visualization["layers"][0], xAccessor=""
    ),
    "a table with a page of its own": lambda objects: changed(
        plants.lens(objects, "lnsDatatable").visualization["paging"], size=7
    ),
}


def changed(thing: Json, **values: object) -> Json:
    thing.update(values)
    return thing


@pytest.mark.parametrize("plant", PLANTS.values(), ids=list(PLANTS))
def test_a_planted_defect_is_against_the_schema(objects: Objects, plant: Callable[[Objects], Json]) -> None:
    damaged = copy.deepcopy(objects)
    plant(damaged)
    assert faults(damaged)


def test_the_schema_itself_is_valid() -> None:
    jsonschema_rs.meta.validate(SCHEMA)


def test_the_committed_file_is_what_the_generator_writes() -> None:
    assert committed_text() == file_text(default_site_url())


def test_another_process_with_other_settings_writes_the_same_bytes(tmp_path: Path) -> None:
    written = tmp_path / "written.ndjson"
    environment = os.environ | {"PYTHONHASHSEED": "42", "BP_WEB_PORT": "6000", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    command = [sys.executable, "-m", "kibana", "--output", str(written)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=60)
    assert written.read_bytes() == OUTPUT.read_bytes()


def test_another_address_of_the_site_changes_the_bytes() -> None:
    assert file_text("https://elsewhere.example") != committed_text()
