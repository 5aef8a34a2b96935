"""The model in service: swapped while the stream runs, never for one that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark import SparkContext

from jobs.streaming.serving import ServingModel
from ml.prediction import Bundle
from ml.registry.bundles import BundleError
from tests.support.bundles import CREATED_AT, TRAINED, publish_small, save_small_bundle


class FakeBroadcast:
    """What the driver does with a broadcast."""

    def __init__(self, value: Bundle) -> None:
        self.value = value
        self.unpersisted = False

    def unpersist(self) -> None:
        self.unpersisted = True


class FakeContext:
    """A SparkContext that only broadcasts, and remembers what."""

    def __init__(self) -> None:
        self.broadcasts: list[FakeBroadcast] = []

    def broadcast(self, value: Bundle) -> FakeBroadcast:
        self.broadcasts.append(FakeBroadcast(value))
        return self.broadcasts[-1]


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


def publish_new(model_dir: Path, day: int = 0) -> str:
    version = save_small_bundle(model_dir, seed=day + 1, created_at=CREATED_AT + timedelta(days=day))
    publish_small(model_dir, version)
    return version


def serve(context: FakeContext, model_dir: Path, min_readings: int = 10) -> ServingModel:
    return ServingModel(cast(SparkContext, context), model_dir, min_readings)


def versions(context: FakeContext) -> list[str]:
    return [broadcast.value.version for broadcast in context.broadcasts]


def test_published_model_is_served_from_the_start(context: FakeContext, tmp_path: Path) -> None:
    version = publish_new(tmp_path)
    assert serve(context, tmp_path).current().value.version == version


def test_start_without_a_model_tells_how_to_get_one(context: FakeContext, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model in .* Train one first: \./spark-submit\.sh retrain"):
        serve(context, tmp_path)


def test_start_with_a_damaged_model_is_refused(context: FakeContext, tmp_path: Path) -> None:
    (tmp_path / publish_new(tmp_path) / "h6.ubj").unlink()
    with pytest.raises(BundleError, match="not usable"):
        serve(context, tmp_path)


def test_unchanged_model_is_broadcast_once(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path)
    model = serve(context, tmp_path)
    assert len({id(model.current()) for _ in range(5)}) == 1
    assert len(context.broadcasts) == 1


def test_successor_is_swapped_in_once_and_the_old_one_given_back(context: FakeContext, tmp_path: Path) -> None:
    """Broadcasts that are not given back would pile up in the workers."""
    old = publish_new(tmp_path, day=0)
    model = serve(context, tmp_path)
    new = publish_new(tmp_path, day=1)
    assert [model.current().value.version for _ in range(3)] == [new] * 3
    assert versions(context) == [old, new]
    assert [broadcast.unpersisted for broadcast in context.broadcasts] == [True, False]


def test_published_older_version_is_served_again(context: FakeContext, tmp_path: Path) -> None:
    old = publish_new(tmp_path, day=0)
    new = publish_new(tmp_path, day=1)
    model = serve(context, tmp_path)
    publish_small(tmp_path, old)
    assert (versions(context), model.current().value.version) == ([new], old)


def remove_booster(model_dir: Path, version: str) -> None:
    (model_dir / version / "h24.ubj").unlink()


def cut_card(model_dir: Path, version: str) -> None:
    path = model_dir / version / "card.json"
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("damage", [remove_booster, cut_card])
def test_damaged_successor_is_refused_once_and_the_old_model_stays(
    context: FakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path, str], None]
) -> None:
    old = publish_new(tmp_path, day=0)
    model = serve(context, tmp_path)
    damage(tmp_path, publish_new(tmp_path, day=1))
    with caplog.at_level(logging.ERROR):
        assert [model.current().value.version for _ in range(3)] == [old] * 3
    assert [f"{old} stays in service" in text for text in caplog.messages] == [True]
    assert not context.broadcasts[0].unpersisted


def test_good_model_after_a_refused_one_is_accepted(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path, day=0)
    model = serve(context, tmp_path)
    remove_booster(tmp_path, publish_new(tmp_path, day=1))
    model.current()
    good = publish_new(tmp_path, day=2)
    assert model.current().value.version == good
    assert [broadcast.unpersisted for broadcast in context.broadcasts] == [True, False]


def test_refused_model_is_tried_again_once_it_is_mended_and_published_again(
    context: FakeContext, tmp_path: Path
) -> None:
    publish_new(tmp_path, day=0)
    model = serve(context, tmp_path)
    bad = publish_new(tmp_path, day=1)
    booster = tmp_path / bad / "h24.ubj"
    content = booster.read_bytes()
    booster.unlink()
    model.current()
    booster.write_bytes(content)
    assert model.current().value.version != bad
    publish_small(tmp_path, bad, at=CREATED_AT + timedelta(days=2))
    assert model.current().value.version == bad


@pytest.mark.parametrize("change", ["removed", "cut"])
def test_pointer_that_is_lost_while_the_stream_runs_changes_nothing(
    context: FakeContext, tmp_path: Path, change: str
) -> None:
    version = publish_new(tmp_path)
    model = serve(context, tmp_path)
    pointer: Any = tmp_path / "current.json"
    pointer.unlink() if change == "removed" else pointer.write_text("{")
    assert model.current().value.version == version


@pytest.mark.parametrize(("min_readings", "warned"), [(9, True), (10, False)])
def test_fewer_readings_than_the_model_was_trained_on_are_warned_about_at_the_start(
    context: FakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture, min_readings: int, warned: bool
) -> None:
    publish_small(tmp_path, save_small_bundle(tmp_path, trained=TRAINED))
    serve(context, tmp_path, min_readings)
    told = [text for text in caplog.messages if "BP_MIN_READINGS is 9" in text and "BP_MIN_READINGS=10" in text]
    assert bool(told) == warned


def test_model_that_does_not_tell_what_it_was_trained_on_warns_of_nothing(
    context: FakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish_new(tmp_path)
    serve(context, tmp_path, min_readings=1)
    assert caplog.messages == []
