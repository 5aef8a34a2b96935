"""Each page that shows patients says in the audit who saw whom, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastic.names import AUDIT
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.webapp.api.conftest import make_ward
from tests.unit.webapp.api.documents import NEWEST
from tests.unit.webapp.site import Site, make_site
from webapp.security.sessions import digest

TWO, ALL, ONE = ["P-0001", "P-0002"], ["P-0001", "P-0002", "P-0003"], ["P-0001"]


@pytest.fixture
def site(tmp_path: Path, fake: FakeElasticsearch) -> Site:
    made = make_site(tmp_path, search=make_ward(), elasticsearch_url=fake.url)
    made.clock.now = NEWEST
    made.clock.pass_by(minutes=2)
    return made


@pytest.mark.parametrize(
    ("path", "action", "patients"),
    [
        ("/", "list", TWO),
        ("/board/rows", "list", TWO),
        ("/?kiosk=1", "list", TWO),
        ("/predictions", "list", ALL),
        ("/patients", "list", ALL),
        ("/patients.csv", "export", ALL),
        ("/patients/P-0001", "view", ONE),
        ("/patients/P-0001/report", "print", ONE),
    ],
)
def test_who_sees_patients_is_noted_with_all_of_them(
    site: Site, fake: FakeElasticsearch, path: str, action: str, patients: list[str]
) -> None:
    assert site.signed_in(name="asker").get(path).status_code == 200

    assert site.services.audit.flush()
    (event,) = fake.stored(AUDIT).values()
    assert (event["actor"], event["action"], event["patient_id"]) == ("asker", action, patients)


@pytest.mark.parametrize("path", ["/patients/P-0001", "/patients/P-0001/report"])
def test_who_is_denied_a_patient_s_page_is_noted_with_the_patient(
    site: Site, fake: FakeElasticsearch, path: str
) -> None:
    assert site.signed_in("admin", name="asker").get(path).status_code == 403

    assert site.services.audit.flush()
    (event,) = fake.stored(AUDIT).values()
    assert (event["action"], event["outcome"], event["patient_id"]) == ("denied", "denied", ONE)


def test_a_session_that_its_user_ends_is_noted(site: Site, fake: FakeElasticsearch) -> None:
    user = site.add_user("asker")
    here, there = site.client(user), site.client(user)
    here.confirm("/account/sessions", {"hash": digest(there.session_id)})

    assert site.services.audit.flush()
    (event,) = fake.stored(AUDIT).values()
    assert (event["action"], event["target"]) == ("session_ended", f"asker/{digest(there.session_id)}")
