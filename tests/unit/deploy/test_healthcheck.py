"""A health check says healthy of what lives, and names what does not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conf.settings import METRICS_FILE
from deploy.healthcheck import UnhealthyError, check_alerts, check_page, check_stream, container_started, main
from jobs.streaming import progress
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.http_server import Answering, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PATIENCE = timedelta(minutes=3)
BORN = NOW - timedelta(days=2)


def metrics_seen(tmp_path: Path, **ages_s: float) -> Path:
    """Return the file that the stream itself writes, each query seen so many seconds before NOW."""
    file = tmp_path / METRICS_FILE
    metrics = progress.Metrics(file, NOW - timedelta(days=1), None)
    for name, age_s in ages_s.items():
        metrics.see(name, NOW - timedelta(seconds=age_s))
    return file


def test_the_stream_is_healthy_while_both_queries_are_seen(tmp_path: Path) -> None:
    file = metrics_seen(tmp_path, ingest=10, score=170)
    check_stream(json.loads(file.read_text()), BORN, NOW, PATIENCE)


def test_a_stream_is_not_healthy_by_what_an_earlier_life_of_its_container_has_left(tmp_path: Path) -> None:
    metrics = json.loads(metrics_seen(tmp_path, ingest=10, score=10).read_text())
    with pytest.raises(UnhealthyError, match="of an earlier life"):
        check_stream(metrics, NOW - timedelta(seconds=5), NOW, PATIENCE)


def test_a_stream_is_not_healthy_before_each_query_has_begun_its_work(tmp_path: Path) -> None:
    progress.Metrics(tmp_path / METRICS_FILE, NOW - timedelta(seconds=5), None).see("ingest", NOW)
    with pytest.raises(UnhealthyError, match="query score has not begun"):
        check_stream(json.loads((tmp_path / METRICS_FILE).read_text()), BORN, NOW, PATIENCE)


def test_a_query_that_hangs_is_named_although_the_other_one_lives(tmp_path: Path) -> None:
    file = metrics_seen(tmp_path, ingest=1, score=190)
    with pytest.raises(UnhealthyError, match="query score has not been seen for 190 s"):
        check_stream(json.loads(file.read_text()), BORN, NOW, PATIENCE)


def test_a_stream_that_never_started_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_LOCAL_DIR", str(tmp_path))
    assert main(["stream"]) == 1
    assert capsys.readouterr().err.startswith("error: The stream has not started")


def test_a_stream_that_began_long_ago_and_was_not_seen_since_is_not_healthy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics_seen(tmp_path)
    monkeypatch.setenv("BP_LOCAL_DIR", str(tmp_path))
    assert main(["stream", "--max-age", "60"]) == 1


def test_a_container_began_with_its_process_1(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "stat").write_text("cpu  1 2 3\nbtime 1772366400\nprocesses 7\n")
    ticks = 30 * os.sysconf("SC_CLK_TCK")
    (tmp_path / "1" / "stat").write_text(f"1 (a (name) of 3) S {' '.join('0' * 18)} {ticks} 4096 7\n")
    assert container_started(tmp_path) == datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert container_started() < datetime.now(UTC)


def test_the_alert_service_is_healthy_while_a_copy_of_it_works() -> None:
    check_alerts(NOW + timedelta(seconds=12), BORN, NOW, timedelta(seconds=60))
    check_alerts(NOW - timedelta(seconds=60), BORN, NOW, timedelta(seconds=60))


def test_the_alert_service_is_not_healthy_by_a_lease_of_an_earlier_life_of_its_container() -> None:
    with pytest.raises(UnhealthyError, match="has not begun"):
        check_alerts(NOW + timedelta(seconds=10), NOW - timedelta(seconds=1), NOW, timedelta(seconds=60))
    check_alerts(NOW + timedelta(seconds=12), NOW - timedelta(seconds=1), NOW, timedelta(seconds=60))


def test_an_alert_service_that_nobody_has_taken_over_is_told_with_its_silence() -> None:
    with pytest.raises(UnhealthyError, match="has been at work for 61 s"):
        check_alerts(NOW - timedelta(seconds=61), BORN, NOW, timedelta(seconds=60))


def test_an_alert_service_that_never_worked_is_not_healthy() -> None:
    with pytest.raises(UnhealthyError, match="has not begun"):
        check_alerts(None, BORN, NOW, timedelta(seconds=60))


def test_the_alert_service_is_asked_for_where_the_settings_say(
    fake: FakeElasticsearch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", fake.url)
    assert main(["alerts"]) == 1
    assert capsys.readouterr().err.startswith("error: The alert service has not begun")


class Page(Answering):
    """Answers with 200 under the name site.example.org alone."""

    def do_GET(self) -> None:  # noqa: N802 - the name that the server calls
        self.send(200 if self.headers["Host"] == "site.example.org" else 400)


@pytest.fixture
def page() -> Iterator[str]:
    with serving(Page) as url:
        yield f"{url}/"


def test_a_page_that_answers_is_healthy(page: str) -> None:
    check_page(page, "site.example.org")


def test_a_page_that_answers_with_a_fault_is_not(page: str) -> None:
    with pytest.raises(UnhealthyError, match="answers with 400"):
        check_page(page)


def test_a_page_that_does_not_answer_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["page", "http://127.0.0.1:9/"]) == 1
    assert "does not answer" in capsys.readouterr().err
