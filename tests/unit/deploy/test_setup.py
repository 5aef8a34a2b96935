"""Set-up waits with patience, and says what it waits for; what it prepares is tested with real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conf.errors import EXIT_OK, UserError
from conf.settings import Settings
from deploy import setup
from deploy.setup import NotReadyError, PasswordRefusedError, require_usable, wait_for
from elastic.client import connect
from tests.support.fake_elasticsearch import FakeElasticsearch

DEADLINE_S = 60.0


@dataclass
class Clock:
    """Time that passes by pausing alone."""

    now_s: float = 0.0
    said: list[str] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.now_s += seconds

    def wait(self, attempt: Callable[[], str]) -> str:
        return wait_for(
            "Kafka",
            attempt,
            deadline_s=DEADLINE_S,
            report=self.said.append,
            clock=lambda: self.now_s,
            pause=self.pause,
        )


def failing(times: int, error: UserError) -> Callable[[], str]:
    """Return work that fails so often, then succeeds."""
    outcomes: Iterator[UserError | None] = iter([error] * times + [None])

    def attempt() -> str:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        return "done"

    return attempt


def test_what_works_at_once_is_not_waited_for() -> None:
    clock = Clock()
    assert clock.wait(failing(0, NotReadyError("away"))) == "done"
    assert (clock.now_s, clock.said) == (0, [])


def test_what_works_later_is_tried_until_then_and_told_every_five_seconds() -> None:
    clock = Clock()
    assert clock.wait(failing(12, NotReadyError("nobody there"))) == "done"
    assert clock.said == [
        "Kafka: not ready after 5 s: nobody there",
        "Kafka: not ready after 10 s: nobody there",
    ]


def test_what_never_works_ends_at_the_deadline_with_the_last_reason() -> None:
    with pytest.raises(UserError, match="Kafka is not ready after 60 s: nobody there"):
        Clock().wait(failing(1000, NotReadyError("nobody there")))


def test_refused_password_ends_the_waiting_early_but_not_at_once() -> None:
    clock = Clock()
    assert clock.wait(failing(10, PasswordRefusedError("wrong"))) == "done"
    with pytest.raises(PasswordRefusedError, match="wrong"):
        clock.wait(failing(1000, PasswordRefusedError("wrong")))
    assert clock.now_s < DEADLINE_S


@pytest.mark.parametrize(("status", "error"), [(401, PasswordRefusedError), (503, NotReadyError), (408, NotReadyError)])
def test_elasticsearch_is_usable_when_it_tells_its_health(
    fake: FakeElasticsearch, status: int, error: type[UserError]
) -> None:
    fake.request_faults = [status]
    with pytest.raises(error):
        require_usable(connect(Settings(elasticsearch_url=fake.url)))


@pytest.mark.parametrize(("option", "granted"), [([], 1), (["--keep-kafka-rights"], 0)])
def test_whoever_runs_kafka_may_keep_its_rights_to_themselves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: list[str], granted: int
) -> None:
    given: list[Settings] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_KAFKA_USERNAME", "kafka_setup")
    monkeypatch.setattr(setup, "grant", given.append)
    monkeypatch.setattr(setup, "_create_topic", lambda *_: True)
    monkeypatch.setattr(setup, "as_superuser", lambda settings, _directory: settings)
    for name in ("require_usable", "create_accounts", "ensure_templates", "create_standing_indices"):
        monkeypatch.setattr(setup, name, lambda *_: None)
    assert setup.main(["--directory", str(tmp_path), *option]) == EXIT_OK
    assert len(given) == granted
