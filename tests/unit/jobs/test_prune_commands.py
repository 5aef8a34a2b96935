"""What `prune` and `erase` say when they cannot do their work, and which rejected messages name a patient."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conf.errors import EXIT_FAILURE
from jobs import erase, prune
from jobs.erase import name_finder

Command = Callable[[list[str]], int]
COMMANDS = [(prune.main, []), (erase.main, ["--patient", "p-1"])]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Yield settings that name a port on which nobody answers."""
    monkeypatch.chdir(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("BP_ELASTICSEARCH_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        yield


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(("command", "options"), COMMANDS)
@pytest.mark.parametrize("more", [[], ["--delete"]])
def test_elasticsearch_that_is_away_is_one_line(
    command: Command, options: list[str], more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([*options, *more]) == EXIT_FAILURE
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert shown.err.startswith("error: Elasticsearch did not do it")
    assert "BP_ELASTICSEARCH_URL" in shown.err


@pytest.mark.usefixtures("nowhere")
def test_settings_that_contradict_each_other_are_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_RETENTION_DAYS", "30")
    assert prune.main(["--delete"]) == EXIT_FAILURE
    assert capsys.readouterr().err.startswith("error: Readings are accepted up to an age of 400 days")


def test_patient_to_erase_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        erase.main(["--delete"])
    assert caught.value.code == 2
    assert "--patient" in capsys.readouterr().err


@pytest.mark.parametrize(
    "payload",
    [
        '{"subject":{"reference":"Patient/17"}}',
        '{"subject": {"reference": "Patient/17/_history/4"}}',
        '{"subject":{"reference":"https://fhir.example.org/Patient/17"}}',
        '{"subject":{"reference":"Patient\\/17"}}',
        '{"subject":{"reference":"urn:uuid:17"}}',
        '{"subject":{"identifier":{"system":"s","value":"17"}}}',
        '{"request":{"ifNoneExist":"identifier=s|17"}}',
        '{"subject":{"reference":"Patient/17',  # cut
    ],
)
@pytest.mark.parametrize("patient_id", ["17", "s|17", "https://fhir.example.org|17"])
def test_message_that_names_the_patient_is_found(payload: str, patient_id: str) -> None:
    assert name_finder(patient_id)({"payload": payload})


@pytest.mark.parametrize(
    "payload",
    [
        '{"subject":{"reference":"Patient/170"}}',
        '{"subject":{"reference":"Patient/217"}}',
        '{"subject":{"reference":"Patient/17-2"}}',
        '{"subject":{"reference":"Patient/17.2"}}',
        '{"value":17,"other":[17]}',
        '{"value": 17}',
        None,
    ],
)
def test_message_that_names_somebody_else_is_left(payload: str | None) -> None:
    assert not name_finder("17")({"payload": payload, "detail": "299 is above 250"})


def test_detail_names_a_patient_as_well() -> None:
    assert name_finder("17")({"detail": "Group/17", "payload": None})
    assert name_finder("17")({"detail": "identifier without a usable system and value: {'value': '17'}"})


def test_a_refusal_without_its_payload_names_the_patient_too() -> None:
    """With pseudonyms neither payload nor detail is kept, but the patient's pseudonym is."""
    refused = {"patient_id": "864f867a6ead4da426eb858284ae220f", "payload": None, "detail": "withheld"}

    assert name_finder("864f867a6ead4da426eb858284ae220f")(refused)
    assert not name_finder("864f867a6ead4da426eb858284ae220e")(refused)


def test_signs_in_an_id_are_taken_as_they_are() -> None:
    assert name_finder("a.b")({"payload": '"Patient/a.b"'})
    assert not name_finder("a.b")({"payload": '"Patient/aXb"'})
