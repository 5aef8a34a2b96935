"""Models are promoted, rolled back and refused under the running stream: no prediction is lost, doubled or mixed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ml.registry.bundles import current_version, publish, rollback
from ml.registry.pointer import read_journal
from tests.integration.pipeline import Pipeline, publish_model
from tests.integration.test_live import running, wait_until
from tests.support.clock import RECENTLY, at
from tests.support.factories import observation, payload

pytestmark = pytest.mark.integration

PATIENTS = 6
LEAST_STEPS, MOST_STEPS = 20, 140  # of a quarter of an hour each: none may lie in the future
FIRST_SCORED = 2  # step at which a patient has the least number of readings


def send(pipeline: Pipeline, step: int) -> None:
    """Send one reading of every patient."""
    pipeline.send_all(
        (
            f"p-{patient}",
            payload(
                observation(
                    id=f"bp-{patient}-{step}",
                    subject={"reference": f"Patient/p-{patient}"},
                    effectiveDateTime=at(15 * step),
                    systolic=120 + 5 * patient + step,
                )
            ),
        )
        for patient in range(PATIENTS)
    )


def send_and_wait(pipeline: Pipeline, step: int) -> None:
    send(pipeline, step)
    wait_until(lambda: scored(pipeline, step))


def scored(pipeline: Pipeline, step: int) -> bool:
    instants = [document["@timestamp"] for document in pipeline.latest().values()]
    return instants == [instant_text(step)] * PATIENTS


def counted(pipeline: Pipeline) -> int:
    """Return how many predictions the micro-batches that have ended say they have made."""
    totals = pipeline.metrics()["queries"]["score"]["totals"]
    return int(totals.get("predictions", 0))


def instant_text(step: int) -> str:
    return (RECENTLY + timedelta(minutes=15 * step)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def version_of_step(pipeline: Pipeline) -> dict[int, str]:
    """Return the model that made the predictions of each step, all patients of which must have one and the same."""
    by_step: dict[int, list[str]] = defaultdict(list)
    for document in pipeline.predictions().values():
        step = round((datetime.fromisoformat(document["@timestamp"]) - RECENTLY) / timedelta(minutes=15))
        by_step[step].append(document["model_version"])
    assert {len(versions) for versions in by_step.values()} == {PATIENTS}
    assert {len(set(versions)) for versions in by_step.values()} == {1}
    return {step: versions[0] for step, versions in by_step.items()}


def damage(model_dir: Path, version: str) -> None:
    """Damage a bundle that was whole when it was published, as a bad disk would."""
    path = model_dir / version / "h6.ubj"
    path.write_bytes(path.read_bytes()[:-20] + b"0" * 20)


def test_promotion_rollback_and_refusal_each_show_in_the_next_micro_batch_and_nothing_is_lost_or_doubled(
    pipeline: Pipeline,
) -> None:
    models = pipeline.settings.model_dir
    first = current_version(models)
    with running(pipeline):
        # 1. the first model scores
        for step in range(FIRST_SCORED):
            send(pipeline, step)
        send_and_wait(pipeline, 2)
        # 2. a promotion
        second = publish_model(models, seed=5)
        send_and_wait(pipeline, 3)
        # 3. one that is damaged after its publication: the second goes on
        third = publish_model(models, seed=6)
        damage(models, third)
        send_and_wait(pipeline, 4)
        # 4. the rollback from it, which leaves the second in service, and a further one
        assert rollback(models, by="ada", why="the third is damaged", at=RECENTLY) == second
        send_and_wait(pipeline, 5)
        assert rollback(models, by="ada", why="alarms at night", at=RECENTLY) == first
        send_and_wait(pipeline, 6)
        # 5. the second comes back by name
        publish(models, second, by="ada", why="the alarms were right", at=RECENTLY)
        send_and_wait(pipeline, 7)
        wait_until(lambda: counted(pipeline) >= 6 * PATIENTS)
    versions = version_of_step(pipeline)
    assert versions == {2: first, 3: second, 4: second, 5: second, 6: first, 7: second}
    assert [entry.version for entry in read_journal(models)] == [first, second, third, second, first, second]
    assert counted(pipeline) == len(pipeline.predictions()) == 6 * PATIENTS


def test_every_micro_batch_has_one_model_however_fast_the_pointer_moves(pipeline: Pipeline) -> None:
    """Messages flow without waiting while two versions take turns; the time of scoring names the micro-batch."""
    models = pipeline.settings.model_dir
    turns = (str(current_version(models)), publish_model(models, seed=5))
    sent = 0
    with running(pipeline):
        while sent < LEAST_STEPS or models_at_work(pipeline) != set(turns):
            assert sent < MOST_STEPS
            publish(models, turns[sent // 3 % 2], by="test", why="it is their turn", at=RECENTLY)
            send(pipeline, sent)
            sent += 1
        wait_until(lambda: scored(pipeline, sent - 1))
        wait_until(lambda: counted(pipeline) >= len(pipeline.predictions()))
    by_batch: dict[str, set[str]] = defaultdict(set)
    for document in pipeline.predictions().values():
        by_batch[document["scored_at"]].add(document["model_version"])
    assert {len(versions) for versions in by_batch.values()} == {1}
    assert counted(pipeline) == len(pipeline.predictions())
    assert len(pipeline.observations()) == sent * PATIENTS


def models_at_work(pipeline: Pipeline) -> set[str]:
    return {document["model_version"] for document in pipeline.predictions().values()}
