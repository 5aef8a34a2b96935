"""The challenger scores the same windows beside the model in service, and whatever befalls it befalls it alone."""

from __future__ import annotations

import logging
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from pyspark import SparkContext

from jobs.streaming.predictions import score
from jobs.streaming.shadow import Challenger, add_scores, without_scores
from ml.prediction import Predictor, Risks
from ml.registry.challenger import appoint, dismiss
from tests.support.arrivals import Patient
from tests.support.bundles import CREATED_AT, make_bundle, save_small_bundle
from tests.unit.jobs.streaming.test_serving import FakeContext, publish_new

SCORED_AT = "2026-09-21T14:13:20.123Z"


@pytest.fixture
def context() -> FakeContext:
    return FakeContext()


def follow(context: FakeContext, model_dir: Path) -> Challenger:
    return Challenger(cast(SparkContext, context), model_dir)


def appoint_new(model_dir: Path, day: int = 1) -> str:
    version = save_small_bundle(model_dir, seed=day + 1, created_at=CREATED_AT + timedelta(days=day))
    appoint(model_dir, version, by="ada", why="a test", at=CREATED_AT)
    return version


def version_beside(challenger: Challenger, in_service: str = "another") -> str | None:
    bundle = challenger.beside(in_service)
    return bundle.value.version if bundle else None


def test_a_challenger_is_loaded_once_and_given_back_when_it_is_dismissed(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path)
    challenger = follow(context, tmp_path)
    assert version_beside(challenger) is None
    version = appoint_new(tmp_path)
    assert [version_beside(challenger) for _ in range(3)] == [version] * 3
    dismiss(tmp_path, by="ada", why="a test", at=CREATED_AT)
    assert [version_beside(challenger) for _ in range(2)] == [None] * 2
    assert [broadcast.unpersisted for broadcast in context.broadcasts] == [True]


def test_another_challenger_takes_the_place_of_the_first(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path)
    challenger = follow(context, tmp_path)
    first, second = [(appoint_new(tmp_path, day), version_beside(challenger)) for day in (1, 2)]
    assert (first[0], second[0]) == (first[1], second[1])
    assert [broadcast.unpersisted for broadcast in context.broadcasts] == [True, False]


def test_a_version_does_not_score_beside_itself(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path)
    version = appoint_new(tmp_path)
    challenger = follow(context, tmp_path)
    assert version_beside(challenger, in_service=version) is None
    assert version_beside(challenger) == version  # after a rollback


def test_one_that_cannot_be_loaded_is_dropped_once_and_told(
    context: FakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish_new(tmp_path)
    version = appoint_new(tmp_path)
    (tmp_path / version / "h6.ubj").unlink()
    challenger = follow(context, tmp_path)
    with caplog.at_level(logging.ERROR):
        assert [version_beside(challenger) for _ in range(3)] == [None] * 3
    assert [f"{version} is dropped" in text for text in caplog.messages] == [True]
    dropped = challenger.told()["dropped"]
    assert (dropped["version"], challenger.told()["version"]) == (version, None)
    assert "not usable" in dropped["why"]


def test_one_that_was_dropped_is_tried_again_once_it_is_appointed_anew(context: FakeContext, tmp_path: Path) -> None:
    publish_new(tmp_path)
    version = appoint_new(tmp_path)
    challenger = follow(context, tmp_path)
    assert version_beside(challenger) == version
    challenger.drop("it failed")
    assert [version_beside(challenger) for _ in range(2)] == [None] * 2
    appoint(tmp_path, version, by="ada", why="mended", at=CREATED_AT + timedelta(days=3))
    assert version_beside(challenger) == version
    assert challenger.told() == {"version": version, "dropped": None}


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_pointer_that_cannot_be_read_drops_the_challenger_alone(
    context: FakeContext, tmp_path: Path, content: str
) -> None:
    publish_new(tmp_path)
    appoint_new(tmp_path)
    (tmp_path / "challenger.json").write_text(content)
    challenger = follow(context, tmp_path)
    assert version_beside(challenger) is None
    assert "challenger.json is not usable" in challenger.told()["dropped"]["why"]


def patient() -> Patient:
    made = Patient()
    for number in range(12):
        made.reading(15 * number, systolic=120 + 3 * number)
    return made


def test_its_risks_are_those_that_it_would_give_if_it_were_in_service() -> None:
    window = patient().window()
    ours, theirs = Predictor(make_bundle(1)), Predictor(make_bundle(2))
    (alone,), _ = score(window, ["p-1"], theirs, SCORED_AT, UTC)
    scored, _ = score(window, ["p-1"], ours, SCORED_AT, UTC)
    (both,) = add_scores(scored, window, theirs, UTC)
    told = both.prediction
    expected = alone.prediction.critical_risk_1h, alone.prediction.critical_risk_6h, alone.prediction.critical_risk_24h
    assert (told.shadow_risk_1h, told.shadow_risk_6h, told.shadow_risk_24h) == expected
    assert expected[1] != told.critical_risk_6h
    assert without_scores(told) == scored[0].prediction


def test_fields_of_a_challenger_are_in_no_document_where_there_is_none() -> None:
    scored, _ = score(patient().window(), ["p-1"], Predictor(make_bundle(1)), SCORED_AT, UTC)
    assert b"shadow" not in msgspec.json.encode(scored[0].prediction)


def test_a_risk_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be stored as null, and be missing where the two are compared."""
    window, predictor = patient().window(), Predictor(make_bundle(1))
    scored, _ = score(window, ["p-1"], predictor, SCORED_AT, UTC)

    def broken(*_: Any) -> Risks:
        return Risks(np.array([[0.1, np.nan, 0.3]]), np.array([False]))

    monkeypatch.setattr(predictor, "risks", broken)
    with pytest.raises(ValueError, match="no number"):
        add_scores(scored, window, predictor, UTC)
