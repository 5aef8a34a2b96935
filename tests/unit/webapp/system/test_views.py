"""The system page is there when it is needed: also while the rest is away."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.chain import Part
from conf.settings import METRICS_FILE
from elastic.names import ALERT_SERVICE, REJECTED
from jobs.streaming import progress
from tests.support.chain import chain_document
from tests.support.fake_search import FakeSearch
from tests.support.ward import refusal
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


def test_a_fault_of_our_own_and_a_month_that_takes_no_documents_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = {"INTERNAL_ERROR": 1, "INDEX_NOT_WRITABLE": 2, "DOCUMENT_REFUSED": 3, "DUPLICATE": 70}
    groups = [{"reason": reason, "count": count, "newest": NOON.isoformat()} for reason, count in numbers.items()]
    monkeypatch.setattr("webapp.system.views.statistics.rejects_by_reason", lambda *_: groups)
    html = page(tmp_path)
    assert "the program itself failed at 1 message, kept" in html
    assert "did not take 5 readings" in html


def test_predictions_that_failed_or_were_not_kept_are_shown(tmp_path: Path) -> None:
    metrics = progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    metrics.count("score", 0, {"failed": 2, "unwritten": 1})
    times = {"finished_at": NOON.isoformat(), "duration_ms": 9, "durations_ms": {}, "rows_per_second": 1.0}
    metrics.record({"query": "score", "batch_id": 0, "rows": 9, "lag": 0, **times})
    html = page(tmp_path)
    assert "failed 2 times at a prediction" in html
    assert "1 prediction was shown but not kept" in html


def test_nothing_is_told_of_faults_where_there_are_none(tmp_path: Path) -> None:
    progress.Metrics(tmp_path / METRICS_FILE, NOON, None)
    assert "itself failed" not in page(tmp_path)


def test_what_sounds_like_a_crisis_of_an_unknown_patient_is_told_for_a_day_with_its_device(tmp_path: Path) -> None:
    search = FakeSearch()
    search.put(REJECTED, refusal(None, NOON - timedelta(hours=23), "212/134 mmHg", "SUBJECT_MISSING"))
    search.put(REJECTED, refusal(None, NOON - timedelta(hours=25), "214/134 mmHg", "SUBJECT_MISSING"))
    search.put(REJECTED, refusal("p-1", NOON, "216/134 mmHg"))

    html = make_site(tmp_path, search).signed_in("admin").get("/admin/system").get_data(as_text=True)

    assert "212/134 mmHg" in html
    assert "cuff-7" in html
    assert "214/134" not in html
    assert "216/134" not in html  # of a known patient: no values for who runs the site


def drift_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patients: int, *moved: str) -> str:
    figures = {"psi": 0.312, "psi_low": 0.26, "psi_high": 0.41, "mean": 141.23, "reference_mean": 133.1}
    day = {"@timestamp": "2026-03-09T00:00:00Z", "patients": patients, "drift": "strong", **figures}
    monkeypatch.setattr("webapp.system.views.latest.model_versions", lambda *_: ["v1"])
    still = {**day, "psi": 0.01, "psi_low": 0.0, "psi_high": 0.02, "drift": "stable", "feature": "mean_heart_rate"}
    found = [*({**day, "feature": name} for name in moved), still]
    monkeypatch.setattr("webapp.system.views.monitoring.drift", lambda *_: found)
    return page(tmp_path)


def test_strong_drift_is_marked_in_words_with_its_interval_and_both_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html = drift_page(tmp_path, monkeypatch, 100, "mean_systolic", "interval_minutes")

    assert 'title="mean_systolic">mean systolic of the window (mmHg)<' in html
    assert 'class="state-bad">strong<' in html
    assert ">0.31 (0.26\N{EN DASH}0.41)<" in html
    assert ">141.2<" in html
    assert ">133.1<" in html


def test_drift_of_few_patients_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    html = drift_page(tmp_path, monkeypatch, 49, "mean_systolic")

    assert "49 patients: too few for a judgement" in html
    assert "strong<" not in html


def test_another_rhythm_of_readings_alone_is_told_calmly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    html = drift_page(tmp_path, monkeypatch, 200, "interval_minutes")

    assert "Only the times of the readings have moved" in html
    assert "state-bad" not in html


def test_what_an_older_monitor_wrote_is_still_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"@timestamp": "2026-03-09T00:00:00Z", "patients": 200, "feature": "systolic_lag00", "psi": 0.3}
    monkeypatch.setattr("webapp.system.views.latest.model_versions", lambda *_: ["v1"])
    monkeypatch.setattr("webapp.system.views.monitoring.drift", lambda *_: [{**old, "drift": "strong"}])

    assert ">systolic_lag00<" in page(tmp_path)


def test_reasons_are_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [{"reason": "SYSTOLIC_OUT_OF_RANGE", "count": 2, "newest": NOON.isoformat()}]
    monkeypatch.setattr("webapp.system.views.statistics.rejects_by_reason", lambda *_: groups)

    assert 'title="SYSTOLIC_OUT_OF_RANGE">outside the limits of what is possible<' in page(tmp_path)


def chain_page(tmp_path: Path, language: str, looked_s: float = 0, **ages_s: float) -> str:
    """Return the picture of the chain, as words, where the last signs of some links are so old."""
    search = FakeSearch()
    signs = {Part(name): age_s for name, age_s in ages_s.items()}
    search.fake.index(index=ALERT_SERVICE, id="chain", document=chain_document(NOON, signs, looked_s))
    admin = make_site(tmp_path, search).signed_in("admin", language=language)
    html = admin.get("/admin/system").get_data(as_text=True)
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace(" ,", ",").split()).replace(" ,", ",")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en",
            (
                "The chain is broken: no sign of life of “Stream”.",
                "Kafka alive, last sign 1 s ago",
                "Stream no sign of life, last sign 2 min ago",
                "Scoring not known",
                "Site alive, last sign 3 s ago",
            ),
        ),
        (
            "fr",
            (
                "La chaîne est rompue : aucun signe de vie de « Flux ».",
                "Kafka en vie, dernier signe il y a 1 s",
                "Flux aucun signe de vie, dernier signe il y a 2 min",
                "Calcul des risques inconnu",
                "Site en vie, dernier signe il y a 3 s",
            ),
        ),
    ],
)
def test_the_chain_says_what_is_dead_and_how_old_each_link_is(
    tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    page_text = chain_page(tmp_path, language, kafka=1, stream=170, site=3).replace("\N{NO-BREAK SPACE}", " ")
    assert [each for each in words if each not in page_text] == []


def test_without_an_alert_service_that_looks_it_is_what_is_dead(tmp_path: Path) -> None:
    text = chain_page(tmp_path, "en", looked_s=40)
    assert "no sign of life of “Alert service”" in text
    assert "Stream not known, last sign 40 s ago" in text


def test_an_alert_service_that_has_looked_lately_is_alive(tmp_path: Path) -> None:
    assert "The chain is broken" not in chain_page(tmp_path, "en", looked_s=20)


def test_without_elasticsearch_the_chain_says_that(tmp_path: Path) -> None:
    assert "no sign of life of “Elasticsearch”" in page(tmp_path, away=True)


def test_before_anybody_has_looked_there_is_no_chain(tmp_path: Path) -> None:
    assert 'id="chain"' not in page(tmp_path)
