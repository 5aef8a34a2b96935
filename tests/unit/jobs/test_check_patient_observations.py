"""The count of observations by patient, from the command line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from conf.errors import EXIT_FAILURE, EXIT_OK
from elastic.names import OBSERVATIONS
from jobs.check_patient_observations import PatientCount, count_observations, main
from tests.support.fake_elasticsearch import FakeElasticsearch

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, fake: FakeElasticsearch, client: Elasticsearch, tmp_path: Path) -> Run:
    """Call the command with its options, against the fake."""
    assert client
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", fake.url)

    def call(*options: str) -> int:
        monkeypatch.setattr("sys.argv", ["check", *options])
        return main()

    return call


def store(fake: FakeElasticsearch, **counts: int) -> None:
    """Store so many Observations of each patient, one a day, in two months."""
    for patient_id, count in counts.items():
        for day in range(1, count + 1):
            month = "2026.03" if day % 2 else "2026.04"
            source = {"patient_id": patient_id, "@timestamp": f"{month.replace('.', '-')}-{day:02d}T00:00:00.000Z"}
            fake.searchable[f"{OBSERVATIONS}-{month}", f"{patient_id}|{day}"] = source


def test_patients_are_counted_over_all_months_with_their_first_and_last_time(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    store(fake, a=3, b=1)
    assert list(count_observations(client)) == [
        PatientCount("a", 3, "2026-03-01T00:00:00.000Z", "2026-04-02T00:00:00.000Z"),
        PatientCount("b", 1, "2026-03-01T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
    ]


@pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5])
def test_every_patient_is_counted_once_however_pages_fall(
    fake: FakeElasticsearch, client: Elasticsearch, page_size: int
) -> None:
    store(fake, a=1, b=2, c=3, d=4)
    assert [patient.observations for patient in count_observations(client, page_size)] == [1, 2, 3, 4]
    assert fake.requests["_search"] <= 4 // page_size + 1 + (4 % page_size > 0)


def test_nothing_stored_yet_is_no_error(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == EXIT_OK
    assert "0 patients, 0 observations" in capsys.readouterr().out


def test_table_ends_with_the_sums(run: Run, fake: FakeElasticsearch, capsys: pytest.CaptureFixture[str]) -> None:
    store(fake, a=3, b=1)
    assert run() == EXIT_OK
    shown = capsys.readouterr().out
    assert "2 patients, 4 observations" in shown
    assert all(text in shown for text in ("patient", "observations", "first", "last"))


def test_json_is_one_object_a_line(run: Run, fake: FakeElasticsearch, capsys: pytest.CaptureFixture[str]) -> None:
    store(fake, a=3, b=1)
    assert run("--json") == EXIT_OK
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first == {
        "patient_id": "a",
        "observations": 3,
        "first": "2026-03-01T00:00:00.000Z",
        "last": "2026-04-02T00:00:00.000Z",
    }
    assert second["patient_id"] == "b"


@pytest.mark.parametrize(("least", "kept"), [("0", ["a", "b"]), ("2", ["a"]), ("3", ["a"]), ("4", [])])
def test_patients_with_fewer_than_the_least_are_left_out(
    run: Run, fake: FakeElasticsearch, capsys: pytest.CaptureFixture[str], least: str, kept: list[str]
) -> None:
    store(fake, a=3, b=1)
    run("--json", "--min", least)
    assert [json.loads(line)["patient_id"] for line in capsys.readouterr().out.splitlines()] == kept


def test_elasticsearch_that_is_away_is_one_line_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BP_ELASTICSEARCH_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        assert run() == EXIT_FAILURE
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: Elasticsearch does not answer")
    assert shown.err.count("\n") == 1
    assert "BP_ELASTICSEARCH_URL" in shown.err


def test_account_that_may_not_read_is_told_the_same_way(
    run: Run, fake: FakeElasticsearch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.request_faults = [403]
    assert run("--json") == EXIT_FAILURE
    assert capsys.readouterr().err.startswith("error: Elasticsearch")


def test_shard_that_is_away_never_looks_like_fewer_observations(
    run: Run, fake: FakeElasticsearch, capsys: pytest.CaptureFixture[str]
) -> None:
    store(fake, a=3)
    fake.search_faults = 1
    assert run("--json") == EXIT_FAILURE
    assert capsys.readouterr().out == ""


def test_unknown_option_shows_the_usage(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("--least", "3")
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err
