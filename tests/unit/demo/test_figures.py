from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import elasticsearch
import pytest

from demo.figures import (
    ALERTS_SUCCESS,
    OPEN_ALERTS,
    STREAM_SUCCESS,
    Figures,
    Rates,
    count_levels,
    read_metrics,
    read_step,
    read_trouble,
    to_figures,
    waiting_for,
)
from elastic.scope import without_canaries

LEVELS = {"CRITICAL": 1, "HIGH": 2, "MEDIUM": 3, "LOW": 4}
ALERTS = {"CRITICAL": 2, "HIGH": 0, "MEDIUM": 0, "LOW": 0, "STALE": 3}


def metrics(**changes: Any) -> dict[str, Any]:
    ingest = {
        "batches": 8,
        "duration_ms": 400,
        "lag": 5,
        "totals": {"messages": 1000, "readings": 990, "rejected": 8, "ignored": 2},
        "rejected_by_reason": {"TIME_MISSING": 8},
    }
    score = {"batches": 4, "duration_ms": 900, "lag": 70, "totals": {"messages": 1000, "predictions": 900}}
    content = {"spark_ui": "http://127.0.0.1:4040", "model_version": "m1"}
    return {**content, "queries": {"ingest": ingest, "score": score}, **changes}


def test_figures_take_readings_from_ingest_and_predictions_from_score() -> None:
    figures = to_figures(metrics(), LEVELS, ALERTS)

    assert (figures.readings, figures.predictions, figures.rejected, figures.patients) == (990, 900, 8, 10)
    assert (figures.ingest_ms, figures.score_ms, figures.model_version) == (400, 900, "m1")


def test_the_lag_is_that_of_the_query_further_behind() -> None:
    assert to_figures(metrics(), LEVELS, ALERTS).lag == 70


def test_metrics_of_a_stream_that_has_just_begun_give_empty_figures() -> None:
    assert to_figures({}, {}, {}) == Figures()
    assert to_figures({"queries": {}}, {}, {}) == Figures()


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_metrics_file_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)

    assert read_metrics(tmp_path / "metrics.json") == {}


def test_a_missing_metrics_file_counts_as_none(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.json") == {}


FAILED = (
    "2026-01-01 00:00:00,000 WARNING jobs.streaming.stopping query ingest failed, restart 1 in 1 s: no Elasticsearch\n"
)
SPARK_WARNING = "2026-01-01T00:00:00.000Z WARN TaskSetManager: Lost task\n\tat java.lang.Thread.run\n"
DONE = '2026-01-01 00:00:01,000 INFO jobs.streaming.progress micro-batch {"query": "ingest"}\n'


@pytest.mark.parametrize(
    ("log", "trouble"),
    [
        ("", None),
        (SPARK_WARNING, None),
        (FAILED + SPARK_WARNING, "query ingest failed, restart 1 in 1 s: no Elasticsearch"),
        (DONE + FAILED, "query ingest failed, restart 1 in 1 s: no Elasticsearch"),
        (FAILED + DONE, None),
        (DONE + 100_000 * "\n" + FAILED, "query ingest failed, restart 1 in 1 s: no Elasticsearch"),
    ],
)
def test_the_streams_own_warning_counts_until_a_micro_batch_succeeds(
    tmp_path: Path, log: str, trouble: str | None
) -> None:
    (tmp_path / "stream.log").write_text(log)

    assert read_trouble(tmp_path / "stream.log", STREAM_SUCCESS) == trouble


def test_the_alert_services_warning_counts_until_it_says_that_it_is_back(tmp_path: Path) -> None:
    log = tmp_path / "alerts.log"
    log.write_text("2026-01-01 00:00:00,000 WARNING alerts Elasticsearch does not answer\n")
    assert read_trouble(log, ALERTS_SUCCESS) == "Elasticsearch does not answer"
    with log.open("a") as more:
        more.write("2026-01-01 00:00:02,000 INFO alerts this copy keeps the alerts now\n")
    assert read_trouble(log, ALERTS_SUCCESS) is None


def test_levels_are_counted_highest_first_and_what_is_no_level_of_a_model_comes_last() -> None:
    answer = {"aggregations": {"levels": {"buckets": [{"key": k, "doc_count": n} for k, n in ALERTS.items() if n]}}}
    client = Mock(search=Mock(return_value=answer))
    assert list((count_levels(client, "alerts", "level", OPEN_ALERTS) or {}).items()) == list(ALERTS.items())
    assert client.search.call_args.kwargs["query"] == without_canaries(OPEN_ALERTS)


def test_what_is_asked_of_all_patients_can_be_sent() -> None:
    client = Mock(search=Mock(return_value={}))
    count_levels(client, "latest", "alert_level")
    assert json.loads(json.dumps(client.search.call_args.kwargs["query"])) == without_canaries({"match_all": {}})


def test_nothing_is_counted_while_elasticsearch_is_away() -> None:
    client = Mock(search=Mock(side_effect=elasticsearch.ConnectionError("away")))
    assert count_levels(client, "alerts", "level") is None


@pytest.mark.parametrize(
    ("changes", "levels", "awaited"),
    [
        ({"spark_ui": None}, {}, "Spark to start"),
        ({"queries": {}}, {}, "the first micro-batch"),
        ({}, {}, "the first predictions"),
        ({}, LEVELS, None),
    ],
)
def test_the_demo_says_what_it_waits_for(changes: dict[str, Any], levels: dict[str, int], awaited: str | None) -> None:
    assert waiting_for(to_figures(metrics(**changes), levels, {})) == awaited


def test_rates_are_those_of_the_last_half_minute() -> None:
    rates = Rates()
    assert rates.add(0.0, Figures(readings=0, predictions=0)) == (0.0, 0.0)
    assert rates.add(10.0, Figures(readings=100, predictions=50)) == (10.0, 5.0)
    assert rates.add(40.0, Figures(readings=400, predictions=50)) == (10.0, 0.0)


def test_the_json_for_scripts_holds_the_sums_too() -> None:
    content = json.loads(to_figures(metrics(), LEVELS, ALERTS).to_json())

    assert (content["patients"], content["rejected"], content["patients_by_level"]) == (10, 8, LEVELS)
    assert (content["alerts"], content["alerts_by_level"]) == (5, ALERTS)


def test_the_step_of_a_training_is_what_its_log_has_told_last(tmp_path: Path) -> None:
    log = tmp_path / "retrain.log"
    log.write_text("WARNING: Using modules\n01:46:17 Collecting rows: simulated\n[01:46:20] Task 0 got rank 0\n")
    assert read_step(log) == "Collecting rows"
    log.write_text("01:46:17 Collecting rows: simulated\n01:46:30 Growing the random forest\n01:46:31 1 h: 12 trees\n")
    assert read_step(log) == "Growing the random forest"


def test_before_the_training_has_told_anything_it_has_no_step(tmp_path: Path) -> None:
    log = tmp_path / "retrain.log"
    log.write_text("WARNING: Using incubator modules\n")
    assert read_step(log) is None
