"""What passes goes into service or beside it; a challenger by a request, as long as what was asked for still holds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elastic.search.promotions import Request, ask, requests
from jobs.training.promoting import VALID_FOR, ask_by_rule, carry_out, conclude
from ml.evaluation.gates import Check, Decision
from ml.registry.bundles import current_version
from ml.registry.challenger import appoint, dismiss, read_challenger
from ml.registry.pointer import read_journal
from tests.support.bundles import CREATED_AT, publish_small, save_small_bundle
from tests.support.fake_search import FakeSearch

NOW = CREATED_AT + timedelta(hours=1)


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


PASSED = Decision(True, (Check("coherence", True, "They agree."),))
FAILED = Decision(False, (Check("coherence", False, "They contradict."),))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Return the version in service and its challenger."""
    first, second = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    appoint(tmp_path, second, by="ada", why="a test", at=CREATED_AT)
    return first, second


def wish(pair: tuple[str, str], **changes: Any) -> Request:
    given: dict[str, Any] = {
        "asked_at": NOW,
        "version": pair[1],
        "instead_of": pair[0],
        "by": "dr.roy",
        "role": "admin",
    }
    return Request(**{**given, "why": "nearer to what happened", "ready": True, **changes})


def answers(search: FakeSearch) -> list[tuple[str, str | None]]:
    return [(request.state, request.answer) for request in requests(search)]


def test_what_passes_every_check_is_in_service(tmp_path: Path, pair: tuple[str, str]) -> None:
    conclude(tmp_path, pair[1], PASSED, by="anne", why="They agree.", at=NOW)
    move = read_journal(tmp_path)[-1]
    assert (move.version, move.by, move.why) == (pair[1], "anne", "They agree.")


@pytest.mark.parametrize("is_beside", [False, True])
def test_what_fails_a_check_is_neither_in_service_nor_beside_it_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_beside: bool
) -> None:
    version = save_small_bundle(tmp_path)
    conclude(tmp_path, version, FAILED, by="anne", why="?", at=NOW, beside=is_beside)
    assert (current_version(tmp_path), read_challenger(tmp_path)) == (None, None)
    assert f"Model {version} is kept but not published: They contradict." in caplog.text


def test_what_passes_scores_beside_the_version_in_service_if_that_is_asked_for(tmp_path: Path) -> None:
    first, second = save_small_bundle(tmp_path), save_small_bundle(tmp_path, seed=2)
    publish_small(tmp_path, first)
    conclude(tmp_path, second, PASSED, by="loop", why="the risks do not fit", at=NOW, beside=True)
    appointed = read_challenger(tmp_path)
    assert current_version(tmp_path) == first
    assert appointed is not None
    assert (appointed.version, appointed.by, appointed.why) == (second, "loop", "the risks do not fit")


def test_a_version_made_from_another_takes_the_place_of_no_other(
    tmp_path: Path, pair: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    conclude(tmp_path, pair[1], PASSED, by="anne", why="nearer", at=NOW, instead_of="v-0")
    assert current_version(tmp_path) == pair[0]
    assert "is kept but not published: v-0 is not in service." in caplog.text
    conclude(tmp_path, pair[1], PASSED, by="anne", why="nearer", at=NOW, instead_of=pair[0])
    assert current_version(tmp_path) == pair[1]


def test_what_a_person_asked_for_is_in_service_under_that_name(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    ask(search, wish(pair))
    assert carry_out(search, tmp_path, NOW) == 1
    move = read_journal(tmp_path)[-1]
    assert (move.version, move.by, move.why) == (pair[1], "dr.roy", "nearer to what happened")
    assert answers(search) == [("done", None)]
    assert carry_out(search, tmp_path, NOW) == 0
    assert len(read_journal(tmp_path)) == 2


def test_a_version_that_nobody_with_the_folder_has_appointed_cannot_be_asked_for(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    other = save_small_bundle(tmp_path, seed=3)
    ask(search, wish(pair, version=other))
    carry_out(search, tmp_path, NOW)
    assert answers(search) == [("refused", "no_challenger")]
    assert current_version(tmp_path) == pair[0]


def test_a_dismissed_challenger_is_not_put_into_service(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    ask(search, wish(pair))
    dismiss(tmp_path, by="ada", why="a test", at=NOW)
    carry_out(search, tmp_path, NOW)
    assert answers(search) == [("refused", "no_challenger")]


def test_nothing_is_put_in_place_of_another_version_than_the_judged_one(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    ask(search, wish(pair))
    publish_small(tmp_path, save_small_bundle(tmp_path, seed=3))
    carry_out(search, tmp_path, NOW)
    assert answers(search) == [("refused", "other_in_service")]


def test_what_nobody_carried_out_for_a_day_is_refused(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    ask(search, wish(pair))
    carry_out(search, tmp_path, NOW + VALID_FOR + timedelta(seconds=1))
    assert answers(search) == [("refused", "too_old")]


def test_damaged_files_are_refused_and_the_version_in_service_stays(
    tmp_path: Path, search: FakeSearch, pair: tuple[str, str]
) -> None:
    ask(search, wish(pair))
    (tmp_path / pair[1] / "h6.ubj").unlink()
    carry_out(search, tmp_path, NOW)
    assert answers(search) == [("refused", "not_usable")]
    assert current_version(tmp_path) == pair[0]


def found(pair: tuple[str, str], *highs: float, low: float = -0.01, ready: bool = True) -> list[dict[str, Any]]:
    """Return documents whose differences end at these numbers, by horizon."""
    return [
        {
            "model_version": pair[0],
            "shadow_model_version": pair[1],
            "stratum": "not_in_crisis",
            "horizon_h": horizon_h,
            "ready": ready,
            "days": 8,
            "brier_difference": {"value": (low + high) / 2, "low": low, "high": high},
        }
        for horizon_h, high in zip((1, 6, 24), highs, strict=True)
    ]


def test_by_the_rule_a_ready_and_clearly_better_challenger_is_asked_for_once(
    search: FakeSearch, pair: tuple[str, str]
) -> None:
    assert ask_by_rule(search, found(pair, 0.001, -0.001, 0.001), NOW)
    assert not ask_by_rule(search, found(pair, 0.001, -0.001, 0.001), NOW)
    (request,) = requests(search)
    assert (request.version, request.instead_of, request.by, request.state) == (pair[1], pair[0], "rule", "asked")
    assert "on 8 days" in request.why


@pytest.mark.parametrize(
    ("highs", "low", "ready"),
    [
        ((0.001, 0.001, 0.001), -0.01, True),  # may be chance at 6 h
        ((0.003, -0.001, 0.001), 0.002, True),  # worse at 1 h
        ((-0.001, -0.001, -0.001), -0.01, False),
    ],
)
def test_by_the_rule_nothing_else_is_asked_for(
    search: FakeSearch, pair: tuple[str, str], highs: tuple[float, ...], low: float, ready: bool
) -> None:
    assert not ask_by_rule(search, found(pair, *highs, low=low, ready=ready), NOW)
    assert requests(search) == []


def test_without_an_interval_the_rule_does_not_ask(search: FakeSearch, pair: tuple[str, str]) -> None:
    documents = found(pair, 0.001, -0.001, 0.001)
    documents[1]["brier_difference"] |= {"low": None, "high": None}
    assert not ask_by_rule(search, documents, NOW)
