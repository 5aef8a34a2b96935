"""The loop of champion and challenger while the stream goes on: both score, the monitor judges, somebody promotes."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conf.clinical import RISK_FIELDS, SHADOW_RISK_FIELDS
from elastic.names import MODEL_MONITORING, OBSERVATIONS, PREDICTIONS
from jobs.monitor import monitor
from ml.registry.bundles import current_version, publish
from ml.registry.challenger import appoint
from ml.registry.pointer import read_journal
from tests.integration.pipeline import Document, Pipeline, publish_model
from tests.integration.test_live import running, wait_until
from tests.integration.test_monitor import outcome
from tests.support.clock import RECENTLY
from tests.support.factories import observation, payload
from tests.unit.webapp.site import make_site

pytestmark = pytest.mark.integration

PATIENTS = 6
STEPS = 60  # of half an hour
FIRST_SCORED = 2
NOW = (RECENTLY + timedelta(days=1)).replace(hour=23)


def send(pipeline: Pipeline, *steps: int) -> None:
    """Send a reading of every patient at each step; one in ten is a crisis, or nearly."""
    messages = []
    for step in steps:
        for patient in range(PATIENTS):
            chance = random.Random(100 * step + patient)  # noqa: S311 - a simulation
            systolic = round(chance.gauss(135 + 5 * patient, 12) + (40 if chance.random() < 0.1 else 0))
            given: dict[str, Any] = {
                "id": f"bp-{patient}-{step}",
                "subject": {"reference": f"Patient/p-{patient}"},
                "effectiveDateTime": (RECENTLY + timedelta(minutes=30 * step)).isoformat(),
                "systolic": systolic,
            }
            messages.append((f"p-{patient}", payload(observation(diastolic=80, **given))))
    pipeline.send_all(messages)


def newest(pipeline: Pipeline, step: int) -> list[Document]:
    """Return the predictions of all patients at a step, once they are there."""
    at = RECENTLY + timedelta(minutes=30 * step)

    def found() -> list[Document]:
        return [told for told in pipeline.predictions().values() if datetime.fromisoformat(told["@timestamp"]) == at]

    wait_until(lambda: len(found()) == PATIENTS)
    return found()


def versions(documents: list[Document]) -> set[tuple[str, str | None]]:
    return {(document["model_version"], document.get("shadow_model_version")) for document in documents}


def test_a_challenger_scores_is_judged_and_goes_into_service_by_name_while_the_stream_goes_on(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    models = pipeline.settings.model_dir
    settings = pipeline.settings.model_copy(update={"shadow_days": 1, "shadow_patients": 2})
    champion = str(current_version(models))
    challenger, broken = publish_model(models, seed=5, even_at=180.0), publish_model(models, seed=6)
    publish(models, champion, by="tests", why="it is the champion", at=RECENTLY)
    with running(pipeline):
        # 1. alone
        for step in range(FIRST_SCORED + 1):
            send(pipeline, step)
        assert versions(newest(pipeline, FIRST_SCORED)) == {(champion, None)}
        # 2. the challenger beside it
        appoint(models, challenger, by="ada", why="trained on our readings", at=RECENTLY)
        for step in range(FIRST_SCORED + 1, STEPS, 3):
            send(pipeline, step, step + 1, step + 2)
            assert versions(newest(pipeline, step + 2)) == {(champion, challenger)}
        # 3. judged by what followed
        pipeline.client.indices.refresh(index=[OBSERVATIONS, PREDICTIONS])
        monitor(pipeline.spark, settings, days=3, now=NOW)
        documents = judged(pipeline)
        # 4. a named person asks on the site, and the monitor carries it out
        site = make_site(tmp_path, elasticsearch_url=settings.elasticsearch_url)
        site.clock.now = NOW
        chief = site.signed_in("admin", name="dr.roy")
        assert "The challenger is ready" in chief.get("/admin/models").text
        asked = chief.confirm("/admin/models", {"version": challenger, "why": "nearer to what happened"})
        assert asked.status_code == 302
        monitor(pipeline.spark, settings, days=3, now=NOW)
        send(pipeline, STEPS)
        assert versions(newest(pipeline, STEPS)) == {(challenger, None)}
        assert "in service since" in chief.get("/admin/models").text
        # 5. another one that breaks after it was appointed is dropped alone
        appoint(models, broken, by="ada", why="a test", at=RECENTLY)
        (models / broken / "h6.ubj").unlink()
        send(pipeline, STEPS + 1)
        assert versions(newest(pipeline, STEPS + 1)) == {(challenger, None)}
        wait_until(lambda: pipeline.metrics()["challenger"]["dropped"] is not None)
    assert pipeline.metrics()["challenger"]["dropped"]["version"] == broken
    last = read_journal(models)[-1]
    assert (last.version, last.by, last.why) == (challenger, "dr.roy", "nearer to what happened")
    assert not any(name.startswith("shadow") for document in pipeline.latest().values() for name in document)
    require_plain_figures(pipeline, documents, before=RECENTLY + timedelta(minutes=30 * STEPS))


def judged(pipeline: Pipeline) -> list[Document]:
    pipeline.client.indices.refresh(index=MODEL_MONITORING)
    query = {"term": {"kind": "shadow"}}
    return [
        hit["_source"] for hit in pipeline.client.search(index=MODEL_MONITORING, size=100, query=query)["hits"]["hits"]
    ]


def require_plain_figures(pipeline: Pipeline, documents: list[Document], before: datetime) -> None:
    """Compare with a plain computation on the stored documents of that time."""
    observations = [each for each in pipeline.observations().values() if moment(each) < before]
    both = [
        each for each in pipeline.predictions().values() if "shadow_model_version" in each and moment(each) < before
    ]
    told = {document["horizon_h"]: document for document in documents if document["stratum"] == "all"}
    assert set(told) == {1, 6, 24}
    for horizon_h, ours, theirs in zip((1, 6, 24), RISK_FIELDS, SHADOW_RISK_FIELDS, strict=True):
        pairs = [(each, outcome(each, observations, horizon_h)) for each in both]
        known = [(each[ours], each[theirs], followed) for each, followed in pairs if followed is not None]
        risk, shadow_risk, target = np.array(known, dtype=float).T
        found: Any = told[horizon_h]
        assert (found["rows"], found["events"]) == (len(known), int(target.sum()))
        assert found["brier"] == pytest.approx(np.mean((risk - target) ** 2), rel=1e-4)
        assert found["shadow_brier"] == pytest.approx(np.mean((shadow_risk - target) ** 2), rel=1e-4)
        assert found["expected_observed"]["value"] == pytest.approx(risk.sum() / target.sum(), rel=1e-4)


def moment(document: Document) -> datetime:
    return datetime.fromisoformat(document["@timestamp"])
