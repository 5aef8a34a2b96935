"""What people find: the six dashboards, their links, and the clinical thresholds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
from werkzeug.exceptions import NotFound

from conf.clinical import ALERT_THRESHOLDS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC
from kibana.__main__ import default_site_url, main, saved_objects
from kibana.dashboards.parts import DASHBOARDS
from kibana.saved import Json
from ml.drift import MODERATE, STRONG
from tests.unit.kibana import plants
from tests.unit.kibana.links import every_dashboard_leads_to_all_others, every_page_of_the_site_exists
from tests.unit.kibana.reading import LensPanel, Objects, boards, controls, lens_panels, of_kind, opened, panels, read
from tests.unit.webapp.site import make_site

ELSEWHERE = "https://suivi.example"
WITH_PATIENTS = {"bp-ward-overview", "bp-patient", "bp-predictions-alerts"}


def filters(objects: Objects) -> dict[str, list[Json]]:
    """Return the filters of each dashboard by its id."""
    return {
        board["id"]: board["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["filter"]
        for board in boards(objects)
    }


def test_the_dashboards_of_patients_can_be_those_of_one_ward(tmp_path: Path) -> None:
    assert main(["--ward", "Cardiologie", "--output", str(tmp_path / "ward.ndjson")]) == 0
    of_ward = read((tmp_path / "ward.ndjson").read_text(encoding="utf-8"))
    of_all = opened(saved_objects(default_site_url()))
    patients = {"index": "blood-pressure-wards", "id": "Cardiologie", "path": "patient_ids"}
    asked = {id_: [each["query"] for each in found] for id_, found in filters(of_ward).items()}
    assert asked == {
        id_: [{"terms": {"patient_id": patients}}] if id_ in {*WITH_PATIENTS, "bp-ward-alerts"} else []
        for id_ in DASHBOARDS
    }
    assert set(map(len, filters(of_all).values())) == {0}
    assert [(each["type"], each["id"]) for each in of_ward] == [(each["type"], each["id"]) for each in of_all]


@pytest.fixture
def is_page(tmp_path: Path) -> Callable[[str], bool]:
    """Tell whether the site has a page at a path."""
    routes = make_site(tmp_path).app.url_map.bind("localhost")

    def known(path: str) -> bool:
        try:
            routes.match(path)
        except NotFound:
            return False
        return True

    return known


def lens(objects: Objects, board_id: str, title: str) -> LensPanel:
    """Return the panel of this title."""
    return next(
        found for found in lens_panels(objects) if (found.board["id"], found.panel["title"]) == (board_id, title)
    )


def thresholds(panel: LensPanel) -> list[float]:
    """Return the values of a chart's horizontal lines."""
    ids = [id_ for drawn in panel.drawn_layers if drawn["layerType"] == "referenceLine" for id_ in drawn["accessors"]]
    return [panel.layers["thresholds"]["columns"][id_]["params"]["value"] for id_ in ids]


def test_there_are_six_dashboards_with_french_titles(objects: Objects) -> None:
    assert {board["id"]: board["attributes"]["title"] for board in boards(objects)} == {
        "bp-ward-overview": "Vue du service",
        "bp-patient": "Patient",
        "bp-predictions-alerts": "Prédictions et alertes",
        "bp-ward-alerts": "Alertes par service",
        "bp-pipeline-health": "Santé de la chaîne",
        "bp-model-quality": "Qualité du modèle",
    }


def test_there_is_a_data_view_for_each_family_of_indices(objects: Objects) -> None:
    assert [view["id"] for view in of_kind(objects, "index-pattern")] == [
        "bp-observations",
        "bp-predictions",
        "bp-latest",
        "bp-rejected",
        "bp-alerts",
        "bp-alerts-now",
        "bp-alert-events",
        "bp-model-monitoring",
    ]


def test_what_is_open_now_is_shown_whatever_the_range(objects: Objects) -> None:
    times = {view["id"]: view["attributes"].get("timeFieldName") for view in of_kind(objects, "index-pattern")}
    assert [view_id for view_id, field in times.items() if field is None] == ["bp-alerts-now"]
    assert times["bp-alerts"] == "raised_at"
    open_now = lens(objects, "bp-ward-overview", "Alertes ouvertes")
    assert {reference["id"] for reference in open_now.attributes["references"]} == {"bp-alerts-now"}


def test_the_audit_is_not_shown(objects: Objects) -> None:
    assert not [view for view in of_kind(objects, "index-pattern") if "audit" in view["attributes"]["title"]]


@pytest.mark.parametrize("board_id", DASHBOARDS)
def test_every_row_of_panels_fills_the_width(objects: Objects, board_id: str) -> None:
    board = next(candidate for candidate in boards(objects) if candidate["id"] == board_id)
    widths: dict[int, int] = {}
    for panel in panels(board):
        place = panel["gridData"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {48}


def test_patients_are_chosen_where_patients_are_shown(objects: Objects) -> None:
    chosen = {
        board["id"]: [control["explicitInput"]["fieldName"] for control in controls(board).values()]
        for board in boards(objects)
    }
    assert {id_ for id_, fields in chosen.items() if fields == ["patient_id"]} == WITH_PATIENTS
    assert chosen["bp-model-quality"] == ["model_version"]


@pytest.mark.parametrize(
    ("board_id", "title", "values"),
    [
        ("bp-ward-overview", "Systolique du service", [90, 120, 130, 140, CRISIS_SYSTOLIC]),
        ("bp-ward-overview", "Diastolique du service", [60, 80, 90, CRISIS_DIASTOLIC]),
        ("bp-patient", "Tension artérielle", [CRISIS_SYSTOLIC, CRISIS_DIASTOLIC, 140]),
        ("bp-patient", "Risque de crise prédit", list(ALERT_THRESHOLDS)),
        ("bp-predictions-alerts", "Risque à 6 h", list(ALERT_THRESHOLDS)),
        ("bp-model-quality", "Dérive au fil du temps", [MODERATE, STRONG]),
    ],
)
def test_charts_have_lines_at_the_thresholds(objects: Objects, board_id: str, title: str, values: list[float]) -> None:
    assert thresholds(lens(objects, board_id, title)) == values


def test_a_measured_crisis_is_that_of_the_clinical_constants(objects: Objects) -> None:
    figure = lens(objects, "bp-ward-overview", "Crises mesurées").layers["layer_0"]["columns"]["figure"]
    assert figure["filter"]["query"] == f"systolic >= {CRISIS_SYSTOLIC} or diastolic >= {CRISIS_DIASTOLIC}"


def test_every_dashboard_leads_to_the_others(objects: Objects) -> None:
    assert list(every_dashboard_leads_to_all_others(objects)) == []


def test_every_link_leads_to_a_page_of_the_site(objects: Objects, is_page: Callable[[str], bool]) -> None:
    assert list(every_page_of_the_site_exists(objects, default_site_url(), is_page)) == []


def test_a_lost_link_between_dashboards_is_found(objects: Objects) -> None:
    damaged = copy.deepcopy(objects)
    replace_in_navigation(damaged, "#/view/bp-patient", "#/view/other")
    assert len(list(every_dashboard_leads_to_all_others(damaged))) == 1


def test_a_dead_link_to_the_site_is_found(objects: Objects, is_page: Callable[[str], bool]) -> None:
    damaged = copy.deepcopy(objects)
    replace_in_navigation(damaged, "/stats", "/statistics")
    assert list(every_page_of_the_site_exists(damaged, default_site_url(), is_page)) == [
        f"{default_site_url()}/statistics"
    ]


def test_a_dead_link_of_a_patient_is_found(objects: Objects, is_page: Callable[[str], bool]) -> None:
    damaged = copy.deepcopy(objects)
    link = damaged[0]["attributes"]["fieldFormatMap"]["patient_id"]["params"]
    link["urlTemplate"] = link["urlTemplate"].replace("/patient?", "/person?")
    assert len(list(every_page_of_the_site_exists(damaged, default_site_url(), is_page))) == 1


def replace_in_navigation(objects: Objects, old: str, new: str) -> None:
    """Change a link in the text on top of the first dashboard."""
    params = plants.first_panels(objects)[0]["embeddableConfig"]["savedVis"]["params"]
    params["markdown"] = params["markdown"].replace(old, new)


@pytest.mark.parametrize("given", [ELSEWHERE, ELSEWHERE + "/"])
def test_all_links_go_to_the_given_address(given: str, is_page: Callable[[str], bool]) -> None:
    objects = [opened(object_) for object_ in saved_objects(given)]
    assert list(every_page_of_the_site_exists(objects, ELSEWHERE, is_page)) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "missing" / "file.ndjson"
    assert main(["--output", str(missing)]) == 1
    assert f"{missing} cannot be written" in capsys.readouterr().err


def test_the_command_writes_the_file(tmp_path: Path) -> None:
    written = tmp_path / "file.ndjson"
    assert main(["--output", str(written), "--site-url", ELSEWHERE]) == 0
    assert ELSEWHERE in written.read_text(encoding="utf-8")
