"""Every page in both languages: accessible, within its content security policy, without an error, on a phone too."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.browser.conftest import Visit
from tests.browser.hospital import RISING, SILENT, WAITING
from tests.browser.site import Site
from tests.browser.visitor import PHONE

pytestmark = pytest.mark.integration

LANGUAGES = ("fr", "en")
PATIENT = f"/patients/{RISING.id}"
PAGES: dict[str | None, tuple[str, ...]] = {
    None: ("/login",),
    "clinician": (
        "/",
        "/?quiet=1",
        "/?kiosk=1",
        "/patients",
        PATIENT,
        f"{PATIENT}?view=table",
        f"/patients/{SILENT.id}",
        f"/patients/{WAITING.id}",
        f"{PATIENT}/report",
        f"{PATIENT}/limits",
        f"/acknowledge?patient_id={RISING.id}",
        "/handover",
        "/rules",
        "/predictions",
        "/stats",
        "/help",
        "/account",
        "/account/password",
        "/account/totp",
        "/api/docs",
        "/nowhere",
    ),
    "manager": ("/rules", "/rules/trials"),
    "admin": (
        "/admin/system",
        "/admin/users",
        "/admin/sessions",
        "/admin/tokens",
        "/admin/audit",
        "/admin/models",
        "/admin/models/versions",
    ),
    "kiosk": ("/",),
}
NO_PAGES = {
    *("static", "auth.start", "admin.index", "board.rows", "patients.live", "patients.chart"),
    *("patients.data", "patients.export", "patients.find"),
    "answer_links.page",  # in test_answer_link.py
    *("trials.page", "trials.state"),  # in test_trial.py
    "admin.version_report",  # in test_version_report.py
}
CASES = [(role, path, language) for role, paths in PAGES.items() for path in paths for language in LANGUAGES]


def address(role: str | None, path: str, language: str) -> str:
    return f"{path}?lang={language}" if role is None else path


@pytest.mark.parametrize(("role", "path", "language"), CASES)
def test_a_page_is_accessible_fits_a_phone_and_keeps_to_the_site(
    visit: Visit, role: str | None, path: str, language: str
) -> None:
    visitor = visit()
    visitor.may_fail = path == "/nowhere"
    if role:
        visitor.sign_in(role, language)
    page = visitor.open(address(role, path, language))
    assert page.locator("html").get_attribute("lang") == language
    assert visitor.violations() == []
    page.set_viewport_size(PHONE)
    assert not visitor.is_too_wide()


def test_no_page_is_forgotten(site: Site) -> None:
    app: Flask = site.app
    adapter = app.url_map.bind("127.0.0.1")
    seen = {endpoint_of(adapter, path) for paths in PAGES.values() for path in paths}
    pages = {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(("api.", "moved_"))
    }
    assert pages - NO_PAGES <= seen


def endpoint_of(adapter: Any, path: str) -> str | None:
    if path == "/nowhere":
        return None
    return str(adapter.match(path.partition("?")[0])[0])
