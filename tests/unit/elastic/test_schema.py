"""The index templates: what they cover, and how they come to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch

from elastic.client import SinkUnavailableError
from elastic.names import (
    ALERT_EVENTS,
    ALERT_RULES,
    ALERT_SERVICE,
    ALERTS,
    AUDIT,
    LATEST,
    LOCATIONS,
    MODEL_MONITORING,
    MODEL_PROMOTIONS,
    NAME_PREFIX,
    NOTIFICATIONS,
    OBSERVATIONS,
    PATIENT_RULES,
    PREDICTIONS,
    REJECTED,
    STAYS,
    WARDS,
    all_months,
)
from elastic.schema import (
    TEMPLATE_DIR,
    TemplateError,
    TemplatesForbiddenError,
    create_standing_indices,
    ensure_templates,
    put_templates,
)
from jobs.explaining.case import Case
from jobs.explaining.parity import parity
from jobs.streaming.archive import COLUMNS
from jobs.streaming.predictions import Prediction
from jobs.training.outcomes import drift_documents
from ml.drift import Drift
from tests.support.bundles import make_bundle
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.jobs.streaming.test_observations import document, heart_rate, retraction, settle
from tests.unit.jobs.training.test_comparing import compared, fitted
from tests.unit.jobs.training.test_outcomes import quality
from tests.unit.jobs.training.test_watching import summed

ROLES = Path(__file__).resolve().parents[3] / "deploy" / "roles"
MONTHLY = (OBSERVATIONS, PREDICTIONS, AUDIT)
STANDING = (
    LATEST,
    REJECTED,
    MODEL_MONITORING,
    MODEL_PROMOTIONS,
    ALERTS,
    ALERT_EVENTS,
    PATIENT_RULES,
    ALERT_RULES,
    ALERT_SERVICE,
    WARDS,
    STAYS,
    LOCATIONS,
    NOTIFICATIONS,
)


def mappings(fake: FakeElasticsearch, name: str) -> dict[str, Any]:
    """Return the mapping that an index of this template gets, composed as Elasticsearch does."""
    template = fake.templates[name]
    parts = [fake.components[part]["template"] for part in template["composed_of"]] + [template.get("template", {})]
    found = [part.get("mappings", {}) for part in parts]
    properties = {field: type_ for mapping in found for field, type_ in mapping.get("properties", {}).items()}
    return {**{key: value for mapping in found for key, value in mapping.items()}, "properties": properties}


@pytest.fixture
def templates(fake: FakeElasticsearch, client: Elasticsearch) -> FakeElasticsearch:  # noqa: ARG001 - it puts them
    return fake


def test_every_file_of_the_folder_becomes_a_template_and_every_family_has_one(templates: FakeElasticsearch) -> None:
    assert set(templates.templates) == {*MONTHLY, *STANDING}
    assert len(templates.templates) + len(templates.components) == len(list(TEMPLATE_DIR.iterdir()))


@pytest.mark.parametrize("name", [*MONTHLY, *STANDING])
def test_every_template_is_strict_versioned_and_covers_its_family_alone(
    templates: FakeElasticsearch, name: str
) -> None:
    template = templates.templates[name]
    assert mappings(templates, name)["dynamic"] == "strict"
    assert template["index_patterns"] == [all_months(name) if name in MONTHLY else name]
    assert template["_meta"]["schema_version"] == 1
    assert set(template["composed_of"]) <= set(templates.components)


@pytest.mark.parametrize("path", sorted(ROLES.glob("*.json")), ids=lambda path: path.stem)
def test_roles_name_our_indices_alone(path: Path) -> None:
    ours = {*MONTHLY, *STANDING, *map(all_months, MONTHLY)}
    granted = [name for grant in json.loads(path.read_text())["indices"] for name in grant["names"]]
    assert {name for name in granted if name.startswith(NAME_PREFIX)} <= ours


def test_monthly_families_have_an_alias_that_is_no_index_of_the_family(templates: FakeElasticsearch) -> None:
    for name in (OBSERVATIONS, PREDICTIONS):
        assert templates.templates[name]["template"]["aliases"] == {name: {}}


def test_every_field_of_an_observation_is_mapped(templates: FakeElasticsearch) -> None:
    rarely: dict[str, Any] = {
        "version_id": "2",
        "version": 3,
        "partner_id": "half",
        "body_site": "http://snomed.info/sct|368209003",
    }
    full = document(10, heart_rate=64.0, device_id="cuff-7", flags=("implausible",), **rarely)
    joined, _ = settle(document(10), document(11, observation_id="resent"), heart_rate(71, 12), retraction(13))
    produced = set(full) | set(joined) | set(retraction(14)) | set(COLUMNS)
    notes = {"duplicates", "merged", "merged_from", "merged_ids", "retracted_ids", "heart_rate_from"}
    assert {*notes, "device_id"} <= produced
    assert produced | {"withdrawn_at", "withdrawn_by_others"} == set(mappings(templates, OBSERVATIONS)["properties"])


def test_every_field_of_a_prediction_is_mapped_and_nothing_else(templates: FakeElasticsearch) -> None:
    """What the challenger says is not for latest, which people look at: a write of it there would be refused."""
    produced = {field.encode_name for field in msgspec.structs.fields(Prediction)}
    assert produced == set(mappings(templates, PREDICTIONS)["properties"])
    shown = {name for name in produced if not name.startswith("shadow_")}
    assert shown == set(mappings(templates, LATEST)["properties"])
    assert len(produced - shown) == 4


def test_every_field_of_a_monitoring_document_is_mapped_and_nothing_else(templates: FakeElasticsearch) -> None:
    found = Drift("mean_systolic", 0.1, 0.05, 0.2, "moderate", 140.0, 130.0)
    drifted = drift_documents([found], "v", patients=60, rows=900, day=20_000, now_us=0)
    prediction = {"@timestamp": "2026-03-01T00:00:00.000Z", "patient_id": "p", "window_readings": 10}
    place = {"source_partition": 0, "source_offset": 10}
    alike = parity([Case(prediction | place, (), "UTC")], make_bundle())
    told = [*quality(), next(drifted), alike, *compared(), *fitted(0.5), *summed()]
    produced = {field for document in told for field in document}
    assert produced == set(mappings(templates, MODEL_MONITORING)["properties"])


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        (400, TemplateError, r"refused the index templates .* account's rights"),
        (401, TemplateError, "does not take this account"),
        (403, TemplatesForbiddenError, r"python -m deploy\.setup"),
        (503, TemplateError, "does not answer"),
    ],
)
def test_templates_that_cannot_be_put_stop_the_job_with_the_remedy(
    fake: FakeElasticsearch, client: Elasticsearch, status: int, error: type[TemplateError], told: str
) -> None:
    fake.request_faults = [status]
    with pytest.raises(error, match=told):
        put_templates(client)


def test_templates_that_meet_nobody_stop_the_job_with_the_remedy(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.unanswered = 1
    with pytest.raises(TemplateError, match="does not answer"):
        put_templates(client)


def test_a_starting_elasticsearch_is_asked_again_for_templates_and_standing_indices(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.templates.clear()
    fake.request_faults = [401] * 3
    ensure_templates(client)
    assert set(fake.templates) == {*MONTHLY, *STANDING}
    fake.documents = {(name, "1"): {} for name in STANDING}  # they are there, so that none is created
    fake.request_faults = [401, 503, 401]
    create_standing_indices(client)
    assert fake.request_faults == []


def test_an_account_that_is_not_taken_for_half_a_minute_is_told_as_that_to_a_job(
    fake: FakeElasticsearch, client: Elasticsearch
) -> None:
    fake.request_faults = [401] * 100
    with pytest.raises(SinkUnavailableError, match="does not take this account"):
        ensure_templates(client)


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


@pytest.mark.parametrize("name", [*MONTHLY, *STANDING])
def test_indices_that_exist_already_get_every_field_of_their_template(templates: FakeElasticsearch, name: str) -> None:
    """A template only reaches new months; without this a new field would be refused by the running one."""
    (pattern,) = templates.templates[name]["index_patterns"]
    assert templates.renewed_mappings[pattern] == set(mappings(templates, name)["properties"])


def test_no_templates_are_put_from_an_empty_folder(fake: FakeElasticsearch, client: Elasticsearch) -> None:
    before = len(fake.templates)
    put_templates(client, Path("no-such-folder"))
    assert len(fake.templates) == before


def test_a_month_that_is_blocked_keeps_no_other_from_its_new_fields(
    fake: FakeElasticsearch, client: Elasticsearch, caplog: pytest.LogCaptureFixture
) -> None:
    months = [f"{OBSERVATIONS}-2026.0{number}" for number in (1, 2, 3)]
    fake.standing = {month: set() for month in months}
    fake.refusing = {months[1]: (403, "cluster_block_exception")}
    fake.renewed_mappings.clear()
    put_templates(client)
    assert {months[0], months[2]} <= set(fake.renewed_mappings)
    assert months[1] not in fake.renewed_mappings
    assert f"{months[1]} is blocked" in caplog.text
