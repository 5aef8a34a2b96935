"""Links that acknowledge: nobody makes or reads one without the key, and each is for one raise and one recipient."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest

from alerts.answering import Known
from alerts.channels.message import Disclosure
from alerts.model import State
from alerts.notifications.links import LIFETIME, PATH, Link, LinkError, Links, LinkState
from conf.settings import Settings, SettingsError
from tests.support.tellings import NOON, PATIENT, SECRET, measured, recipient

SITE = "https://alerts.hospital.example"
OTHER = "t" * 48
ANSWER = {"at": NOON.isoformat(), "until": (NOON + timedelta(minutes=30)).isoformat(), "by": "anne"}


def links(secret: str = SECRET, site: str | None = SITE) -> Links:
    return Links(Settings(secret_key=secret), site)


def address(alert: dict[str, Any], site: str | None = SITE) -> str:
    return links(site=site).addresses(recipient(), [alert], NOON).get(alert["alert_id"], "")


def token(alert: dict[str, Any] | None = None) -> str:
    return address(alert or measured()).removeprefix(SITE + PATH)


def test_a_link_leads_to_the_site_and_says_there_what_it_was_made_for() -> None:
    assert address(measured()).startswith(SITE + PATH)
    assert address(measured(), SITE + "/").startswith(SITE + PATH)
    found = links().read(token(), NOON)
    assert (found.alert_id, found.raised_at, found.recipient) == (measured()["alert_id"], NOON, "anne")
    assert found.discloses == tuple(sorted(Disclosure))
    assert found.person.name == "anne (link)"


def test_whose_alert_it_is_cannot_be_read_in_a_link() -> None:
    assert PATIENT.encode() not in base64.urlsafe_b64decode(token())


def test_a_link_ends_after_its_lifetime() -> None:
    made = token()
    assert links().read(made, NOON + LIFETIME)
    with pytest.raises(LinkError) as caught:
        links().read(made, NOON + LIFETIME + timedelta(seconds=1))
    assert caught.value.is_expired


@pytest.mark.parametrize(
    "change",
    [lambda made: made[:-3], lambda made: made[:40] + ("A" if made[40] != "A" else "B") + made[41:], lambda _: "é"],
    ids=["cut", "one letter", "not ASCII"],
)
def test_a_link_that_was_changed_is_none_of_ours(change: Any) -> None:
    with pytest.raises(LinkError) as caught:
        links().read(change(token()), NOON)
    assert not caught.value.is_expired


def test_a_link_of_another_key_is_none_of_ours_and_one_of_an_older_key_is() -> None:
    with pytest.raises(LinkError):
        links(OTHER).read(token(), NOON)
    assert links(f"{OTHER},{SECRET}").read(token(), NOON)


def test_what_nobody_need_answer_has_no_link() -> None:
    answered = measured(state=State.ACKNOWLEDGED, is_unanswered=False)
    assert address(answered) == ""


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, LinkState.OPEN),
        ({"state": State.LATCHED}, LinkState.OPEN),
        ({"is_open": False, "state": State.RESOLVED}, LinkState.OVER),
        ({"state": State.ACKNOWLEDGED, "is_unanswered": False, "answer": ANSWER}, LinkState.ANSWERED),
        ({"raised_at": (NOON + timedelta(minutes=1)).isoformat()}, LinkState.RAISED_ANEW),
        ({"state": State.REMINDED, "changed_at": (NOON + timedelta(minutes=30)).isoformat()}, LinkState.RAISED_ANEW),
    ],
    ids=["raised", "latched", "over", "answered", "raised anew", "answer ran out"],
)
def test_a_link_acknowledges_the_raise_that_its_recipient_was_told_of(
    changes: dict[str, Any], state: LinkState
) -> None:
    made = links().read(token(), NOON)
    assert made.state(Known(measured() | changes, []), NOON) is state


def test_a_link_to_an_alert_that_is_not_there_has_nothing_to_acknowledge() -> None:
    assert Link("measured-0-P", NOON, "anne", "fr", ()).state(None, NOON) is LinkState.OVER


def test_where_nobody_says_where_the_site_is_there_are_no_links() -> None:
    assert address(measured(), site=None) == ""


def test_without_a_secret_key_there_are_no_links() -> None:
    with pytest.raises(SettingsError, match="BP_SECRET_KEY"):
        Links(Settings())
