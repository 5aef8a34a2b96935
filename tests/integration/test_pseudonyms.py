"""With a key the real stream leaves no trace of who it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr
from pyspark.sql import SparkSession

from conf.settings import Settings
from elastic.client import connect
from elastic.names import ALL_INDICES
from embedded.services import Addresses
from fhir.pseudonyms import WITHHELD, patient_pseudonym
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model, reading
from tests.support.factories import payload

pytestmark = pytest.mark.integration

KEY = "a key of at least thirty-two bytes"
NAME = "RAW-7f3a"
SUBJECT = {"subject": {"reference": f"Patient/{NAME}"}, "device": {"reference": f"Device/of-{NAME}"}}


@pytest.fixture
def pseudonymised(services: Addresses, spark: SparkSession, tmp_path: Path) -> Pipeline:
    """Return a pipeline of its own with a key."""
    settings = build_settings(services, tmp_path, pseudonym_key=SecretStr(KEY))
    publish_model(settings.model_dir)
    delete_documents(connect(settings))
    return Pipeline(settings, spark)


def named(minute: float, **overrides: object) -> bytes:
    return reading(minute, name=f"{NAME}-{minute}", **SUBJECT, **overrides)  # type: ignore[arg-type]


def documents(pipeline: Pipeline) -> str:
    """Return every document of every index of the project, with index and id."""
    pipeline.client.indices.refresh(index=ALL_INDICES)
    found = pipeline.client.search(index=ALL_INDICES, size=10_000, expand_wildcards="all")
    return json.dumps(found["hits"]["hits"])


def files_with(settings: Settings, *words: str) -> list[str]:
    """Return files of the job that hold one of the words: archive, metrics, checkpoint."""
    folders = settings.data_dir, settings.local_dir, settings.checkpoint_dir
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [str(path) for path in files if any(word.encode() in path.read_bytes() for word in words)]


def test_nothing_in_any_index_file_or_state_names_the_patient(
    pseudonymised: Pipeline, capfd: pytest.CaptureFixture[str]
) -> None:
    refused = payload({"resourceType": "Observation", "id": NAME, "subject": {"reference": f"Group/{NAME}"}})
    pseudonymised.send(*(named(minute) for minute in (0, 15, 30, 45)), refused, NAME.encode(), key=NAME)
    pseudonymised.drain()
    pseudonymised.send(named(45, status="entered-in-error"), named(0, systolic=140, status="corrected"), key=NAME)
    pseudonymised.drain()

    # 1. everything is there, under the pseudonym, and retraction and correction have found their readings
    pseudonym = patient_pseudonym(NAME, KEY.encode())
    stored = sorted(pseudonymised.observations().values(), key=lambda document: document["@timestamp"])
    assert [document["systolic"] for document in stored] == [140, 128, 128, 128]
    assert [document["status"] for document in stored] == ["corrected", "final", "final", "entered-in-error"]
    assert set(pseudonymised.latest()) == {pseudonym}
    assert pseudonymised.latest()[pseudonym]["window_readings"] == 3
    rejected = pseudonymised.rejected().values()
    assert {(document["detail"], document["payload"]) for document in rejected} == {(WITHHELD, None)}
    assert {row["patient_id"] for row in pseudonymised.archived()} == {pseudonym}
    # 2. and nothing names the patient where the pseudonym is found
    assert pseudonym in documents(pseudonymised)
    assert NAME not in documents(pseudonymised)
    assert files_with(pseudonymised.settings, pseudonym)
    assert files_with(pseudonymised.settings, NAME, KEY) == []
    said = capfd.readouterr()
    assert not any(word in said.out + said.err for word in (NAME, KEY))
