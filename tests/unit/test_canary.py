"""Nobody is shown the canary, nothing is learnt from it: every place that reads patients' documents leaves it out."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from alerts.lookout import Lookout
from alerts.notifications.plan import tellings
from alerts.rules import load_rules
from alerts.simulation import running
from conf.canary import CANARY_PREFIX
from conf.settings import Settings
from demo.figures import count_levels
from elastic import connector
from elastic.scope import OF_CANARIES, Scope
from jobs import check_patient_observations, export
from jobs.streaming.archive import write_archive
from tests.support.fake_search import FakeSearch, matches
from tests.support.kql import translate
from tests.support.notifying import policy
from tests.support.sources import modules_of
from tests.support.ward import alert, reading

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CANARY, PATIENT = (reading(id_, NOON, 205, 125) for id_ in (f"{CANARY_PREFIX}1", "p-1"))
Json = dict[str, Any]


def leaves_out(query: Any) -> bool:
    """Tell whether a query of Elasticsearch finds a patient's reading and not the canary's."""
    return matches(PATIENT, query) and not matches(CANARY, query)


def of_site() -> bool:
    scope = Scope()
    return leaves_out(scope.limit({})["query"]) and scope.admits(PATIENT, {}) and not scope.admits(CANARY, {})


def of_training_and_monitor(monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(connector, "_exists", lambda *_: True)
    spark = Mock()
    connector.read_index(spark, Settings(), "any", ("patient_id",))
    options = spark.read.format.return_value.options.call_args.kwargs
    return leaves_out(json.loads(options["es.query"])["query"])


def of_archive(folder: Path) -> bool:
    write_archive(folder, 1, "0-1", [CANARY, PATIENT])
    (file,) = folder.glob("observations/*/*.csv")
    return "p-1" in file.read_text() and CANARY_PREFIX not in file.read_text()


def of_export() -> bool:
    return leaves_out(export.query(None, None, None))


def of_counts() -> bool:
    client = Mock(search=Mock(return_value={}))
    list(check_patient_observations.count_observations(client))
    return leaves_out(client.search.call_args.kwargs["query"])


def of_demo() -> bool:
    client = Mock(search=Mock(return_value={}))
    count_levels(client, "any", "alert_level")
    return leaves_out(client.search.call_args.kwargs["query"])


def of_dashboards() -> bool:
    lines = Path("kibana/saved_objects.ndjson").read_text(encoding="utf-8").splitlines()
    dashboards = [found for line in lines if (found := json.loads(line)).get("type") == "dashboard"]
    asked = [
        json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
        for each in dashboards
    ]
    return bool(asked) and all(leaves_out(translate(text)) for text in asked)


def of_routes_of_notifications() -> bool:
    told = [tellings(alert(id_, NOON), policy()) for id_ in (f"{CANARY_PREFIX}1", "p-1")]
    return told[0] == [] and told[1] != []


def of_silence_and_feed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    follow, arrivals = Mock(), Mock(return_value={})
    monkeypatch.setattr("alerts.lookout.silence.follow", follow)
    monkeypatch.setattr("alerts.lookout.feed.arrivals", arrivals)
    Lookout(FakeSearch(), load_rules(), Settings(local_dir=folder)).turn(
        [CANARY, PATIENT], [], [], NOON, is_all_read=False
    )
    taken = follow.call_args.args[2], arrivals.call_args.args[0]
    return taken == ([PATIENT], [PATIENT])


def of_simulator(monkeypatch: pytest.MonkeyPatch) -> bool:
    newest_times = Mock(return_value=[])
    monkeypatch.setattr("alerts.simulation.running.observations.newest_times", newest_times)
    monkeypatch.setattr(running, "_stops", lambda *_: [])
    monkeypatch.setattr(running, "_asides", lambda *_: {})
    running.simulate(Settings(), NOON, NOON, {})
    return bool(newest_times.call_args.args[0].scope == Scope())


PLACES: Mapping[str, Callable[[Path, pytest.MonkeyPatch], bool]] = {
    "every page, list, count, figure and answer of the site": lambda *_: of_site(),
    "training, retraining and the monitor": lambda _, patch: of_training_and_monitor(patch),
    "the archive, and training from it": lambda folder, _: of_archive(folder),
    "exports": lambda *_: of_export(),
    "counts of readings by patient": lambda *_: of_counts(),
    "the demo's figures": lambda *_: of_demo(),
    "the dashboards": lambda *_: of_dashboards(),
    "routes of notifications": lambda *_: of_routes_of_notifications(),
    "silence and feed": of_silence_and_feed,
    "the simulator of rules": lambda _, patch: of_simulator(patch),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_canary_is_left_out_of(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PLACES[place](tmp_path, monkeypatch)


def test_the_check_sees_a_place_that_forgets_it() -> None:
    assert not leaves_out({"match_all": {}})
    assert not leaves_out(OF_CANARIES)


def test_the_site_has_no_search_without_a_scope() -> None:
    """Only the factory makes one, for `Services.search_within`, which asks for a scope."""
    makers = {
        module
        for module, text in modules_of(["webapp"]).items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Search"
    }
    assert makers == {"webapp.factory"}
