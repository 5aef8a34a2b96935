"""Names, ids and templates of the documents."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch
from hypothesis import given
from hypothesis import strategies as st

from conf.times import iso_us
from elastic.names import (
    LATEST,
    MAX_ID_BYTES,
    MODEL_MONITORING,
    OBSERVATIONS,
    PREDICTIONS,
    REJECTED,
    fit_id,
    instant_id,
    monthly_index,
    rejected_id,
)
from elastic.schema import TEMPLATE_DIR, TemplateError, TemplatesForbiddenError, ensure_templates, put_templates
from jobs.streaming.archive import COLUMNS
from jobs.streaming.predictions import Prediction
from jobs.training.outcomes import drift_documents
from ml.drift import count, make_reference
from tests.support.bundles import make_features
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.jobs.streaming.test_observations import document, heart_rate, retraction, settle
from tests.unit.jobs.training.test_outcomes import quality


def us(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp() * 1_000_000)  # type: ignore[arg-type, misc]


def mappings(fake: FakeElasticsearch, name: str) -> dict[str, Any]:
    """The mapping that an index of this template gets, composed as Elasticsearch does."""
    template = fake.templates[name]
    parts = [fake.components[part]["template"] for part in template["composed_of"]] + [template.get("template", {})]
    return {key: value for part in parts for key, value in part.get("mappings", {}).items()}


@pytest.fixture
def templates(fake: FakeElasticsearch, client: Elasticsearch) -> FakeElasticsearch:
    put_templates(client)
    return fake


def test_every_file_of_the_folder_becomes_a_template(templates: FakeElasticsearch) -> None:
    assert set(templates.templates) >= {OBSERVATIONS, PREDICTIONS, LATEST, REJECTED, MODEL_MONITORING}
    assert len(templates.templates) + len(templates.components) == len(list(TEMPLATE_DIR.iterdir()))


@pytest.mark.parametrize("name", [OBSERVATIONS, PREDICTIONS, LATEST, REJECTED, MODEL_MONITORING])
def test_every_template_is_strict_versioned_and_covers_its_family_alone(
    templates: FakeElasticsearch, name: str
) -> None:
    template = templates.templates[name]
    monthly = name in (OBSERVATIONS, PREDICTIONS)
    assert mappings(templates, name)["dynamic"] == "strict"
    assert template["index_patterns"] == [f"{name}-*" if monthly else name]
    assert template["_meta"]["schema_version"] == 1
    assert set(template["composed_of"]) <= set(templates.components)


def test_monthly_families_have_an_alias_that_is_no_index_of_the_family(templates: FakeElasticsearch) -> None:
    for name in (OBSERVATIONS, PREDICTIONS):
        assert templates.templates[name]["template"]["aliases"] == {name: {}}


def test_every_field_of_an_observation_is_mapped(templates: FakeElasticsearch) -> None:
    full = document(10, heart_rate=64.0, device_id="cuff-7", version_id="2", flags=("implausible",))
    joined, _ = settle(document(10), document(11, observation_id="resent"), heart_rate(71, 12), retraction(13))
    produced = set(full) | set(joined) | set(retraction(14)) | set(COLUMNS)
    notes = {"duplicates", "merged", "merged_from", "merged_ids", "retracted_ids", "heart_rate_from"}
    assert {*notes, "device_id"} <= produced
    assert produced == set(mappings(templates, OBSERVATIONS)["properties"])


@pytest.mark.parametrize("name", [PREDICTIONS, LATEST])
def test_every_field_of_a_prediction_is_mapped_and_nothing_else(templates: FakeElasticsearch, name: str) -> None:
    produced = {field.encode_name for field in msgspec.structs.fields(Prediction)}
    assert produced == set(mappings(templates, name)["properties"])


def test_every_field_of_a_monitoring_document_is_mapped_and_nothing_else(templates: FakeElasticsearch) -> None:
    reference = make_reference(make_features())
    drifted = drift_documents(count(reference, make_features()), reference, "v", 1, 20_000, 0)
    produced = {field for one in [*quality(), next(drifted)] for field in one}
    assert produced == set(mappings(templates, MODEL_MONITORING)["properties"])


def test_refused_templates_stop_the_job_with_the_remedy(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.request_faults = [400]
    with pytest.raises(TemplateError, match=r"refused the index templates .* account's rights"):
        put_templates(client)
    fake.unanswered = 1
    with pytest.raises(TemplateError):
        put_templates(client)


def test_wrong_password_is_told_as_such(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.request_faults = [401]
    with pytest.raises(TemplateError, match="does not take this account"):
        put_templates(client)


def test_account_that_may_not_put_templates_is_sent_to_set_up(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    fake.request_faults = [403]
    with pytest.raises(TemplatesForbiddenError, match=r"python -m deploy\.setup"):
        put_templates(client)


def test_account_that_may_not_put_templates_works_on_where_set_up_has_put_them(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.standing = {LATEST: set(mappings(fake, LATEST)["properties"])}
    fake.request_faults = [403]
    ensure_templates(client)


@pytest.mark.parametrize(
    ("standing", "reason"),
    [({}, "no index is there"), ({LATEST: {"@timestamp"}}, r"blood-pressure-latest\.alert_level, ")],
)
def test_account_that_may_not_put_templates_stops_where_set_up_did_not_run_for_this_version(
    fake: FakeElasticsearch, client: Elasticsearch, standing: dict[str, set[str]], reason: str
) -> None:
    fake.standing, fake.request_faults = standing, [403]
    with pytest.raises(TemplateError, match=rf"{reason}.* set-up again"):
        ensure_templates(client)


def test_templates_are_sent_unchanged_but_for_their_notes(templates: FakeElasticsearch) -> None:
    written = json.loads((TEMPLATE_DIR / "template-observations.json").read_text())
    assert templates.templates[OBSERVATIONS] == written


@pytest.mark.parametrize("name", ["observations", "predictions", "latest", "rejected", "model-monitoring"])
def test_indices_that_exist_already_get_every_field_of_their_template(templates: FakeElasticsearch, name: str) -> None:
    """A template only reaches new months; without this a new field would be refused by the running one."""
    (pattern,) = templates.templates[f"blood-pressure-{name}"]["index_patterns"]
    assert templates.renewed_mappings[pattern] == set(mappings(templates, f"blood-pressure-{name}")["properties"])


def test_no_templates_are_put_from_an_empty_folder(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    before = len(fake.templates)
    put_templates(client, Path("no-such-folder"))
    assert len(fake.templates) == before


@pytest.mark.parametrize(
    ("effective_us", "index"),
    [
        (us(2026, 3, 31, 23, 59, 59), "f-2026.03"),
        (us(2026, 4, 1) - 1, "f-2026.03"),
        (us(2026, 4, 1), "f-2026.04"),
        (us(2025, 12, 31, 23, 59), "f-2025.12"),
        (us(2024, 2, 29), "f-2024.02"),
        (0, "f-1970.01"),
        (-1, "f-1969.12"),
    ],
)
def test_month_of_an_index_is_the_month_of_the_event_in_utc(effective_us: int, index: str) -> None:
    assert monthly_index("f", effective_us) == index


@given(st.integers(-us(2200, 1, 1), us(2200, 1, 1)))
def test_instants_are_written_as_datetime_writes_them(instant_us: int) -> None:
    day, of_day_us = divmod(instant_us, 86_400_000_000)
    text = iso_us(instant_us)
    parsed = datetime.fromisoformat(text)
    assert (parsed - datetime(1970, 1, 1, tzinfo=UTC)).days == day
    assert parsed.microsecond == of_day_us % 1_000_000 // 1000 * 1000
    assert text == parsed.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_id_of_an_instant_is_readable_as_long_as_it_fits() -> None:
    assert instant_id("p-1", 1_790_000_000_123_456) == "p-1|1790000000123456"


@pytest.mark.parametrize(
    ("text", "kept"), [("x" * 512, True), ("x" * 513, False), ("é" * 256, True), ("é" * 257, False)]
)
def test_ids_are_measured_in_bytes_and_hashed_beyond_the_limit(text: str, kept: bool) -> None:
    fitted = fit_id(text)
    assert (fitted == text) == kept
    assert 1 <= len(fitted.encode()) <= MAX_ID_BYTES


def test_long_patients_keep_separate_documents() -> None:
    long = "p" * 600
    assert len({instant_id(long, 1), instant_id(long, 2), instant_id(long + "x", 1), instant_id("p", 1)}) == 4


def test_rejected_entries_are_named_by_their_place_in_the_topic() -> None:
    assert rejected_id("topic", 3, 17, None) == "topic-3-17"
    assert rejected_id("topic", 3, 17, 0) == "topic-3-17-0"
