"""Two hundred patients in crisis before ten screens: nobody is mute, and nobody leaves before somebody has answered."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession

from alerts.__main__ import run as keep_alerts
from embedded.services import Addresses
from tests.integration.found import ROW, Shown, Ward
from tests.unit.webapp.site import Browser

pytestmark = pytest.mark.integration

SCORED = [f"sim1-{number:05}" for number in range(180)]
WAITING = [f"sim2-{number:05}" for number in range(20)]  # with too few readings for a prediction
CALMED = SCORED[:120]
SCREENS = 10
EVERY_S = 0.5
AT_ONCE = 25  # messages of a micro-batch
RAISED_WITHIN_S = 2.0  # of being searchable
PATIENCE_S = 30.0
TILES = 60


@dataclass
class Watched:
    """What the screens have seen: when somebody in crisis was mute, by patient, and how often they asked."""

    polls: int = 0
    mute: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    faults: list[str] = field(default_factory=list)

    def longest_s(self, patient_id: str) -> float:
        """Return for how long a patient was mute, from the first such poll to the last one."""
        seen = self.mute.get(patient_id, [0.0])
        return max(seen) - min(seen)


def look(ward: Ward, browser: Browser, path: str, watched: Watched, stop: threading.Event) -> None:
    """Ask again and again as a screen does, and note who is in crisis without an alert that asks for an answer."""
    tag = ""
    while not stop.is_set():
        ward.site.clock.now = datetime.now(UTC)
        answer = browser.get(path, page=False, headers={"If-None-Match": tag})
        watched.polls += 1
        if answer.status_code not in (200, 304):
            watched.faults.append(f"{path}: {answer.status_code}")
        tag = answer.headers.get("ETag", tag)
        mute = []
        if path.startswith("/api") and answer.status_code == 200:
            for section in answer.get_json(force=True)["sections"]:
                for row in section["patients"]:
                    due = any(alert["status"] == "open" for alert in row["alerts"])
                    mute += [row["patient_id"]] if row["measured_crisis"] and not due else []
        elif answer.status_code == 200:
            rows = map(Shown, ROW.findall(answer.get_data(as_text=True)))
            mute += [row.patient_id for row in rows if "is-crisis" in row.html and row.mark("due") != "1"]
        for patient_id in mute:
            watched.mute[patient_id].append(time.monotonic())
        stop.wait(EVERY_S)


@contextmanager
def screens(ward: Ward) -> Iterator[Watched]:
    """Let ten screens look, half of them at the board and half at the API, while the alert service runs."""
    watched, stop = Watched(), threading.Event()
    paths = ("/board/rows", "/api/v1/board")
    threads = [threading.Thread(target=keep_alerts, args=(ward.pipeline.settings,), kwargs={"stopping": stop})]
    for number in range(SCREENS):
        browser = ward.site.signed_in(name=f"screen-{number}")
        path = paths[number % len(paths)]
        threads.append(threading.Thread(target=look, args=(ward, browser, path, watched, stop)))
    for thread in threads:
        thread.start()
    try:
        yield watched
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def wait_for_alerts(ward: Ward, number: int) -> None:
    """Wait until so many patients have a critical alert on the board."""
    end = time.monotonic() + PATIENCE_S
    while ward.section("CRITICAL")["total"] < number:
        assert time.monotonic() < end, ward.section("CRITICAL")["total"]
        time.sleep(EVERY_S)


@pytest.fixture(scope="module")
def ward(services: Addresses, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Ward:
    """Return a ward of calm patients, of whom the last ones have two readings each."""
    made = Ward(services, spark, tmp_path_factory.mktemp("mute"))
    calm = [made.reading(patient_id, ago, 124, 78) for patient_id in SCORED + WAITING for ago in (35, 20)]
    made.arrive([*calm, *(made.reading(patient_id, 50, 124, 78) for patient_id in SCORED)])
    return made


@pytest.fixture(scope="module")
def watched(ward: Ward) -> Watched:
    """Return what ten screens have seen while everybody comes into crisis."""
    slow = replace(
        ward.pipeline, settings=ward.pipeline.settings.model_copy(update={"max_offsets_per_trigger": AT_ONCE})
    )
    patients = [*SCORED, *WAITING]
    with screens(ward) as seen:
        ward.send(
            ward.reading(patient_id, 0, 190 + number % 40, 112 + number % 20)
            for number, patient_id in enumerate(patients)
        )
        slow.drain()
        wait_for_alerts(ward, len(patients))
        time.sleep(2 * EVERY_S)
    ward.keep_alerts()
    return seen


def test_a1_of_two_hundred_crises_none_is_mute_on_any_of_ten_screens_at_any_poll(ward: Ward, watched: Watched) -> None:
    assert watched.faults == []
    assert watched.polls >= SCREENS * 10
    assert sorted(set(watched.mute) - set(WAITING)) == []
    rows = ward.section("CRITICAL")["patients"]
    assert sorted(row["patient_id"] for row in rows) == sorted(SCORED + WAITING)
    assert {row["alerts"][0]["kind"] for row in rows} == {"measured"}
    assert ward.api("board")["unanswered"] == len(rows)


def test_a1_who_is_on_the_board_before_a_crisis_because_a_prediction_is_missing_is_mute_for_two_seconds_at_most(
    watched: Watched,
) -> None:
    late = {patient_id: watched.longest_s(patient_id) for patient_id in WAITING}
    seen_within_s = RAISED_WITHIN_S + EVERY_S  # a screen sees it when it looks the next time
    assert {patient_id: seconds for patient_id, seconds in late.items() if seconds > seen_within_s} == {}


def test_a12_a_wall_says_how_many_it_does_not_show(ward: Ward, watched: Watched) -> None:
    assert watched.polls
    assert len(ward.rows("?kiosk=1")) == TILES
    more = len(SCORED + WAITING) - TILES
    assert f"<strong>+{more}</strong> not on this screen" in ward.get("/board/rows?kiosk=1")


def test_a2_of_two_hundred_crises_none_leaves_the_board_or_a_count_with_a_normal_reading(
    ward: Ward, watched: Watched
) -> None:
    assert watched.polls
    ward.arrive(ward.reading(patient_id, ward.just_now, 122, 76) for patient_id in CALMED)
    board = ward.api("board")
    assert board["unanswered"] == len(SCORED + WAITING)
    rows = ward.rows()
    assert {row.patient_id for row in rows.values() if row.mark("due") == "1"} == {*SCORED, *WAITING}
    assert {row.mark("urgency") for row in rows.values()} == {"CRITICAL"}
