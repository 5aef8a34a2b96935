"""Which starts may go on from a checkpoint, and what the others are told."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from conf.settings import Settings
from jobs.streaming.checkpoint import FINGERPRINT, LOCK, CheckpointError, guarded

QUERIES = ("ingest", "score")
KEY, OTHER_KEY = (SecretStr(letter * 32) for letter in "ab")
REMEDY = "move .* away .* start again"


def settings(folder: Path, **changes: Any) -> Settings:
    return Settings(checkpoint_dir=folder / "checkpoints", **changes)


def run_job(folder: Path, **changes: Any) -> bool:
    """Run the job once, with what Spark leaves of each query; tell whether the checkpoint was new."""
    own = settings(folder, **changes)
    with guarded(own, QUERIES) as is_new:
        for query in QUERIES:
            (own.checkpoint_dir / query).mkdir(exist_ok=True)
            (own.checkpoint_dir / query / "metadata").write_text('{"id": "1"}')
            (own.checkpoint_dir / query / "commits").mkdir(exist_ok=True)
            (own.checkpoint_dir / query / "commits" / "0").write_text("v1")
    return is_new


def content(folder: Path) -> dict[str, str]:
    """Return everything in the checkpoint but the lock, which names whoever tried last."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != LOCK)
    return {str(path): path.read_text() for path in files}


def assert_refused(folder: Path, match: str, **changes: Any) -> None:
    """Assert that the start is refused in one line with the remedy, and touches nothing."""
    before = content(folder)
    with pytest.raises(CheckpointError, match=match) as caught:
        run_job(folder, **changes)
    assert content(folder) == before
    assert "\n" not in str(caught.value)
    assert str(folder / "checkpoints") in str(caught.value)


def test_first_start_makes_the_checkpoint_and_says_that_it_is_new(tmp_path: Path) -> None:
    assert run_job(tmp_path)
    told = json.loads((tmp_path / "checkpoints" / FINGERPRINT).read_text())
    assert {"topic", "shuffle_partitions", "window_length", "state_length", "entry_layout"} <= set(told)


def test_fitting_start_goes_on(tmp_path: Path) -> None:
    run_job(tmp_path)
    before = content(tmp_path)
    assert not run_job(tmp_path)
    assert content(tmp_path) == before


def test_settings_that_are_no_part_of_the_state_may_change(tmp_path: Path) -> None:
    run_job(tmp_path)
    assert not run_job(tmp_path, max_offsets_per_trigger=1, trigger_seconds=9, min_readings=3)


def test_start_that_died_before_its_first_query_is_continued(tmp_path: Path) -> None:
    """The fingerprint stands, no query has begun: nothing can be wrong yet."""
    with guarded(settings(tmp_path), QUERIES):
        pass
    assert not run_job(tmp_path)


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"kafka_topic": "other"}, "topic blood-pressure-data -> other"),
        ({"shuffle_partitions": 7}, "shuffle_partitions 2 -> 7"),
    ],
)
def test_other_settings_are_refused_by_name_with_the_remedy(
    tmp_path: Path, changes: dict[str, Any], difference: str
) -> None:
    run_job(tmp_path)
    assert_refused(tmp_path, f"{difference}.*Set them back, or: .*{REMEDY}", **changes)


@pytest.mark.parametrize("name", ["state_length", "window_length", "entry_layout"])
def test_checkpoint_of_another_version_of_the_program_is_refused(tmp_path: Path, name: str) -> None:
    run_job(tmp_path)
    path = tmp_path / "checkpoints" / FINGERPRINT
    path.write_text(json.dumps({**json.loads(path.read_text()), name: "of old"}))
    assert_refused(tmp_path, f"{name} of old -> ")


@pytest.mark.parametrize(("before", "after"), [(None, KEY), (KEY, None), (KEY, OTHER_KEY)])
def test_change_of_the_pseudonym_key_is_refused(
    tmp_path: Path, before: SecretStr | None, after: SecretStr | None
) -> None:
    """State and documents hold the old names: a rebuild would double every patient."""
    run_job(tmp_path, pseudonym_key=before)
    assert_refused(tmp_path, "another BP_PSEUDONYM_KEY, or without one. Set it back", pseudonym_key=after)
    assert not run_job(tmp_path, pseudonym_key=before)


def test_checkpoint_tells_nothing_of_the_key(tmp_path: Path) -> None:
    run_job(tmp_path, pseudonym_key=KEY)
    assert not any(KEY.get_secret_value() in text for text in content(tmp_path).values())


def test_checkpoint_from_before_there_were_pseudonyms_goes_on_without_a_key(tmp_path: Path) -> None:
    run_job(tmp_path)
    path = tmp_path / "checkpoints" / FINGERPRINT
    told = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in told.items() if name != "pseudonyms"}))
    assert not run_job(tmp_path)
    assert_refused(tmp_path, "BP_PSEUDONYM_KEY", pseudonym_key=KEY)


def test_missing_fingerprint_is_refused(tmp_path: Path) -> None:
    run_job(tmp_path)
    (tmp_path / "checkpoints" / FINGERPRINT).unlink()
    assert_refused(tmp_path, f"has no {FINGERPRINT}.*{REMEDY}")


@pytest.mark.parametrize("damaged", ["", "{", "[]"])
def test_damaged_fingerprint_is_refused_with_the_remedy(tmp_path: Path, damaged: str) -> None:
    run_job(tmp_path)
    (tmp_path / "checkpoints" / FINGERPRINT).write_text(damaged)
    assert_refused(tmp_path, f"{FINGERPRINT}.*{REMEDY}")


@pytest.mark.parametrize("query", QUERIES)
def test_query_that_lost_its_metadata_is_refused(tmp_path: Path, query: str) -> None:
    """Spark would take it for a new query and silently number its micro-batches anew."""
    run_job(tmp_path)
    (tmp_path / "checkpoints" / query / "metadata").unlink()
    assert_refused(tmp_path, f"{query} has lost its metadata.*{REMEDY}")


@pytest.mark.parametrize("query", QUERIES)
def test_missing_query_is_refused(tmp_path: Path, query: str) -> None:
    run_job(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / query)
    assert_refused(tmp_path, f"lacks the query {query}.*{REMEDY}")


def test_first_start_that_was_killed_before_its_second_query_began_is_no_obstacle(tmp_path: Path) -> None:
    """Nothing is committed yet, so both queries begin at the topic's beginning."""
    run_job(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints" / "score")
    shutil.rmtree(tmp_path / "checkpoints" / "ingest" / "commits")
    (tmp_path / "checkpoints" / "ingest" / "metadata").unlink()
    assert not run_job(tmp_path)


def test_query_that_was_killed_before_its_first_batch_was_planned_begins_anew(tmp_path: Path) -> None:
    """Spark refuses to go on from the state that such a start has left."""
    run_job(tmp_path)
    ingest, score = (tmp_path / "checkpoints" / query for query in QUERIES)
    shutil.rmtree(score / "commits")
    for left in (score / "offsets" / ".0.8f1c.tmp", score / "state" / "0" / "0" / "_metadata" / "v2"):
        left.parent.mkdir(parents=True)
        left.touch()
    with guarded(settings(tmp_path), QUERIES) as is_new:
        assert not is_new
        assert not score.exists()
        assert (ingest / "commits" / "0").exists()


def test_query_with_a_planned_batch_keeps_it(tmp_path: Path) -> None:
    run_job(tmp_path)
    score = tmp_path / "checkpoints" / "score"
    shutil.rmtree(score / "commits")
    (score / "offsets").mkdir()
    (score / "offsets" / "0").write_text("v1")
    with guarded(settings(tmp_path), QUERIES):
        assert (score / "offsets" / "0").exists()


def test_second_job_is_refused_and_told_who_is_running(tmp_path: Path) -> None:
    run_job(tmp_path)
    with guarded(settings(tmp_path), QUERIES):
        assert_refused(tmp_path, rf"process id {os.getpid()} is using .* Stop it first")


def test_second_job_is_refused_before_the_first_has_begun_its_queries(tmp_path: Path) -> None:
    with guarded(settings(tmp_path), QUERIES), pytest.raises(CheckpointError, match="is using"):
        run_job(tmp_path)


def test_checkpoint_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), guarded(settings(tmp_path), QUERIES):
        raise ZeroDivisionError
    assert not run_job(tmp_path)
