"""Messages about alerts on a real Elasticsearch: everybody is told, once for each step, and no longer than needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.channels.message import Undelivered
from alerts.lookout import Lookout
from alerts.model import AlertKind
from alerts.notifications.outbox import PostState
from alerts.notifications.policy import Policy
from alerts.rules import load_rules
from alerts.service import Service
from conf.retry import wait_until
from conf.settings import Settings
from elastic.bulk import Operation, write
from elastic.client import Search, connect, refresh
from elastic.names import ALERT_EVENTS, ALERTS, NOTIFICATIONS, fit_id
from elastic.schema import put_templates
from embedded.services import Addresses
from tests.integration.notified import Document, Receiver, Sending, reckon
from tests.integration.pipeline import delete_documents
from tests.support.notifying import answered, policy
from tests.support.ward import alert

pytestmark = pytest.mark.integration

DUE_AT_ONCE = 1000
SECOND = 1 / 60  # of the minutes that policies are written in
NURSE, BOTH = {"after_minutes": 0, "tell": ["nurse"]}, {"after_minutes": 0, "tell": ["nurse", "doctor"]}
AWAY = Undelivered("the server does not answer", may_pass=True)
REFUSED = Undelivered("no such address", may_pass=False)


class Ward:
    """Elasticsearch with the alerts of a ward, and two ways to tell people of them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.search = Search(connect(settings), 30)
        self.mail, self.webhook = Receiver(), Receiver()

    def put(self, *alerts: Document) -> None:
        """Store alerts as they stand, as the service does."""
        bodies = ((fit_id(each["alert_id"]), msgspec.json.encode(each)) for each in alerts)
        write(self.search.client, [Operation("index", ALERTS, id_, body) for id_, body in bodies])
        refresh(self.search.client, ALERTS)

    def sending(self, with_policy: Policy) -> Sending:
        """Return a sender that begins to work with the block."""
        return Sending(self.search, with_policy, {"mail": self.mail, "webhook": self.webhook})

    def posts(self, state: PostState | None = None) -> list[Document]:
        """Return the documents of the outbox."""
        return [it for it in self._all(NOTIFICATIONS) if state in (None, it["state"])]

    def events(self) -> list[Document]:
        """Return what the journal notes."""
        return self._all(ALERT_EVENTS)

    def _all(self, index: str) -> list[Document]:
        refresh(self.search.client, index)
        return self.search.pages(index, {"query": {"match_all": {}}, "sort": [{"_doc": "asc"}]}, 100_000)


@pytest.fixture
def ward(services: Addresses, tmp_path: Path) -> Ward:
    settings = Settings(elasticsearch_url=services.elasticsearch_url, local_dir=tmp_path)
    delete_documents(connect(settings))
    put_templates(connect(settings))
    return Ward(settings)


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def soon(is_so: Callable[[], bool], within_s: float = 20) -> None:
    assert wait_until(is_so, within_s, 0.05)


def crises(number: int, at: datetime) -> list[Document]:
    return [alert(f"P-{index:04}", at) for index in range(number)]


def test_an_alert_is_told_within_seconds_and_its_journal_says_whom_and_how(ward: Ward) -> None:
    with ward.sending(policy(BOTH)):
        raised = alert("P-1", datetime.now(UTC))
        ward.put(raised)
        soon(lambda: bool(ward.mail.taken and ward.webhook.taken), 5)
        soon(lambda: len(ward.posts(PostState.SENT)) == 2)
    events = sorted(ward.events(), key=lambda event: str(event["channel"]))
    assert [(it["event"], it["recipient"], it["channel"], it["step"]) for it in events] == [
        ("notified", "nurse", "mail", 0),
        ("notified", "doctor", "webhook", 0),
    ]
    assert {(it["alert_id"], it["patient_id"], it["kind"]) for it in events} == {
        (raised["alert_id"], "P-1", "measured")
    }
    ((_, message),) = ward.mail.taken
    assert {message.key} <= {post["key"] for post in ward.posts()}
    assert message.tellings[0].alert["patient_id"] == "P-1"


def test_what_was_told_is_nothing_that_anybody_said(ward: Ward) -> None:
    """The service that reads the journal leaves the alert as it is, and the sender is told of nothing new by it."""
    raised = alert("P-1", datetime.now(UTC))
    ward.put(raised)
    with ward.sending(policy(NURSE)):
        soon(lambda: bool(ward.events()))
        rules = load_rules()
        service = Service(ward.search, rules, Lookout(ward.search, rules, ward.settings))
        service.start({}, datetime.now(UTC))
        service.turn(datetime.now(UTC))
    stored = ward.search.get(ALERTS, raised["alert_id"])
    assert stored is not None
    assert (stored["state"], stored.get("number")) == ("raised", None)


def test_every_step_of_many_alerts_is_told_once_and_nothing_after_an_answer(ward: Ward) -> None:
    """The expected list is reckoned apart; ten patients are answered between two steps, the others never."""
    chain: list[dict[str, Any]] = [
        {**NURSE, "remind_every_minutes": 4 * SECOND, "reminders": 1},
        {"after_minutes": 7 * SECOND, "tell": ["doctor", "nurse"]},
    ]
    begin = datetime.now(UTC)
    alerts = [*crises(40, begin), *(alert(f"P-{n:04}", begin, AlertKind.PREDICTED) for n in range(20))]
    answers: dict[str, datetime] = {}
    with ward.sending(policy(*chain, group_minutes=0, burst=1000)):
        ward.put(*alerts)
        time.sleep(5.5)
        for each in alerts[:10]:
            answers[each["alert_id"]] = datetime.now(UTC)
        ward.put(*(answered(each, answers[each["alert_id"]]) for each in alerts[:10]))
        expected = reckon(alerts, chain, begin + timedelta(seconds=9), answers)
        soon(lambda: len(ward.mail.told) + len(ward.webhook.told) >= len(expected))
        time.sleep(1)
    told = [*ward.mail.told, *ward.webhook.told]
    assert len(told) == len(set(told))
    assert set(told) == expected
    noted = [(it["alert_id"], it["step"], it["repeat"], it["recipient"]) for it in ward.events()]
    assert sorted(noted) == sorted((id_, step, repeat, name) for id_, _, step, repeat, name in expected)


def test_an_answer_stops_within_seconds_what_waits_in_the_outbox_too(ward: Ward) -> None:
    ward.mail.refusal = AWAY
    raised = alert("P-1", datetime.now(UTC))
    with ward.sending(policy({**NURSE, "remind_every_minutes": SECOND, "reminders": 50}, group_minutes=0)):
        ward.put(raised)
        soon(lambda: len(ward.posts()) > 2)
        ward.put(answered(raised, datetime.now(UTC)))
        soon(lambda: {post["state"] for post in ward.posts()} == {PostState.STOPPED}, 5)
        number = len(ward.posts())
        ward.mail.refusal = None
        time.sleep(3)
    assert ward.mail.taken == []
    assert len(ward.posts()) == number


def test_an_answer_that_the_sender_has_not_heard_of_stops_a_message_all_the_same(ward: Ward) -> None:
    """What is read just before a message is sent is the alert as it is, not as it was seen last."""
    raised = alert("P-1", datetime.now(UTC))
    ward.put(raised)
    sending = ward.sending(policy(NURSE))
    sending.sender.turn(ago(5))  # before the raise: read, and nothing due yet
    body = msgspec.json.encode(answered(raised, datetime.now(UTC)))
    write(ward.search.client, [Operation("index", ALERTS, raised["alert_id"], body)])  # no search sees it yet
    sending.sender._make(datetime.now(UTC))
    for post in sending.sender._queue.next(datetime.now(UTC)):
        sending.sender._deliver(post)
    sending.sender.finish()
    assert ward.mail.taken == []
    assert [post["state"] for post in ward.posts()] == [PostState.STOPPED]


def test_an_answer_that_was_taken_back_lets_the_rest_be_told_and_nothing_twice(ward: Ward) -> None:
    chain = (NURSE, {"after_minutes": 3 * SECOND, "tell": ["doctor"]})
    raised = alert("P-1", datetime.now(UTC))
    with ward.sending(policy(*chain)):
        ward.put(raised)
        soon(lambda: bool(ward.mail.taken))
        soon(lambda: bool(ward.posts(PostState.SENT)))
        ward.put(answered(raised, datetime.now(UTC)))
        time.sleep(4)
        assert ward.webhook.taken == []
        ward.put(raised | {"number": 2})
        soon(lambda: bool(ward.webhook.taken), 5)
    assert [len(ward.mail.taken), len(ward.webhook.taken)] == [1, 1]


def test_after_a_time_of_refusal_all_is_told_and_the_other_way_was_never_held_up(ward: Ward) -> None:
    ward.mail.refusal, ward.mail.slow_s = AWAY, 0.5
    alerts = crises(100, datetime.now(UTC))
    with ward.sending(policy(BOTH, burst=1000)):
        ward.put(*alerts)
        soon(lambda: len(ward.webhook.told) == 100, 10)
        time.sleep(4)
        assert ward.mail.taken == []
        assert len(ward.posts(PostState.DUE)) == 100
        ward.mail.refusal, ward.mail.slow_s = None, 0
        soon(lambda: len(ward.mail.told) == 100)
        soon(lambda: len(ward.posts(PostState.SENT)) == 200)
    assert len(set(ward.mail.told)) == len(ward.mail.told) == 100


def test_who_takes_over_sends_what_was_due_tells_the_rest_and_repeats_nothing(ward: Ward) -> None:
    chain = (BOTH, {"after_minutes": 6 * SECOND, "tell": ["doctor"]})
    ward.mail.refusal = AWAY
    raised = alert("P-1", datetime.now(UTC))
    with ward.sending(policy(*chain, group_minutes=0)):
        ward.put(raised)
        soon(lambda: bool(ward.webhook.taken))
        soon(lambda: any(post.get("attempts") for post in ward.posts(PostState.DUE)))
    ward.mail.refusal = None
    with ward.sending(policy(*chain, group_minutes=0)):
        soon(lambda: bool(ward.mail.taken) and len(ward.webhook.taken) == 2)
        time.sleep(1)
    assert [(step, name) for _, _, step, _, name in ward.mail.told + ward.webhook.told] == [
        (0, "nurse"),
        (0, "doctor"),
        (1, "doctor"),
    ]


def test_a_way_by_which_nothing_arrives_is_an_alert_of_the_system_until_something_does(ward: Ward) -> None:
    rules = load_rules().model_copy(update={"notifications": policy(NURSE)})
    lookout = Lookout(ward.search, rules, ward.settings)
    now = datetime.now(UTC)
    lookout.start(None, now)

    def system(after_s: float) -> list[tuple[str, str]]:
        for _ in range(3):
            lookout.turn([], [], [], now + timedelta(seconds=after_s), is_all_read=True)
        return [(it["part"], it["state"]) for it in ward._all(ALERTS) if it["kind"] == AlertKind.SYSTEM]

    ward.mail.refusal = AWAY
    ward.put(alert("P-1", now))
    with ward.sending(policy(NURSE)):
        soon(lambda: any(post.get("failing_since") for post in ward.posts()))
        assert system(30) == []
        assert system(75) == [("channel-mail-nurse", "raised")]
        ward.mail.refusal = None
        soon(lambda: bool(ward.posts(PostState.SENT)))
        assert system(90) == [("channel-mail-nurse", "resolved")]
        ward.mail.refusal = REFUSED
        ward.put(alert("P-2", datetime.now(UTC)))
        soon(lambda: bool(ward.posts(PostState.GIVEN_UP)))
        assert ("channel-mail-nurse", "raised") in system(105)


def test_messages_to_somebody_who_is_not_in_the_rules_any_more_are_given_up_with_that_reason(ward: Ward) -> None:
    ward.webhook.refusal = AWAY
    ward.put(alert("P-1", datetime.now(UTC)))
    with ward.sending(policy(BOTH)):
        soon(lambda: any(post.get("attempts") for post in ward.posts()))
    only_nurse = policy(NURSE, recipients={"nurse": {"mail": "nurses@example.org"}})
    with ward.sending(only_nurse):
        soon(lambda: len(ward.posts(PostState.GIVEN_UP)) == 1)
    (given_up,) = ward.posts(PostState.GIVEN_UP)
    assert "not in the rules" in given_up["reason"]


def test_a_thousand_messages_that_are_due_at_once_are_told_within_seconds(ward: Ward) -> None:
    with ward.sending(policy(NURSE, burst=1000)):
        ward.put(*crises(DUE_AT_ONCE, datetime.now(UTC)))
        soon(lambda: len(ward.mail.taken) == DUE_AT_ONCE, 30)
        soon(lambda: len(ward.posts(PostState.SENT)) == DUE_AT_ONCE)
    waited = [at - message.at for at, message in ward.mail.taken]
    assert max(waited) < timedelta(seconds=20)
