"""The system page is there when it is needed: also while the rest is away."""

from __future__ import annotations

from pathlib import Path

from conf.settings import METRICS_FILE
from jobs.streaming import progress
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import NOON, make_site


def page(tmp_path: Path, *, minutes: float = 0, away: bool = False) -> str:
    search = FakeSearch()
    search.fake.is_away = away
    site = make_site(tmp_path, search)
    site.clock.pass_by(minutes=minutes)
    answer = site.signed_in("admin").get("/admin/system")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_without_a_stream_the_page_says_so(tmp_path: Path) -> None:
    assert "The stream has left no metrics here" in page(tmp_path)


def test_a_stream_at_work_is_told(tmp_path: Path) -> None:
    progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    assert "The stream is at work" in page(tmp_path, minutes=1)


def test_a_stream_that_has_stopped_is_told(tmp_path: Path) -> None:
    progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    assert "The stream has finished no micro-batch" in page(tmp_path, minutes=5)


def test_without_elasticsearch_the_page_still_tells_of_the_stream(tmp_path: Path) -> None:
    progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    html = page(tmp_path, away=True)
    assert "Elasticsearch does not answer" in html
    assert "The stream is at work" in html
