"""What the service refuses or says at its start, and a sender that fails."""

from __future__ import annotations

import logging
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from alerts.notifications import running
from alerts.notifications.running import at_work, open_channels, prepare
from alerts.notifications.sending import Sender, is_time
from conf.errors import UserError
from conf.settings import Settings
from elastic.client import Search
from tests.support.notifying import policy

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOBODY = cast(Search, None)  # nothing is asked
SERVED: dict[str, Any] = {
    "secret_key": "k" * 48,
    "smtp_host": "127.0.0.1",
    "smtp_security": "none",
    "smtp_from": "alerts@hospital.example",
    "webhook_hosts": "pager.example.org",
    "webhook_secret": "w" * 48,
}


def test_settings_that_serve_all_recipients_give_their_channels() -> None:
    assert set(open_channels(policy(), Settings(**SERVED))) == {"mail", "webhook"}


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("smtp_host", "BP_SMTP_HOST"),
        ("smtp_from", "BP_SMTP_FROM"),
        ("webhook_secret", "BP_WEBHOOK_SECRET"),
        ("webhook_hosts", "BP_WEBHOOK_HOSTS"),
        ("secret_key", "BP_SECRET_KEY"),
    ],
)
def test_an_address_that_the_settings_do_not_serve_is_refused_with_what_to_set(missing: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        open_channels(policy(), Settings(**SERVED | {missing: None}))


def test_a_webhook_to_another_host_than_the_settings_name_is_refused_with_its_recipient() -> None:
    with pytest.raises(UserError, match=r"^doctor in the notifications .*BP_WEBHOOK_HOSTS"):
        open_channels(policy(), Settings(**SERVED | {"webhook_hosts": "elsewhere.example.org"}))


def test_without_recipients_nothing_is_needed_and_nothing_runs() -> None:
    for nobody in (None, policy(recipients={}, routes=[])):
        assert prepare(NOBODY, nobody, Settings(), lambda: True) is nullcontext


def test_hours_at_which_nobody_is_told_of_a_crisis_are_said_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    day = {"hours": "07:00-19:00", "chain": [{"after_minutes": 0, "tell": ["nurse"]}]}
    with caplog.at_level(logging.WARNING):
        prepare(NOBODY, policy(routes=[day]), Settings(**SERVED), lambda: True)
    assert "nobody is told sun 19:00 to mon 07:00" in caplog.text
    assert "alerts.yaml" in caplog.text


def test_a_sender_that_fails_unforeseen_is_made_anew_and_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "WAIT_S", 0.01)
    runs: list[threading.Thread] = []
    third = threading.Event()

    class Failing:
        def run(self, _: threading.Event) -> None:
            runs.append(threading.current_thread())
            if len(runs) == 3:
                third.set()
            raise ZeroDivisionError

    with at_work(lambda: cast(Sender, Failing())):
        assert third.wait(10)
    assert not runs[0].is_alive()


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    minute = timedelta(minutes=1)
    assert is_time(None, minute, NOON)
    assert not is_time(NOON, minute, NOON + minute / 2)
    assert is_time(NOON, minute, NOON + minute)
    assert is_time(NOON, minute, NOON - timedelta(hours=1))
