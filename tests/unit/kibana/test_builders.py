"""The small builders, where a defect would not show in the file of today."""

from __future__ import annotations

import itertools

import pytest

from alerts.events import Event
from alerts.model import AlertKind, AnswerReason, State, Withdrawal
from conf.clinical import ALERT_LEVELS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC, alert_level, pressure_category
from kibana import views, words
from kibana.columns import count, top_values
from kibana.dashboards.parts import RISK_PALETTE, diastolic_limit, systolic_limit
from kibana.panels import palette
from kibana.saved import stable_id, text
from ml import drift
from tests.unit.kibana.reading import Objects, lens_panels


def test_limits_are_where_the_category_changes() -> None:
    for name in ("elevated", "stage_1", "stage_2", "severe"):
        limit = systolic_limit(name)
        assert [pressure_category(limit - below, 70) == name for below in (0, 1)] == [True, False]
    for name in ("stage_1", "stage_2", "severe"):
        limit = diastolic_limit(name)
        assert [pressure_category(110, limit - below) == name for below in (0, 1)] == [True, False]


def test_a_crisis_is_the_highest_limit() -> None:
    assert (systolic_limit("severe"), diastolic_limit("severe")) == (CRISIS_SYSTOLIC, CRISIS_DIASTOLIC)


def test_every_category_that_is_stored_has_a_word_and_a_colour() -> None:
    pressures = itertools.product(range(40, 260, 5), range(30, 150, 5))
    stored = {pressure_category(systolic, diastolic) for systolic, diastolic in pressures}
    assert stored == set(words.CATEGORIES) == set(words.CATEGORY_COLOURS)


def test_every_alert_level_has_a_word_and_a_colour() -> None:
    assert set(ALERT_LEVELS) == set(words.LEVELS) == set(words.LEVEL_COLOURS)
    assert set(words.SEEN_LEVELS) == {*ALERT_LEVELS, "STALE"}


def test_every_kind_and_state_of_an_alert_has_a_word() -> None:
    assert {str(kind) for kind in AlertKind} == set(words.ALERT_KINDS)
    assert {str(state) for state in State} == set(words.ALERT_STATES)
    assert {str(why) for why in Withdrawal} == set(words.WITHDRAWALS)


def test_every_answer_to_an_alert_and_everything_in_its_journal_has_a_word() -> None:
    assert {str(reason) for reason in AnswerReason} == set(words.ANSWERS)
    assert {str(event) for event in Event} == set(words.ALERT_EVENTS)


def test_every_reading_of_drift_has_a_word() -> None:
    readings = {drift.reading(index) for index in (0, drift.MODERATE, drift.STRONG)}
    assert readings | {drift.UNKNOWN} == set(words.DRIFTS)


@pytest.mark.parametrize("risk", [0.0, 0.19, 0.2, 0.4, 0.61, 1.0])
def test_the_colour_of_a_risk_is_that_of_its_level(risk: float) -> None:
    starts = [stop for stop in RISK_PALETTE["params"]["colorStops"] if stop["stop"] <= risk]
    assert starts[-1]["color"] == words.LEVEL_COLOURS[alert_level(risk)]


def test_every_palette_of_the_file_rises(objects: Objects) -> None:
    drawn = (panel.visualization for panel in lens_panels(objects))
    for params in (visualization["palette"]["params"] for visualization in drawn if "palette" in visualization):
        starts, ends = ([stop["stop"] for stop in params[key]] for key in ("colorStops", "stops"))
        assert starts == [params["rangeMin"], *ends[:-1]]
        assert ends == sorted(set(ends))


def test_every_named_field_is_in_a_data_view() -> None:
    named = {field for view in views.ALL for field in view.fields}
    assert named == set(words.FIELDS) >= set(words.FORMATS)


def test_the_lowest_figures_come_first_where_wished() -> None:
    found = [
        top_values("f", "F", 3, by="x", lowest_first=lowest)["params"]["orderDirection"] for lowest in (True, False)
    ]
    assert found == ["asc", "desc"]


def test_a_palette_needs_a_start_for_each_colour() -> None:
    with pytest.raises(ValueError, match="shorter"):
        palette(("#000000", "#FFFFFF"), (0,), 1)


def test_values_without_a_figure_are_in_the_order_of_the_alphabet() -> None:
    params = top_values("kind", "Nature", 3)["params"]
    assert (params["orderBy"], params["orderDirection"]) == ({"type": "alphabetical"}, "asc")


def test_a_count_of_everything_has_no_filter() -> None:
    assert "filter" not in count("Mesures")


def test_an_id_depends_on_its_name_alone() -> None:
    assert stable_id("bp-patient/panel/Pouls") == stable_id("bp-patient/panel/Pouls") != stable_id("other")


def test_text_has_one_spelling() -> None:
    assert text({"b": "é", "a": [1, None]}) == '{"a":[1,null],"b":"é"}'
