"""Who may open what: every route of the site with the roles that it is for. A route that is not listed here fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.routing import Rule

from conf.settings import Settings, SettingsError
from tests.support.fake_elasticsearch import running
from tests.unit.webapp.recording import recording_search
from tests.unit.webapp.site import PAGE, SAME_ORIGIN, Browser, Site, make_site, settings
from webapp.factory import SiteError, create_app
from webapp.help import page as help_page
from webapp.navigation import MOVED
from webapp.security.roles import ROLES, SCOPES, Permission, find_unmarked, required_permission

EVERYBODY = "anonymous viewer clinician manager admin kiosk service"
KNOWN = "viewer clinician manager admin kiosk service"
PEOPLE = "viewer clinician manager admin"
SCREENS = "viewer clinician kiosk"
READERS = "viewer clinician"
READING_PROGRAMS = "viewer clinician service"

ROUTES = {
    "GET /static/<path:filename>": EVERYBODY,
    "GET /login": EVERYBODY,
    "POST /login": EVERYBODY,
    "POST /logout": EVERYBODY,
    "POST /language": EVERYBODY,
    "GET /start": EVERYBODY,
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /": SCREENS,
    "GET /board/rows": SCREENS,
    "POST /board/stay": SCREENS,
    "POST /ward": "viewer clinician manager admin kiosk",
    "GET /acknowledge": "clinician",
    "POST /acknowledge": "clinician",
    "GET /answer/<token>": EVERYBODY,
    "POST /answer/<token>": EVERYBODY,
    "GET /handover": READERS,
    "POST /handover/seen": SCREENS,
    "GET /patient": READERS,
    "GET /patients": READERS,
    "GET /patients.csv": "clinician",
    "GET /patients/<patient:patient_id>": READERS,
    "GET /patients/<patient:patient_id>/chart": READERS,
    "GET /patients/<patient:patient_id>/live": READERS,
    "GET /patients/<patient:patient_id>/data.csv": "clinician",
    "GET /patients/<patient:patient_id>/report": "clinician",
    "POST /patients/<patient:patient_id>/feedback": "clinician",
    "POST /patients/<patient:patient_id>/targets": "clinician",
    "GET /patients/<patient:patient_id>/limits": "clinician",
    "POST /patients/<patient:patient_id>/limits": "clinician",
    "POST /patients/<patient:patient_id>/surveillance": "clinician",
    "GET /rules": PEOPLE,
    "GET /rules/trials": "manager",
    "POST /rules/trials": "manager",
    "GET /rules/trials/<trial_id>": "manager",
    "GET /rules/trials/<trial_id>/state": "manager",
    "POST /rules/trials/<trial_id>/save": "manager",
    "POST /rules/versions/<int:number>/return": "manager",
    "GET /predictions": READERS,
    "GET /stats": PEOPLE,
    "GET /help": "viewer clinician manager admin kiosk",
    "GET /account": PEOPLE,
    "GET /account/password": PEOPLE,
    "POST /account/password": PEOPLE,
    "GET /account/totp": PEOPLE,
    "POST /account/totp": PEOPLE,
    "POST /account/preferences": PEOPLE,
    "POST /account/sessions": PEOPLE,
    "POST /account/tokens": PEOPLE,
    "POST /account/tokens/revoke": PEOPLE,
    "GET /admin": "admin",
    "GET /admin/users": "admin",
    "POST /admin/users": "admin",
    "POST /admin/users/<int:user_id>": "admin",
    "GET /admin/sessions": "admin",
    "POST /admin/sessions": "admin",
    "GET /admin/tokens": "admin",
    "POST /admin/tokens": "admin",
    "POST /admin/tokens/revoke": "admin",
    "GET /admin/audit": "admin",
    "GET /admin/models": "admin",
    "GET /admin/models/versions": "admin",
    "GET /admin/models/versions/<version>/report": "admin",
    "POST /admin/models": "admin",
    "GET /admin/system": "admin",
    "GET /api/docs": KNOWN,
    "GET /openapi.json": KNOWN,
    "GET /api/v1/me": KNOWN,
    "GET /api/v1/tokens": PEOPLE,
    "POST /api/v1/tokens": PEOPLE,
    "DELETE /api/v1/tokens/<token_id>": PEOPLE,
    "GET /api/v1/board": READING_PROGRAMS,
    "GET /api/v1/patients": READING_PROGRAMS,
    "GET /api/v1/patients/<patient_id>": READING_PROGRAMS,
    "GET /api/v1/patients/<patient_id>/attention": READING_PROGRAMS,
    "GET /api/v1/patients/<patient_id>/observations": READING_PROGRAMS,
    "GET /api/v1/patients/<patient_id>/predictions": READING_PROGRAMS,
    "GET /api/v1/patients/<patient_id>/rules": READING_PROGRAMS,
    "PUT /api/v1/patients/<patient_id>/rules": "clinician",
    "GET /api/v1/patients/<patient_id>/report.json": "clinician",
    "GET /api/v1/patients/<patient_id>/report.csv": "clinician",
    "GET /api/v1/observations": READING_PROGRAMS,
    "GET /api/v1/predictions": READING_PROGRAMS,
    "GET /api/v1/alerts": READING_PROGRAMS,
    "GET /api/v1/alerts/<alert_id>": READING_PROGRAMS,
    "POST /api/v1/alerts/<alert_id>/ack": "clinician service",
    "POST /api/v1/alerts/<alert_id>/snooze": "clinician service",
    "POST /api/v1/alerts/<alert_id>/note": "clinician service",
    "POST /api/v1/alerts/<alert_id>/own": "clinician service",
    "POST /api/v1/alerts/<alert_id>/undo": "clinician service",
    "POST /api/v1/alerts/<alert_id>/feedback": "clinician service",
    "GET /api/v1/stats/summary": PEOPLE,
    "GET /api/v1/stats/levels": PEOPLE,
    "GET /api/v1/stats/freshness": PEOPLE,
    "GET /api/v1/stats/alarm-burden": PEOPLE,
    "GET /api/v1/fhir/metadata": KNOWN,
    "GET /api/v1/fhir/Patient/<patient_id>": READING_PROGRAMS,
    "GET /api/v1/fhir/Observation": READING_PROGRAMS,
    "GET /api/v1/fhir/RiskAssessment": READING_PROGRAMS,
    "GET /api/v1/fhir/AuditEvent": "admin",
}
ROUTES |= {f"{method} {path}": EVERYBODY for path in MOVED for method in ("GET", "POST")}
IMPLIED = {"HEAD", "OPTIONS"}
VALUES = {"number": "9", "user_id": "999", "view_id": "999", "filename": "css/site.css"}


def rules(app: Flask) -> dict[str, Rule]:
    """Return every rule of the site under each of its methods."""
    every = app.url_map.iter_rules()
    return {f"{method} {rule.rule}": rule for rule in every for method in (rule.methods or set()) - IMPLIED}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running() as elasticsearch:  # takes the audit, without which nothing is exported
        folder = tmp_path_factory.mktemp("routes")
        yield make_site(folder, search=recording_search()[0], elasticsearch_url=elasticsearch.url)


@pytest.fixture(scope="module")
def browsers(site: Site) -> dict[str, Browser]:
    return {role: site.signed_in(role) for role in ROLES if role != "service"} | {"anonymous": site.client()}


@pytest.fixture(scope="module")
def token(site: Site) -> dict[str, str]:
    return site.token("service")


def path_of(rule: str) -> str:
    parts = [part.split(">")[-2:] for part in rule.split("<")]
    names = [part[0].split(":")[-1] for part in parts[1:]]
    return parts[0][0] + "".join(VALUES.get(name, "p-1") + part[1] for name, part in zip(names, parts[1:], strict=True))


def ask(browser: Browser, token: dict[str, str] | None, route: str) -> int:
    """Return the status for a request without content; a sign-in page counts as 401."""
    method, rule = route.split(" ")
    headers = {**SAME_ORIGIN, **PAGE, **(token or {})}
    answer = browser.send(method, path_of(rule), headers=headers)
    is_sign_in = answer.status_code == 302 and answer.headers["Location"].startswith("/login?next=")
    return 401 if is_sign_in else answer.status_code


def test_every_route_is_listed(site: Site) -> None:
    assert sorted(rules(site.app)) == sorted(ROUTES)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_each_role_opens_what_it_is_for_and_nothing_else(
    route: str, site: Site, browsers: dict[str, Browser], token: dict[str, str]
) -> None:
    meant = set(ROUTES[route].split())
    # signing out ends a session, so the browsers that share it are made anew
    own = {role: site.client(site.some_user(role)) for role in browsers} if "logout" in route else browsers

    statuses = {role: ask(browser, None, route) for role, browser in own.items()}
    statuses["service"] = ask(site.client(), token, route)

    opened = {role for role, status in statuses.items() if status not in (401, 403)}
    if route == "POST /login":  # an empty form is a failed sign-in for everybody
        assert set(statuses.values()) <= {401, 429}
    else:
        assert opened == meant, statuses
        assert statuses["anonymous"] == 401 or "anonymous" in meant
    assert all(status < 500 for status in statuses.values()), statuses


@pytest.mark.parametrize("scope", SCOPES)
def test_a_token_opens_what_its_scope_names_and_no_more(site: Site, scope: Permission) -> None:
    header = site.token("service", (scope,), name=f"robot-{scope.replace(':', '-')}")
    open_to_all = {Permission.SIGNED_IN, None}

    for route, rule in rules(site.app).items():
        if not rule.rule.startswith("/api/"):
            continue
        needed = required_permission(site.app.view_functions[rule.endpoint])
        status = ask(site.client(), header, route)
        assert (status not in (401, 403)) is (needed == scope or needed in open_to_all), (route, status)


def test_a_token_cannot_do_more_than_its_user(site: Site) -> None:
    header = site.token("viewer", ("read:observations",), name="reader")
    site.services.store.run("UPDATE tokens SET scopes = 'read:observations write:ack' WHERE name = 'test'")

    assert ask(site.client(), header, "POST /api/v1/alerts/<alert_id>/ack") == 403


def test_a_view_that_says_nothing_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(help_page, "required_permission")

    with pytest.raises(SiteError, match=r"help\.page"):
        create_app(settings(tmp_path), bcrypt_cost=4)


def test_no_view_is_unmarked(site: Site) -> None:
    assert find_unmarked(site.app) == []


@pytest.mark.parametrize("value", [None, "short", "x" * 31, "x" * 32 + "," + "y" * 31, "x" * 32 + ","])
def test_without_secrets_the_site_does_not_start(tmp_path: Path, value: str | None) -> None:
    with pytest.raises(SettingsError, match="BP_SECRET_KEY must hold at least 32 bytes"):
        create_app(Settings.model_validate(settings(tmp_path).model_dump() | {"secret_key": value}), bcrypt_cost=4)
