"""The heartbeat: when it is sent, what it says, and that it is signed and stays within the house's rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from alerts import heartbeat
from alerts.chain import Link, Part, judge
from alerts.channels.webhook import Webhook, verify
from alerts.heartbeat import Heartbeat
from alerts.notifications.policy import HeartbeatRule
from conf.settings import Settings
from tests.support.http_server import Answering, serving

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECRET = "w" * 48
SCHEMA = json.loads(Path(heartbeat.__file__).with_name("heartbeat.schema.json").read_text(encoding="utf-8"))


@dataclass
class Outside:
    """Who is told that all lives."""

    url: str = ""
    status: int = 204
    taken: list[dict[str, Any]] = field(default_factory=list)
    signed: list[bool] = field(default_factory=list)


@contextmanager
def outside() -> Iterator[Outside]:
    made = Outside()

    class Handler(Answering):
        def do_POST(self) -> None:  # noqa: N802 - the name that the server calls
            body = self.read()
            made.signed.append(verify(SECRET.encode(), dict(self.headers), body, datetime.now(UTC)))
            if made.status == 204:
                made.taken.append(json.loads(body))
            self.send(made.status)

    with serving(Handler) as made.url:
        yield made


@pytest.fixture
def receiver() -> Iterator[Outside]:
    with outside() as made:
        yield made


def beating(receiver: Outside) -> Heartbeat:
    settings = Settings(secret_key="s" * 48, webhook_hosts="127.0.0.1", webhook_secret=SECRET)
    return Heartbeat(HeartbeatRule(webhook=f"{receiver.url}/alive", every_seconds=60), Webhook(settings))


def chain(now: datetime, *dead: Part) -> tuple[Link, ...]:
    signs = {part: now - timedelta(hours=part in dead) for part in Part}
    return judge(signs, {}, MINUTE, MINUTE, now)


def test_it_comes_each_minute_also_when_all_is_well_and_is_signed(receiver: Outside) -> None:
    beat = beating(receiver)
    for second in range(0, 121, 2):
        now = NOW + timedelta(seconds=second)
        beat.beat(chain(now), now)
    assert [it["at"] for it in receiver.taken] == [f"2026-03-01T12:0{minute}:00Z" for minute in range(3)]
    assert all(receiver.signed)
    assert all(it["ok"] and it["dead"] == [] for it in receiver.taken)


def test_what_dies_or_comes_back_is_told_at_once(receiver: Outside) -> None:
    beat = beating(receiver)
    for second, dead in enumerate([[], [Part.STREAM], [Part.STREAM], [Part.KAFKA, Part.SITE], []]):
        now = NOW + timedelta(seconds=second)
        beat.beat(chain(now, *dead), now)
    assert [(it["ok"], it["dead"]) for it in receiver.taken] == [
        (True, []),
        (False, ["stream"]),
        (False, ["kafka", "site"]),
        (True, []),
    ]


def test_it_says_of_each_link_how_old_its_last_sign_is_as_the_published_schema_has_it(receiver: Outside) -> None:
    beating(receiver).beat(chain(NOW, Part.SITE), NOW)
    (body,) = receiver.taken
    jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True).validate(body)
    site = {"part": "site", "state": "dead", "age_s": 3600, "limit_s": 60}
    assert [it["part"] for it in body["links"]] == list(Part)
    assert body["links"][-1] == site
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.Draft202012Validator(SCHEMA).validate(body | {"links": body["links"][1:]})


def test_one_that_was_not_taken_is_tried_again_and_told_once_in_the_log(
    receiver: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    beat = beating(receiver)
    receiver.status = 503
    for second in range(3):
        beat.beat(chain(NOW), NOW + timedelta(seconds=second))
    assert len([it for it in caplog.messages if "The heartbeat does not arrive" in it]) == 1
    receiver.status = 204
    beat.beat(chain(NOW), NOW + timedelta(seconds=3))
    assert len(receiver.taken) == 1
