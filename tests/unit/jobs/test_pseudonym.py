"""The key of the settings, the command that looks pseudonyms up, and what the stores hold of a patient with a key."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from conf.errors import EXIT_FAILURE, EXIT_OK, UserError
from conf.settings import Settings
from elastic.names import OBSERVATIONS, REJECTED
from fhir.pseudonyms import WITHHELD, patient_pseudonym
from fhir.readings import IntakeRules
from jobs.pseudonym import main, pseudonym_key
from jobs.streaming.source import parse_batches
from jobs.streaming.store import IngestBatch
from tests.support.factories import bundle, heart_rate_observation, observation, payload
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.ingesting import store_batch
from tests.unit.jobs.streaming.test_source import record_batch, row

KEY = "a key of at least thirty-two bytes"
NAME = "RAW-7f3a"
Store = Callable[..., None]


def named(**overrides: Any) -> bytes:
    """Return a message in which every identifier holds the patient's name."""
    subject, device = {"reference": f"Patient/{NAME}"}, {"reference": f"Device/cuff-of-{NAME}"}
    return payload(observation(**({"id": f"{NAME}-1", "subject": subject, "device": device} | overrides)))


@pytest.fixture
def store(client: Elasticsearch, settings: Settings) -> Store:
    """Take messages in with the key and store them as one micro-batch."""
    rules = IntakeRules(pseudonym_key=KEY.encode())

    def take(*contents: bytes, first: int = 0) -> None:
        rows = record_batch(*(row(content, first + place) for place, content in enumerate(contents)))
        for messages in parse_batches(iter([rows]), rules):
            store_batch(client, messages, IngestBatch(settings, rules, first, "2026-03-01T12:00:01.000Z"))

    return take


def everything(fake: FakeElasticsearch, settings: Settings) -> str:
    """Return all documents with their ids and indices, and all lines of the archive."""
    documents = json.dumps([[*key, document] for key, document in fake.documents.items()])
    return documents + "".join(path.read_text() for path in settings.data_dir.rglob("*.csv"))


def test_nothing_that_is_stored_names_the_patient(store: Store, fake: FakeElasticsearch, settings: Settings) -> None:
    store(
        named(),
        named(id=f"{NAME}-2"),  # a duplicate
        named(systolic=None),
        b'{"subject": "' + NAME.encode(),
        payload(bundle({"resourceType": NAME}, observation(subject={"reference": f"Group/{NAME}"}))),
        payload(heart_rate_observation(subject={"reference": f"Patient/{NAME}"}, id=f"{NAME}-3")),
    )

    assert len(fake.stored(OBSERVATIONS)) == 1
    assert len(fake.stored(REJECTED)) >= 4
    assert NAME not in everything(fake, settings)
    assert patient_pseudonym(NAME, KEY.encode()) in everything(fake, settings)


def test_rejected_message_keeps_its_reason_and_its_place_in_the_topic(store: Store, fake: FakeElasticsearch) -> None:
    store(named(systolic=None), first=7)

    (rejected,) = fake.stored(REJECTED).values()
    assert (rejected["reason"], rejected["detail"], rejected["payload"]) == ("SYSTOLIC_MISSING", WITHHELD, None)
    assert rejected["source_offset"] == 7


def test_retraction_by_id_reaches_the_stored_reading(store: Store, fake: FakeElasticsearch) -> None:
    store(named())
    bare = {"resourceType": "Observation", "status": "entered-in-error", "code": observation()["code"]}
    store(payload({**bare, "id": f"{NAME}-1"}), first=1)

    assert [document["status"] for document in fake.stored(OBSERVATIONS).values()] == ["entered-in-error"]


def test_correction_that_moves_a_reading_finds_the_old_document(store: Store, fake: FakeElasticsearch) -> None:
    store(named())
    store(named(status="amended", systolic=131, effectiveDateTime="2026-03-01T08:20:00+01:00"), first=1)

    stored = {document["systolic"]: document["status"] for document in fake.stored(OBSERVATIONS).values()}
    assert stored == {128: "entered-in-error", 131: "amended"}


def test_key_is_taken_from_the_settings() -> None:
    assert pseudonym_key(Settings()) is None
    assert pseudonym_key(Settings(pseudonym_key=SecretStr(KEY))) == KEY.encode()


@pytest.mark.parametrize("length", [1, 31])
def test_key_that_could_be_guessed_is_refused(length: int) -> None:
    with pytest.raises(UserError, match="BP_PSEUDONYM_KEY must hold at least 32 bytes"):
        pseudonym_key(Settings(pseudonym_key=SecretStr("k" * length)))


@pytest.fixture
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_a_folder")
def test_command_tells_the_pseudonym_of_each_id(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BP_PSEUDONYM_KEY", KEY)
    assert main(["123", "p-1"]) == EXIT_OK
    from_arguments = capsys.readouterr().out
    assert from_arguments.splitlines() == [patient_pseudonym(patient_id, KEY.encode()) for patient_id in ("123", "p-1")]

    monkeypatch.setattr("sys.stdin", io.StringIO("123\n\np-1\n"))
    assert main([]) == EXIT_OK
    assert capsys.readouterr().out == from_arguments


@pytest.mark.usefixtures("in_a_folder")
@pytest.mark.parametrize(("key", "told"), [("", "BP_PSEUDONYM_KEY is not set"), ("short", "at least 32 bytes")])
def test_command_without_a_key_that_can_be_used_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], key: str, told: str
) -> None:
    monkeypatch.setenv("BP_PSEUDONYM_KEY", key)
    assert main(["123"]) == EXIT_FAILURE
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert told in shown.err
