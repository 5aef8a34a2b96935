"""What was found on the site in a trial as its users would, done again step by step from Kafka to the screens.

Of each finding there is one test; a1 has a file of its own, and what only a browser can show is in tests/browser.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from embedded.services import Addresses
from tests.integration.found import Sent, Ward, trend_in, words
from tests.support.factories import component, observation, payload, quantity

pytestmark = pytest.mark.integration

HISTORY = (65, 50, 35, 20)  # minutes ago: enough for a prediction and a trend, and not old yet
QUIET = (
    *("over", "over-twice", "future-4min", "future-50min", "triple", "backlog", "arms", "arms-other", "arms-apart"),
    *("arms-apart-other", "hour-ahead", "retracted", "corrected", "answered", "new", "kpa", "low", "low-limit"),
)
SAME_END = ("sim1-00069", "zz9-00069")
SILENT = {"silent-300d": 300 * 24 * 60, "silent-5h": 300, "silent-33min": 33}
KPA = 7.50062  # mmHg
FUTURE_50 = timedelta(minutes=50)


def first(ward: Ward) -> Iterator[Sent]:
    """Yield what comes first: histories, and the readings that something happens to later."""
    said = ward.reading
    for name in QUIET:
        yield from (said(f"ux-{name}", ago, 124, 78) for ago in HISTORY)
    for name, before in SILENT.items():
        yield from (said(f"ux-{name}", before + ago - HISTORY[-1], 124, 78) for ago in HISTORY)
    yield from (said("ux-faulty", ago, 174, 102) for ago in HISTORY)
    yield from (said("ux-predicted", ago, 158, 96) for ago in HISTORY)
    yield from (said("ux-rising", ago, 145 - ago / 2, 84) for ago in HISTORY)
    yield from (said("ux-falling", ago, 120 + ago / 2, 84) for ago in HISTORY)
    yield said("ux-over", 6, 208, 126)
    yield said("ux-over-twice", 8, 206, 124)
    yield said("ux-future-4min", -4.5, 124, 76)
    yield said("ux-future-50min", -50, 124, 76, kafka_ahead=FUTURE_50)
    yield said("ux-arms-apart", 4, 186, 121, "left")
    yield said("ux-arms-apart-other", 4, 132, 84, "right")
    yield said("ux-retracted", 5, 222, 136)
    yield said("ux-corrected", 5, 218, 130)
    yield said("ux-answered", 9, 198, 118)


def then(ward: Ward) -> Iterator[Sent]:
    """Yield what comes after the alert service has seen the first."""
    said = ward.reading
    yield said("ux-over", 0, 122, 76)
    yield from (said("ux-over-twice", ago, 122, 76) for ago in (4, 0))
    yield from (said(f"ux-future-{ahead}min", 0, 204, 128) for ahead in (4, 50))
    yield from (said("ux-triple", ago, *values) for ago, values in ((2, (206, 131)), (1, (178, 112)), (0, (164, 100))))
    yield said("ux-backlog", 97, 214, 132)
    left, right = (186, 121, "left"), (132, 84, "right")
    for name, arms in (("arms", (left, right)), ("arms-other", (right, left))):
        yield from (said(f"ux-{name}", 4, *arm) for arm in arms)
    yield said("ux-arms-apart", 4, *right)
    yield said("ux-arms-apart-other", 4, *left)
    yield said("ux-hour-ahead", -60, 212, 134)
    yield from (said("ux-faulty", ago, *values) for ago, values in ((3, (305, 150)), (2, (290, 84))))
    yield said("ux-retracted", 5, 222, 136, status="entered-in-error", meta={"versionId": "2"})
    yield said("ux-corrected", 5, 128, 80, status="amended", meta={"versionId": "2"})
    yield said("ux-new", 0, 187, 104)
    yield from (said(name, 0, 191, 108) for name in SAME_END)
    yield said("ux-wait-crisis", 0, 210, 130)
    yield in_kpa(ward, "ux-kpa", 179.6, 119.6)
    for name in ("low", "low-limit"):
        yield said(f"ux-{name}", ward.just_now, 66, 38, heart_rate=128)


def in_kpa(ward: Ward, patient_id: str, *pressures: float) -> Sent:
    """Return a reading whose pressures (mmHg) are sent in kPa with decimals."""
    parts = [
        component(code, quantity(round(value / KPA, 3), "kPa"))
        for code, value in zip(("8480-6", "8462-4"), pressures, strict=True)
    ]
    told: dict[str, Any] = {
        "id": f"{patient_id}-kpa",
        "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": ward.begun.isoformat(),
    }
    return Sent(patient_id, payload(observation(**told) | {"component": parts}))


@pytest.fixture(scope="module")
def ward(services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """Return the ward after all that happens in it."""
    made = Ward(services, spark, tmp_path_factory.mktemp("findings"))
    made.arrive(first(made))
    made.acknowledge("ux-answered")
    limit = {"systolic_below": "90", "why": "shock last week"}
    assert made.nurse.post("/patients/ux-low-limit/limits", limit).status_code == 302
    made.arrive(then(made))
    return made


def test_a2_a_normal_reading_takes_no_unanswered_crisis_off_the_board_nor_out_of_any_count(ward: Ward) -> None:
    for patient_id, values, state in (("ux-over", "208/126", "raised"), ("ux-over-twice", "206/124", "latched")):
        row = ward.row(patient_id)
        assert (row.mark("urgency"), row.mark("kind"), row.mark("due")) == ("CRITICAL", "measured", "1")
        assert values in row.text
        assert {alert["kind"]: alert["state"] for alert in ward.alerts(patient_id, "open")}["measured"] == state
        assert values in ward.page(patient_id)
    unanswered = {row.patient_id for row in ward.rows().values() if row.mark("due") == "1"}
    assert ward.api("board")["unanswered"] == len(unanswered)


def test_a3_a_time_in_the_future_hides_no_crisis_of_now(ward: Ward) -> None:
    for patient_id in ("ux-future-4min", "ux-future-50min"):
        row = ward.row(patient_id)
        assert (row.mark("urgency"), row.mark("kind")) == ("CRITICAL", "measured")
        assert "204/128 crisis" in row.text
        assert "124/76" not in row.text
        assert "MEASURED CRISIS" in ward.page(patient_id)


def test_a4_a_crisis_that_is_not_the_newest_reading_or_comes_late_is_an_alert_with_its_values(ward: Ward) -> None:
    for patient_id, worst in (("ux-triple", "206/131"), ("ux-backlog", "214/132")):
        row = ward.row(patient_id)
        assert (row.mark("urgency"), row.mark("kind"), row.mark("due")) == ("CRITICAL", "measured", "1")
        assert worst in row.text
        assert worst in ward.page(patient_id)


def test_a5_of_two_arms_at_one_instant_the_higher_one_alerts_whichever_comes_last_and_the_row_says_so(
    ward: Ward,
) -> None:
    for name in ("arms", "arms-other", "arms-apart", "arms-apart-other"):
        row = ward.row(f"ux-{name}")
        assert (row.mark("urgency"), row.mark("kind")) == ("CRITICAL", "measured"), name
        assert "186/121" in row.text, name
        assert "two values of one instant differ" in row.text, name


def test_a6_what_is_refused_of_a_patient_stands_on_the_row_with_the_reason(ward: Ward) -> None:
    row = ward.row("ux-hour-ahead")
    assert (row.mark("urgency"), row.mark("kind")) == ("CRITICAL", "attention")
    assert "212/134 mmHg" in row.text
    assert "the device&#39;s clock is ahead" in row.text
    assert "212/134 mmHg" in ward.page("ux-hour-ahead")
    faulty = ward.row("ux-faulty")
    assert "2 readings refused" in faulty.text
    assert "305/150 mmHg" in faulty.text
    assert "outside the limits of what is possible" in faulty.text
    assert "2 readings refused" in ward.page("ux-faulty")


def test_a9_what_is_retracted_or_corrected_leaves_neither_alert_nor_trend(ward: Ward) -> None:
    for patient_id in ("ux-retracted", "ux-corrected"):
        row = ward.rows("?quiet=1")[patient_id]
        assert row.mark("urgency") == "NONE"
        assert trend_in(row.text) == "steady"
        assert ward.alerts(patient_id) == []
        assert {alert["state"] for alert in ward.alerts(patient_id, "resolved")} == {"withdrawn"}
        assert "No open alert." in ward.page(patient_id)
        assert "withdrawn" in ward.page(patient_id)


def test_a10_inside_critical_unanswered_come_before_answered_measured_before_predicted_then_the_higher(
    ward: Ward,
) -> None:
    rows = ward.section("CRITICAL")["patients"]
    alerts = [row["alerts"][0] for row in rows]
    kinds = ["measured", "attention", "limit", "low", "predicted"]
    order = [
        (
            alert["status"] == "acked",
            kinds.index(alert["kind"]),
            alert["state"] == "latched",
            -(alert["worst"] or {}).get("systolic", 0),
        )
        for alert in alerts
    ]
    assert order == sorted(order)
    ids = [row["patient_id"] for row in rows]
    assert ids.index("ux-new") < ids.index("ux-predicted") < ids.index("ux-answered")
    assert list(ward.rows("?urgency=CRITICAL")) == ids


def test_a11_the_urgency_of_a_patient_and_the_level_that_is_predicted_are_two_words(ward: Ward) -> None:
    critical = ward.section("CRITICAL")
    predicted = [it["patient_id"] for it in ward.api("patients?level=CRITICAL&limit=200")["items"]]
    assert critical["total"] == len(critical["patients"]) > len(predicted)
    assert "Predicted level" in ward.get("/patients?level=CRITICAL")
    assert "Predicted level" in ward.get("/predictions?level=CRITICAL")
    assert "/patients?level=" not in ward.get("/")
    assert str(len(predicted)) in words(ward.get("/stats")).partition("predicted level, now")[2][:60]


def test_a11_a_crisis_without_a_prediction_is_on_the_board_and_found_in_the_list(ward: Ward) -> None:
    row = ward.row("ux-wait-crisis")
    assert (row.mark("urgency"), row.mark("kind")) == ("CRITICAL", "measured")
    assert "ux-wait-crisis no prediction yet 210/130 crisis" in words(ward.get("/patients?q=ux-wait&order=id"))
    found = ward.nurse.get("/patients?q=wait-crisis")
    assert (found.status_code, found.headers["Location"]) == (302, "/patients/ux-wait-crisis")


def test_a12_the_wall_tells_measured_from_predicted_answered_from_not_and_one_patient_from_another(ward: Ward) -> None:
    tiles = list(ward.rows("?kiosk=1").values())
    assert len({tile.patient_id for tile in tiles}) == len(tiles)
    by_kind = {tile.mark("kind"): tile for tile in tiles if tile.mark("urgency") == "CRITICAL"}
    assert "MEASURED CRISIS" in by_kind["measured"].text
    assert "CRITICAL RISK" in by_kind["predicted"].text
    order = [(tile.mark("urgency") == "SILENT", tile.mark("due") != "1") for tile in tiles]
    assert order == sorted(order)
    assert {"is-answered" in tile.html for tile in tiles if tile.mark("due") == "0"} == {True}
    assert 'id="sound"' in ward.get("/?kiosk=1")


def test_a15_numbers_on_a_screen_never_contradict_the_level(ward: Ward) -> None:
    row = ward.rows("?quiet=1")["ux-kpa"]
    assert "179/119" in row.text
    assert "crisis" not in row.text
    assert "179/119" in ward.page("ux-kpa")
    crisis = ward.row("ux-new")
    assert "already in crisis" in crisis.text
    assert "is-moot" in crisis.html


def test_a16_low_pressure_is_marked_and_alerts_where_somebody_asks_for_it(ward: Ward) -> None:
    row = ward.rows("?quiet=1")["ux-low"]
    assert (row.mark("urgency"), "66/38 low" in row.text) == ("NONE", True)
    asked_for = ward.row("ux-low-limit")
    assert (asked_for.mark("urgency"), asked_for.mark("kind")) == ("HIGH", "low")
    assert "LOW PRESSURE" in asked_for.text


def test_a18_the_board_and_the_page_of_a_patient_tell_one_trend(ward: Ward) -> None:
    told = {
        patient_id: (trend_in(row.text), trend_in(ward.page(patient_id)))
        for patient_id, row in ward.rows("?quiet=1").items()
    }
    assert {patient_id: both for patient_id, both in told.items() if both[0] != both[1]} == {}
    assert told["ux-rising"][0].startswith("+")
    assert told["ux-falling"][0].startswith("-")


def test_a17_who_fell_silent_last_is_first_and_whose_surveillance_was_ended_is_gone(ward: Ward) -> None:
    """Who was not heard of in the three days before the service first looked is nobody's patient any more."""
    silent = ["ux-silent-33min", "ux-silent-5h"]
    rows = ward.rows("?urgency=SILENT")
    assert list(rows) == silent
    assert {row.mark("kind") for row in rows.values()} == {"silence"}
    told = {"why": "gone home", "sure": "1"}
    assert ward.nurse.post("/patients/ux-silent-5h/surveillance", told).status_code == 302
    ward.keep_alerts()
    assert list(ward.rows("?urgency=SILENT")) == silent[:-1]
    assert "Surveillance ended by anne" in ward.page("ux-silent-5h")


def test_a14_a_stream_that_is_dead_is_one_alert_on_every_screen_before_anybody_counts_as_silent(ward: Ward) -> None:
    """Told as late as in a ward of unknown pace; the later tests here see the clock put forward."""
    silent = ward.section("SILENT")["total"]
    ward.pass_by(timedelta(minutes=23))
    outages = ward.api("board")["outages"]
    told = [(alert["kind"], alert["status"]) for alert in outages]
    assert told.count(("feed", "open")) == 1
    assert set(told) <= {("feed", "open"), ("system", "open")}  # the stream gives no sign of life either
    assert ward.section("SILENT")["total"] == silent
    for screen in ("", "?kiosk=1"):
        html = ward.get(f"/board/rows{screen}")
        assert 'data-outage="feed ward"' in html
        assert html.index('id="outage-feed-ward"') < html.index('id="board-counts"')
        assert "NO READINGS OF ANYBODY" in html


def test_a7_a_board_that_nobody_touches_goes_on_without_names_and_asks_for_the_password_to_act(ward: Ward) -> None:
    """The last one here: it puts the clock forward, and the site keeps what it has read then."""
    nurse = ward.site.client(ward.site.some_user("clinician"))
    for _ in range(4):
        ward.site.clock.pass_by(minutes=10)
        answer = nurse.get("/board/rows", page=False)
        assert answer.status_code == 200
    html = answer.get_data(as_text=True)
    assert "208/126" in html
    assert "ux-over" not in html
    assert "/acknowledge" not in html
