"""Parts of the system that give no sign of life: what is missed, and what the stream's metrics file tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.documents import to_document, to_episode
from alerts.model import AlertKind, alert_id
from alerts.rules import SystemRule, load_rules
from alerts.system import INGEST, MONITOR, PATIENTS, RISKS, SCORE, Sign, check, read
from elastic.names import MODEL_MONITORING
from elastic.search import latest
from jobs.streaming.progress import Metrics
from tests.support.fake_search import FakeSearch

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
RULE = SystemRule(silent_seconds=180, answer_within_minutes={"CRITICAL": 5})
WITHIN = timedelta(minutes=3)


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def test_a_part_is_missed_from_its_limit_on_and_not_a_moment_before() -> None:
    signs = [Sign(INGEST, START, WITHIN)]
    assert check(signs, at(180) - timedelta(microseconds=1)) == {}
    assert check(signs, at(180)) == check(signs, at(9000))


def test_each_part_that_is_missed_has_its_alert() -> None:
    signs = [Sign(INGEST, at(0), WITHIN), Sign(SCORE, at(100), WITHIN), Sign(MONITOR, at(-9e5), timedelta(days=2), 2)]
    found = check(signs, at(200))
    assert list(found) == [INGEST, MONITOR]
    documents = {part: to_document(part, found[part], load_rules().terms(AlertKind.SYSTEM)) for part in found}
    assert [document["level"] for document in documents.values()] == ["CRITICAL", "HIGH"]
    assert documents[INGEST]["alert_id"] == alert_id(INGEST, AlertKind.SYSTEM, at(180))
    assert documents[INGEST]["part"] == "stream-ingest"
    assert datetime.fromisoformat(documents[INGEST]["worst"]["at"]) == at(0)
    assert to_episode(documents[MONITOR]) == found[MONITOR]


def signs(file: Path) -> list[Sign]:
    return read(FakeSearch(), file, 10, RULE, at(900))


def test_the_stream_of_this_machine_tells_of_both_its_queries(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    metrics = Metrics(file, at(0), None)
    metrics.see("ingest", at(880))
    assert signs(file) == [Sign(INGEST, at(880), WITHIN), Sign(SCORE, at(0), WITHIN)]
    assert list(check(signs(file), at(900))) == [SCORE]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"queries": 3}', '{"queries": {"ingest": {}}}'])
def test_without_a_file_that_can_be_read_the_stream_runs_elsewhere(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "metrics.json"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert signs(file) == []


def test_times_of_the_file_are_read_with_their_zone(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    queries = {"ingest": {"seen_at": "2026-03-01T13:00:00.000+01:00"}}
    file.write_text(json.dumps({"queries": queries}), encoding="utf-8")
    assert signs(file) == [Sign(INGEST, START, WITHIN)]


@pytest.mark.parametrize("kind", ["calibration", "cusum"])
@pytest.mark.parametrize(
    ("is_off", "version", "is_told"), [(True, "v1", True), (False, "v1", False), (True, "v0", False)]
)
def test_risks_in_service_that_fit_no_more_are_an_alert_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_off: bool, version: str, is_told: bool
) -> None:
    search = FakeSearch()
    told = {"kind": kind, "model_version": version, "judged_at": at(0).isoformat(), "horizon_h": 6}
    search.put(MODEL_MONITORING, {**told, "is_off": is_off})
    monkeypatch.setattr(latest, "model_versions", lambda _: ["v1"])  # memory counts nothing
    found = check(read(search, tmp_path / "none", 10, RULE, at(900)), at(900))
    assert (RISKS in found) == is_told


@pytest.mark.parametrize(
    ("feature", "reading", "complete", "is_told"),
    [
        ("mean_systolic", "strong", True, True),
        ("mean_systolic", "moderate", True, False),
        ("interval_minutes", "strong", True, False),
        ("mean_systolic", "strong", False, False),
    ],
)
def test_patients_whom_the_model_does_not_know_are_an_alert_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, feature: str, reading: str, complete: bool, is_told: bool
) -> None:
    search = FakeSearch()
    day = {
        "kind": "drift",
        "model_version": "v1",
        "@timestamp": at(-86_400).isoformat(),
        "judged_at": at(0).isoformat(),
    }
    search.put(MODEL_MONITORING, {**day, "complete": complete, "feature": feature, "drift": reading, "psi": 0.4})
    monkeypatch.setattr(latest, "model_versions", lambda _: ["v1"])  # memory counts nothing
    found = check(read(search, tmp_path / "none", 10, RULE, at(900)), at(900))
    assert (PATIENTS in found) == is_told
    if is_told:
        assert to_document(PATIENTS, found[PATIENTS], load_rules().terms(AlertKind.SYSTEM))["level"] == "MEDIUM"
