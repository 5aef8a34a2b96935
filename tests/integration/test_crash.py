"""The job as a process that is killed, told to stop, started twice and started wrongly: nothing is lost or done twice.

All tests read one topic; each has folders of its own and an Elasticsearch without documents. What is left to be read
once a job has ended is read in the tests' own Spark session: the same code, without another JVM.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from elastic.client import connect
from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS, REJECTED
from embedded.services import Addresses
from jobs.streaming.queries import INGEST, SCORE
from tests.integration.job import PROC, Job, Outcome, in_folder
from tests.integration.mixed import PATIENTS, Mixture, mixture
from tests.integration.pipeline import Pipeline, build_settings, delete_documents, publish_model

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not PROC.is_dir(), reason="finds the processes of a job in /proc, which only Linux has"),
]

MESSAGES_PER_BATCH = 400
STOP_LIMIT_S = 45  # usually below 10, but others may be at work beside it
Moment = Callable[[], bool]


@pytest.fixture(scope="module")
def sent() -> Mixture:
    return mixture()


@pytest.fixture(scope="module")
def topic(services: Addresses, tmp_path_factory: pytest.TempPathFactory, sent: Mixture) -> Job:
    """Return a job whose topic is filled; it is only ever run by `undisturbed`."""
    changes = {"max_offsets_per_trigger": MESSAGES_PER_BATCH, "spark_master": "local[2]"}
    job = Job(build_settings(services, tmp_path_factory.mktemp("undisturbed"), **changes))
    publish_model(job.settings.model_dir)
    job.send_all(sent.messages)
    return job


@pytest.fixture(scope="module")
def undisturbed(topic: Job, spark: SparkSession) -> Outcome:
    """Return what must come out, whatever happens."""
    delete_documents(connect(topic.settings))
    Pipeline(topic.settings, spark).drain()
    return topic.outcome()


@pytest.fixture
def job(topic: Job, undisturbed: Outcome, tmp_path: Path) -> Job:
    """Return a job on the same topic that has not done anything yet."""
    assert undisturbed.documents
    delete_documents(connect(topic.settings))
    return in_folder(topic, tmp_path)


def in_a_micro_batch(job: Job, query: str) -> Moment:
    """Return when: the query has finished micro-batches since the start and is in the middle of another."""
    before = job.newest(query, "commits")
    return lambda: job.newest(query, "commits") > before and job.interrupted(query)


def documents_written(job: Job) -> Moment:
    """Return when: ingest has written documents and then archive of a micro-batch, and not yet committed it."""
    is_in_one = in_a_micro_batch(job, INGEST)
    return lambda: is_in_one() and job.archive_files(job.newest(INGEST, "offsets")) != []


def repetition_begun(job: Job) -> Moment:
    """Return when: ingest repeats the micro-batch that was cut off: what that one has archived has gone."""
    cut_off = job.newest(INGEST, "offsets")
    assert job.archive_files(cut_off)
    return lambda: job.archive_files(cut_off) == []


def predictions_appear(job: Job) -> Moment:
    """Return when: score is in the middle of its writes: there are more predictions than at the look before."""
    is_in_one, counts = in_a_micro_batch(job, SCORE), [job.count(PREDICTIONS)]

    def more() -> bool:
        counts.append(job.count(PREDICTIONS))
        return is_in_one() and counts[-1] > counts[-2]

    return more


def files_of(job: Job) -> dict[Path, bytes]:
    """Return the contents of all files of the job."""
    folders = job.settings.local_dir, job.settings.data_dir, job.settings.checkpoint_dir
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def test_undisturbed_run_puts_every_message_where_it_belongs(undisturbed: Outcome, sent: Mixture) -> None:
    documents, expected = undisturbed.documents, sent.expected
    assert len(documents[OBSERVATIONS]) == expected["observations"]
    assert len(documents[LATEST]) == PATIENTS
    reasons = Counter(document["reason"] for document in documents[REJECTED].values())
    assert reasons == expected["rejected_by_reason"]
    statuses = Counter(document["status"] for document in documents[OBSERVATIONS].values())
    assert statuses["entered-in-error"] == expected["retracted"]
    assert statuses["corrected"] == expected["corrected"]
    assert len(documents[PREDICTIONS]) > 5 * PATIENTS  # scored in many micro-batches


def test_job_that_is_killed_again_and_again_ends_in_the_same_documents_scores_and_archive(
    job: Job, undisturbed: Outcome, sent: Mixture, spark: SparkSession
) -> None:
    for moment in (documents_written, repetition_begun, predictions_appear):
        with job.running("--available-now") as process:
            process.wait_until(moment(job))
            process.kill()
        assert job.interrupted(INGEST) or job.interrupted(SCORE)
        assert max(job.messages_begun(INGEST), job.messages_begun(SCORE)) < len(sent.messages)
    Pipeline(job.settings, spark).drain()
    assert job.outcome() == undisturbed


def test_second_job_on_a_checkpoint_is_refused_and_sigterm_ends_the_first_in_time_and_the_next_start_goes_on(
    job: Job, undisturbed: Outcome, sent: Mixture, spark: SparkSession
) -> None:
    with job.running() as first:
        first.wait_until(in_a_micro_batch(job, INGEST))
        # 1. a second job names the first and touches nothing
        first.signal_all(signal.SIGSTOP)  # so that whatever changes now is the second job's work
        documents, files = job.everything(), files_of(job)
        said = job.refused()
        assert (job.everything(), files_of(job)) == (documents, files)
        assert f"error: The job with process id {first.popen.pid} is using the checkpoint" in said
        # 2. SIGTERM ends the first in time, without leftovers and before it has read everything
        first.signal_all(signal.SIGCONT)
        asked = time.monotonic()
        first.popen.send_signal(signal.SIGTERM)
        first.must_end(STOP_LIMIT_S)
        while first.members():
            assert time.monotonic() - asked < STOP_LIMIT_S, first.members()
            time.sleep(0.1)
    assert max(job.messages_begun(INGEST), job.messages_begun(SCORE)) < len(sent.messages)
    # 3. the next start goes on
    Pipeline(job.settings, spark).drain()
    assert job.outcome() == undisturbed


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"kafka_topic": "another"}, "-> another"), ({"shuffle_partitions": 3}, "shuffle_partitions 2 -> 3")],
)
def test_start_that_does_not_fit_its_checkpoint_is_refused_with_the_remedy_and_leaves_it_alone(
    topic: Job, undisturbed: Outcome, changes: dict[str, Any], named: str
) -> None:
    assert undisturbed.documents
    other = Job(topic.settings.model_copy(update=changes))
    before = files_of(other)
    said = other.refused()
    assert files_of(other) == before
    assert named in said
    assert "Set them back, or: To rebuild everything from Kafka, move" in said
