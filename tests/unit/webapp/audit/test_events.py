"""Every access is noted once, and nothing is lost while the index is away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from flask import g

from elastic.names import AUDIT
from elastic.schema import TEMPLATE_DIR
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.webapp.site import PASSWORD, Site, make_site
from webapp.audit.events import AuditUnavailable
from webapp.audit.spool import Spool, ship_leftovers
from webapp.security import tokens
from webapp.security.current import Principal

OF_OLDER_EVENTS = {"prev_sha256", "sha256"}


@pytest.fixture
def watched(tmp_path: Path, fake: FakeElasticsearch) -> Site:
    """Return a site whose audit reaches the fake index."""
    return make_site(tmp_path, elasticsearch_url=fake.url)


def events(fake: FakeElasticsearch) -> list[dict[str, Any]]:
    found = list(fake.stored(AUDIT).values())
    return sorted(found, key=lambda event: (event["chain_id"], event["seq"]))


def noted(site: Site, fake: FakeElasticsearch) -> list[dict[str, Any]]:
    assert site.services.audit.flush()
    return events(fake)


def record(site: Site, action: str, *ids: str, user: str = "anne") -> None:
    with site.app.test_request_context("/patients/p-1", environ_overrides={"REMOTE_ADDR": "10.0.0.1"}):
        g.principal = Principal(user, "clinician", "fr", f"session of {user}")
        g.request_id = "r-1"
        site.services.audit.record(action, patient_ids=ids)


def test_an_event_says_who_what_whom_when_and_from_where(watched: Site, fake: FakeElasticsearch) -> None:
    record(watched, "view", "p-2", "p-1", "p-2")

    (event,) = noted(watched, fake)

    assert {key: event[key] for key in ("actor", "role", "session", "ip", "action", "outcome", "request_id")} == {
        "actor": "anne",
        "role": "clinician",
        "session": "session of anne",
        "ip": "10.0.0.1",
        "action": "view",
        "outcome": "ok",
        "request_id": "r-1",
    }
    assert event["patient_id"] == ["p-1", "p-2"]
    assert event["@timestamp"] == "2026-03-10T12:00:00.000+00:00"
    assert {name for name, _ in fake.documents} == {f"{AUDIT}-2026.03"}


def test_every_field_of_an_event_is_mapped_and_nothing_else(watched: Site, fake: FakeElasticsearch) -> None:
    template = json.loads((TEMPLATE_DIR / "template-audit.json").read_text())
    record(watched, "view", "p-1")

    (event,) = noted(watched, fake)

    assert {*event, *OF_OLDER_EVENTS} == set(template["template"]["mappings"]["properties"])


@pytest.mark.parametrize("status", [401, 503])
def test_an_elasticsearch_that_starts_gets_the_template_before_the_first_event(
    watched: Site, fake: FakeElasticsearch, status: int
) -> None:
    fake.request_faults = [status]
    record(watched, "view", "p-1")

    assert not watched.services.audit.flush()
    assert len(noted(watched, fake)) == 1
    assert AUDIT in fake.templates


def test_an_account_that_may_not_look_at_templates_trusts_that_they_are_there(
    watched: Site, fake: FakeElasticsearch
) -> None:
    fake.request_faults = [403]
    record(watched, "view", "p-1")

    assert len(noted(watched, fake)) == 1
    assert not fake.templates


def test_sign_in_failure_and_denial_are_noted_without_what_was_typed(watched: Site, fake: FakeElasticsearch) -> None:
    watched.add_user("anne", "viewer")
    browser = watched.client()
    browser.post("/login", {"user_name": "my-password-by-mistake", "password": "x"})
    browser.post("/login", {"user_name": "anne", "password": "x"})
    browser.post("/login", {"user_name": "anne", "password": PASSWORD})
    browser.get("/admin/users")

    found = [(event["action"], event["actor"], event["outcome"]) for event in noted(watched, fake)]

    assert found == [
        ("login", "unknown", "failed"),
        ("login", "anne", "failed"),
        ("login", "anne", "ok"),
        ("denied", "anne", "denied"),
    ]


def test_what_an_administrator_does_is_noted_with_whom_it_was_done_to(watched: Site, fake: FakeElasticsearch) -> None:
    chief = watched.signed_in("admin", name="chief")
    chief.post("/admin/users", {"name": "robot", "role": "service", "language": "en"})
    chief.post("/admin/tokens", {"user_name": "robot", "name": "x", "scope": "read:alerts", "days": "7"})
    chief.confirm("/admin/users/2", {"action": "disable"})

    found = [(event["action"], event["actor"], event["target"]) for event in noted(watched, fake)]

    assert found == [
        ("user_added", "chief", "robot"),
        ("token_created", "chief", f"robot/{tokens.list_tokens(watched.services.store)[0].id}"),
        ("user_disable", "chief", "robot"),
    ]


def test_of_a_list_new_patients_alone_are_noted_and_all_every_quarter_of_an_hour(
    watched: Site, fake: FakeElasticsearch
) -> None:
    def shown() -> list[list[str]]:
        return [event["patient_id"] for event in noted(watched, fake)]

    record(watched, "list", "p-1", "p-2")
    record(watched, "list", "p-2")
    record(watched, "list")
    assert shown() == [["p-1", "p-2"]]
    record(watched, "list", "p-1", "p-2", "p-3")
    assert shown()[1:] == [["p-3"]]
    record(watched, "list", "p-1", user="paul")
    assert shown()[2:] == [["p-1"]]
    watched.clock.pass_by(minutes=15)
    record(watched, "list", "p-1", "p-3")
    assert shown()[3:] == [["p-1", "p-3"]]


def test_a_screen_on_which_patients_arrive_for_minutes_names_each_of_them_once(
    watched: Site, fake: FakeElasticsearch
) -> None:
    """187 patients come onto a board that is asked every second for four minutes, as it was once."""
    for second in range(240):
        record(watched, "list", *(f"p-{number}" for number in range(min(187, second + 1))))
        watched.clock.pass_by(seconds=1)

    named = [patient_id for event in noted(watched, fake) for patient_id in event["patient_id"]]

    assert len(named) == len(set(named)) == 187


def test_events_bear_their_writer_and_their_number(watched: Site, fake: FakeElasticsearch) -> None:
    for number in range(3):
        record(watched, "view", f"p-{number}")

    found = noted(watched, fake)

    assert [(event["seq"], event["patient_id"]) for event in found] == [(0, ["p-0"]), (1, ["p-1"]), (2, ["p-2"])]
    assert len({event["chain_id"] for event in found}) == 1


def test_while_the_index_is_away_events_wait_in_the_spool(watched: Site, fake: FakeElasticsearch) -> None:
    fake.request_faults = [503, 503]
    record(watched, "view", "p-1")
    assert not watched.services.audit.flush()
    record(watched, "view", "p-2")
    fake.request_faults = []

    assert [event["patient_id"] for event in noted(watched, fake)] == [["p-1"], ["p-2"]]
    assert [file.stat().st_size for file in (watched.services.settings.local_dir / "audit").iterdir()] == [0]


def test_an_event_that_arrived_without_an_answer_is_not_doubled(watched: Site, fake: FakeElasticsearch) -> None:
    record(watched, "view", "p-1")
    assert watched.services.audit.flush()
    record(watched, "view", "p-2")
    fake.answers_lost = 1
    watched.services.audit.flush()

    assert len(noted(watched, fake)) == 2


def test_an_export_that_cannot_be_noted_is_refused(watched: Site, fake: FakeElasticsearch) -> None:
    record(watched, "view", "p-0")
    assert watched.services.audit.flush()
    fake.request_faults = [503]

    with pytest.raises(AuditUnavailable):
        record(watched, "export", "p-1")

    assert [(event["action"], event["outcome"]) for event in noted(watched, fake)] == [
        ("view", "ok"),
        ("export", "ok"),
        ("export", "refused"),
    ]


def test_an_export_is_noted_before_it_is_made(watched: Site, fake: FakeElasticsearch) -> None:
    record(watched, "export", "p-1")

    assert [event["action"] for event in events(fake)] == ["export"]


def test_what_a_killed_writer_left_is_shipped_by_the_next(tmp_path: Path, fake: FakeElasticsearch) -> None:
    client = Elasticsearch(fake.url)
    lost = Spool(tmp_path)
    lost.append({"@timestamp": "2026-03-10T12:00:00+00:00", "actor": "anne"})

    ship_leftovers(tmp_path, client)
    assert events(fake) == []  # its writer lives: the spool is locked

    assert lost._file
    lost._file.close()
    ship_leftovers(tmp_path, client)
    assert [event["actor"] for event in events(fake)] == ["anne"]
    assert list(tmp_path.iterdir()) == []


def test_a_closed_writer_leaves_no_file(watched: Site, fake: FakeElasticsearch) -> None:
    record(watched, "view", "p-1")

    watched.services.audit.close()

    assert len(events(fake)) == 1
    assert list((watched.services.settings.local_dir / "audit").iterdir()) == []


def test_the_spool_is_for_its_owner_alone(watched: Site) -> None:
    record(watched, "view", "p-1")

    (file,) = (watched.services.settings.local_dir / "audit").iterdir()

    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"


def test_events_shipped_in_the_background_arrive(watched: Site, fake: FakeElasticsearch) -> None:
    audit = watched.services.audit
    audit.start()
    record(watched, "view", "p-1")

    audit.close()

    assert [event["action"] for event in events(fake)] == ["view"]
