"""Figures over all patients are asked for once, however many people look at them."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastic.names import PREDICTIONS
from tests.unit.webapp.recording import RecordingClient, recording_search
from tests.unit.webapp.site import Site, make_site


@pytest.fixture
def asked(tmp_path: Path) -> tuple[Site, RecordingClient]:
    search, client = recording_search()
    return make_site(tmp_path, search), client


@pytest.mark.parametrize("figure", ["summary", "levels", "freshness", "alarm-burden"])
def test_many_who_ask_the_same_within_a_minute_cost_one_query(asked: tuple[Site, RecordingClient], figure: str) -> None:
    site, client = asked
    first, second = site.signed_in(name="anne"), site.signed_in(name="bea")
    path = f"/api/v1/stats/{figure}"
    answer = first.get(path, page=False)
    count = len(client.bodies)
    site.clock.pass_by(seconds=59)
    other = second.get(path, page=False)
    assert (answer.status_code, answer.get_json(), len(client.bodies)) == (200, other.get_json(), count)
    site.clock.pass_by(minutes=2)
    second.get(path, page=False)
    assert len(client.bodies) > count


def test_another_span_is_another_question(asked: tuple[Site, RecordingClient]) -> None:
    site, _ = asked
    browser = site.signed_in()
    spans = [
        browser.get(f"/api/v1/stats/levels{query}", page=False).get_json()["from"]
        for query in ("", "?from=2026-03-01T00:00:00Z")
    ]
    assert spans == ["2026-03-09T12:00:00.000Z", "2026-03-01T00:00:00.000Z"]


def test_only_the_months_of_a_span_are_asked(asked: tuple[Site, RecordingClient]) -> None:
    site, client = asked
    site.signed_in().get("/api/v1/stats/levels?from=2026-01-31T00:00:00Z", page=False)
    names = {name for index in client.indices_asked for name in index.split(",")}
    assert names == {f"{PREDICTIONS}-2026.{month}" for month in ("01", "02", "03")}


def test_the_alarm_burden_of_the_predictions_page_is_shared_by_all_its_filters(
    asked: tuple[Site, RecordingClient],
) -> None:
    site, client = asked
    browser = site.signed_in()
    for query in ("", "?stratum=not_in_crisis", "?level=HIGH"):
        browser.get(f"/predictions{query}")
    burdens = [body for body in client.bodies if "cardinality" in body.get("aggs", {}).get("patients", {})]
    assert len(burdens) == 1
