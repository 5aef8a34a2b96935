"""What the security checklist asks for and no other file of tests looks at."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from elastic import client
from elastic.client import Search, SearchUnavailable
from elastic.names import LATEST, OBSERVATIONS
from elastic.search import observations
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.api.documents import prediction, reading
from tests.unit.webapp.site import NOON, PAGE, PASSWORD, SAME_ORIGIN, Site, make_site, settings
from webapp.factory import create_app
from webapp.logs import JsonLines
from webapp.security import passwords, sessions
from webapp.services import EXTENSION
from webapp.store import users

SCRIPTS = sorted(Path("webapp/static/js").rglob("*.js"))


def test_a_new_site_has_no_account(tmp_path: Path) -> None:
    assert users.list_all(make_site(tmp_path).services.store) == []


def test_the_site_never_runs_in_debug_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert make_site(tmp_path).app.debug is False


def test_unless_a_test_says_otherwise_bcrypt_has_cost_12(tmp_path: Path) -> None:
    made: Any = create_app(settings(tmp_path)).extensions[EXTENSION].passwords
    assert passwords.BCRYPT_COST == 12
    assert not made.needs_new_record("$2b$12$" + "x" * 53)


def test_session_ids_and_tokens_have_256_random_bits(site: Site) -> None:
    """32 bytes are 43 characters of base64url."""
    user = site.add_user()
    ids = {sessions.begin(site.services.store, user, ip="", agent="", now=site.clock.now) for _ in range(50)}
    secrets = {site.token(name=f"other-{number}")["Authorization"].split("_", 2)[2] for number in range(50)}
    assert {len(text) for text in ids | secrets} == {43}
    assert (len(ids), len(secrets)) == (50, 50)


def test_a_demonstration_without_encryption_says_so(tmp_path: Path) -> None:
    browser = make_site(tmp_path, insecure_demo=True).client()

    def says_so(path: str, scheme: str) -> bool:
        answer = browser.client.get(path, base_url=f"{scheme}://localhost", headers=PAGE)
        return "Demonstration without encryption" in answer.text

    assert all(says_so(path, "http") for path in ("/login?lang=en", "/nothing?lang=en"))
    assert not says_so("/login?lang=en", "https")


@pytest.mark.parametrize("file", SCRIPTS, ids=str)
def test_no_script_leaves_anything_in_the_browser_for_the_next_person(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not [word for word in ("localStorage", "indexedDB", "document.cookie", "caches.open") if word in text]


class Timed:
    """A client that notes how a search is sent, and answers that it ran out of time."""

    def __init__(self, *, timed_out: bool) -> None:
        self.sent: list[dict[str, Any]] = []
        self.timed_out = timed_out

    def options(self, **options: Any) -> Timed:
        self.sent.append(options)
        return self

    def search(self, **asked: Any) -> dict[str, Any]:
        self.sent[-1] |= asked
        return {"timed_out": self.timed_out, "hits": {"hits": [], "total": {"value": 0}}}


def test_every_search_has_a_time_limit_and_takes_whole_answers_only() -> None:
    timed = Timed(timed_out=False)
    observations.page(Search(cast(Elasticsearch, timed)), start=NOON)
    (sent,) = timed.sent
    assert sent["request_timeout"] == client.TIMEOUT_S
    assert sent["allow_partial_search_results"] is False


def test_what_ran_out_of_time_is_no_answer() -> None:
    with pytest.raises(SearchUnavailable):
        observations.page(Search(cast(Elasticsearch, Timed(timed_out=True))), start=NOON)


def test_a_span_of_more_than_92_days_is_refused(site: Site) -> None:
    browser = site.signed_in()
    statuses = [
        browser.get(f"/api/v1/{path}?from={start}T12:00:00Z", page=False).status_code
        for path in ("stats/levels", "observations")
        for start in ("2025-12-08", "2025-12-07")
    ]
    assert statuses[1::2] == [422, 422]
    assert 422 not in statuses[::2]


def test_logs_hold_no_password_no_token_and_no_measured_value(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    search = FakeSearch()
    search.put(OBSERVATIONS, reading("P-0001", systolic=177.34, diastolic=93.0))
    search.put(LATEST, prediction("P-0001", 0.7, systolic=177.34, diastolic=93.0))
    site = make_site(tmp_path, search=search)
    site.add_user("anne")
    token = site.token()
    with caplog.at_level(logging.INFO):
        browser = site.client()
        form = {"user_name": "anne", "password": PASSWORD, "code": "424242"}
        assert browser.post("/login", form).status_code == 302
        browser.get("/patients/P-0001?note=P-0001")
        browser.send("GET", "/api/v1/patients/P-0001", headers=token)
        browser.send("GET", "/api/v1/observations?limit=x", headers={**token, **PAGE, **SAME_ORIGIN})
    written = "\n".join(JsonLines().format(record) for record in caplog.records)
    secret = token["Authorization"].rpartition(" ")[2]
    assert '"route": "/login"' in written
    assert not [text for text in (PASSWORD, "424242", secret, "177.34", "P-0001", "note=") if text in written]
