"""Administration: users come and go, and every one of these acts ends what it must end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import escape

from elastic.names import AUDIT, all_months
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import NOON, Browser, Site, make_site
from webapp.audit.search import INDICES
from webapp.security import sessions, tokens
from webapp.security.sessions import digest
from webapp.store import users


def secret_in(text: str) -> str:
    (secret,) = re.findall(r"data-secret>([^<]+)<", text)
    return str(secret)


@pytest.fixture
def chief(site: Site) -> Browser:
    return site.signed_in("admin", name="chief")


def act(chief: Browser, site: Site, name: str, action: str, **more: str) -> str:
    user = users.find(site.services.store, name)
    assert user
    send = chief.post if action == "enable" else chief.confirm
    answer = send(f"/admin/users/{user.id}", {"action": action, **more})
    assert answer.status_code in (200, 302), answer.text
    return answer.text if answer.status_code == 200 else chief.get(answer.headers["Location"]).text


def test_a_new_user_signs_in_with_a_password_that_is_shown_once(site: Site, chief: Browser) -> None:
    made = chief.post("/admin/users", {"name": " Paul.Durand ", "role": "viewer", "language": "fr"})

    secret = secret_in(made.text)
    assert site.signs_in("paul.durand", secret)
    assert secret not in chief.get("/admin/users").text


@pytest.mark.parametrize("name", ["", "a", "anne martin", "x" * 65, "<b>", "chief", "CHIEF", "été", "-a"])
def test_a_name_that_is_taken_or_unfit_is_refused(site: Site, chief: Browser, name: str) -> None:
    answer = chief.post("/admin/users", {"name": name, "role": "viewer", "language": "fr"})

    assert answer.status_code == 422
    assert f'name="name" type="text" value="{escape(name)}"' in answer.text  # to be mended, not typed again
    assert len(users.list_all(site.services.store)) == 1


def test_a_role_that_does_not_exist_is_refused(chief: Browser) -> None:
    assert chief.post("/admin/users", {"name": "paul", "role": "root", "language": "fr"}).status_code == 422


def test_a_service_has_tokens_and_no_password(site: Site, chief: Browser) -> None:
    chief.post("/admin/users", {"name": "robot", "role": "service", "language": "en"})
    assert "Application" in chief.get("/admin/users").text

    made = chief.post("/admin/tokens", {"user_name": "robot", "name": "x", "scope": "read:alerts", "days": "7"})

    assert re.search(r"bp_[0-9a-f]{12}_[\w-]{40,}", made.text)
    assert not site.signs_in("robot", "")


def test_nobody_is_given_a_token_of_a_person(site: Site, chief: Browser) -> None:
    site.add_user("anne")

    form = {"user_name": "anne", "name": "x", "scope": "read:alerts", "days": "7"}
    assert chief.post("/admin/tokens", form).status_code == 422
    assert chief.post("/admin/tokens", {**form, "user_name": "nobody"}).status_code == 404


@pytest.mark.parametrize(
    ("action", "more", "question", "told"),
    [
        ("disable", {}, "Shut the account of anne?", "The account is shut"),
        ("role", {"role": "viewer"}, "the role is: Viewer.", "The role is changed"),
        ("wards", {"wards": "B, A"}, "the patients of: A, B.", "The wards are set"),
        ("wards", {"wards": ""}, "the patients of: all wards.", "The wards are set"),
        ("reset_password", {}, "Give anne a new password?", "Password for one use, for anne"),
        ("remove_totp", {}, "Remove the authenticator of anne?", "The authenticator is removed"),
    ],
)
def test_each_act_that_signs_a_user_out_asks_first_and_is_told_afterwards(
    site: Site, chief: Browser, action: str, more: dict[str, str], question: str, told: str
) -> None:
    """1. One slip of the hand gives a question, no act. 2. Its answer acts. 3. The page says what was done."""
    anne = site.signed_in(name="anne")
    before = users.find(site.services.store, "anne")
    assert before

    asked = chief.post(f"/admin/users/{before.id}", {"action": action, **more})
    assert asked.status_code == 200
    assert question in asked.text
    assert users.find(site.services.store, "anne") == before
    assert anne.get("/help").status_code == 200

    page = act(chief, site, "anne", action, **more)

    assert told in page
    assert anne.get("/help").status_code == 302


def test_an_account_is_bound_to_wards_from_its_first_moment_or_later(site: Site, chief: Browser) -> None:
    chief.post("/admin/users", {"name": "bea", "role": "viewer", "language": "en", "wards": "A, B,"})
    assert wards_of(site, "bea") == {"A", "B"}
    act(chief, site, "bea", "wards", wards="C")
    assert wards_of(site, "bea") == {"C"}
    assert 'value="C"' in chief.get("/admin/users").text


def wards_of(site: Site, name: str) -> frozenset[str]:
    user = users.find(site.services.store, name)
    assert user
    return user.wards


@pytest.mark.parametrize(("role", "wards"), [("admin", "A"), ("viewer", "A" * 65), ("viewer", "A\nB")])
def test_wards_that_no_account_can_have_are_refused(site: Site, chief: Browser, role: str, wards: str) -> None:
    answer = chief.post("/admin/users", {"name": "bea", "role": role, "language": "en", "wards": wards})
    assert (answer.status_code, users.find(site.services.store, "bea")) == (422, None)
    assert "These wards cannot be set" in answer.text
    carl = site.add_user("carl", role)
    assert chief.post(f"/admin/users/{carl.id}", {"action": "wards", "wards": wards}).status_code == 422


def test_ending_a_session_asks_first_and_is_told_afterwards(site: Site, chief: Browser) -> None:
    anne = site.signed_in(name="anne")
    form = {"hash": digest(anne.session_id)}

    assert "End the session of anne?" in chief.post("/admin/sessions", form).text
    assert anne.get("/help").status_code == 200
    done = chief.confirm("/admin/sessions", form)

    assert "The session is ended." in chief.get(done.headers["Location"]).text
    assert anne.get("/help").status_code == 302
    assert chief.post("/admin/sessions", form).status_code == 404


def test_revoking_a_token_asks_first_and_is_told_afterwards(site: Site, chief: Browser) -> None:
    header = site.token()
    (token,) = tokens.list_tokens(site.services.store)

    assert "Revoke the token test?" in chief.post("/admin/tokens/revoke", {"id": token.id}).text
    assert site.client().send("GET", "/api/v1/me", headers=header).status_code == 200
    done = chief.confirm("/admin/tokens/revoke", {"id": token.id})

    assert "The token is revoked." in chief.get(done.headers["Location"]).text
    assert site.client().send("GET", "/api/v1/me", headers=header).status_code == 401
    assert chief.post("/admin/tokens/revoke", {"id": token.id}).status_code == 404


def test_the_dangerous_act_stands_last_and_apart(site: Site, chief: Browser) -> None:
    site.add_user("anne")

    form = re.findall(r'<form [^>]*class="actions actions-apart">.*?</form>', chief.get("/admin/users").text, re.DOTALL)

    assert [re.findall(r'value="(\w+)"', acts) for acts in form] == [["reset_password", "disable"]]


def test_audit_and_sessions_speak_in_words(tmp_path: Path) -> None:
    search = FakeSearch()
    event = {"@timestamp": NOON.isoformat(), "actor": "anne", "role": "clinician", "ip": "10.0.0.1", "target": None}
    numbers = {"chain_id": "c", "seq": 1, "patient_id": []}
    search.put(INDICES, {**event, **numbers, "action": "user_disable", "outcome": "denied"})
    site = make_site(tmp_path, search=search)
    chief = site.signed_in("admin", language="fr")
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
    sessions.begin(site.services.store, site.add_user("anne"), ip="10.0.0.1", agent=agent, now=site.clock.now)

    audit, table = chief.get("/admin/audit").text, chief.get("/admin/sessions").text

    assert ">a désactivé un compte<" in audit
    assert "<strong>accès refusé</strong>" in audit
    assert ">Soignant<" in audit
    assert f'title="{agent}">Firefox 145, Windows<' in table


def test_a_reset_gives_a_password_for_one_use(site: Site, chief: Browser) -> None:
    site.add_user("anne")

    secret = secret_in(act(chief, site, "anne", "reset_password"))

    assert site.signs_in("anne", secret)
    site.clock.pass_by(hours=72)
    assert not site.signs_in("anne", secret)


def test_a_shut_account_can_be_opened_again(site: Site, chief: Browser) -> None:
    user = site.add_user("anne")
    act(chief, site, "anne", "disable")
    act(chief, site, "anne", "enable")

    assert site.client(user).get("/help").status_code == 200


@pytest.mark.parametrize("action", ["disable", "role", "reset_password", "remove_totp"])
def test_administrators_cannot_lock_themselves_out(site: Site, chief: Browser, action: str) -> None:
    me = users.find(site.services.store, "chief")
    assert me

    assert chief.post(f"/admin/users/{me.id}", {"action": action, "role": "viewer"}).status_code == 422
    assert chief.get("/admin/users").status_code == 200


def test_an_act_that_does_not_exist_is_refused(site: Site, chief: Browser) -> None:
    user = site.add_user("anne")

    assert chief.post(f"/admin/users/{user.id}", {"action": "delete"}).status_code == 422
    assert chief.post("/admin/users/999", {"action": "disable"}).status_code == 404


def test_names_that_fail_often_are_shown_to_the_administrator(site: Site, chief: Browser) -> None:
    site.add_user("anne")
    for _ in range(21):
        site.clock.pass_by(minutes=6)
        chief.get("/help")
        site.client(ip="10.0.0.9").post("/login", {"user_name": "anne", "password": "x"})

    page = chief.get("/admin/users").text

    assert "21 failed sign-ins" in page
    assert "2 user names or addresses have failed" in page


def test_the_audit_is_searched_by_terms_and_days_of_the_site_s_zone(tmp_path: Path) -> None:
    search, client = recording_search()
    chief = make_site(tmp_path, search=search).signed_in("admin")

    answer = chief.get("/admin/audit?actor=anne&patient_id=p-1&from=2026-03-09&to=2026-03-10")

    assert answer.status_code == 200
    (body,) = client.bodies
    (query,) = body["query"]["bool"]["must"]
    assert query["bool"]["filter"] == [
        {"term": {"actor": {"value": "anne"}}},
        {"term": {"patient_id": {"value": "p-1"}}},
        {"range": {"@timestamp": {"gte": "2026-03-09T00:00:00+01:00", "lt": "2026-03-11T00:00:00+01:00"}}},
    ]
    assert client.indices_asked == {all_months(AUDIT)}


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-13-01", "after_time=x&after_chain=c&after_number=1"])
def test_an_unreadable_search_is_refused(chief: Browser, query: str) -> None:
    assert chief.get(f"/admin/audit?{query}").status_code == 422


def test_while_elasticsearch_is_away_the_audit_page_says_so(chief: Browser) -> None:
    answer = chief.get("/admin/audit")

    assert answer.status_code == 503
    assert "Elasticsearch does not answer" in answer.text


def test_to_those_who_run_nothing_it_is_just_the_database(site: Site) -> None:
    page = site.signed_in(language="fr").get("/patients").text

    assert "Base de données indisponible." in page
    assert "Elasticsearch" not in page
