"""No code without words for those who run the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ml.drift import SUMMARIES
from tests.support.sources import ROOT
from tests.unit.webapp.site import Site
from webapp.admin.user_views import DONE, QUESTIONS
from webapp.answers.views import ACTIONS
from webapp.codes import ACTION_NAMES, OUTCOME_NAMES, ROLE_NAMES, browser_name, model_name, summary_name
from webapp.security.roles import ROLES

RECORDED = re.compile(r"\brecord\(\s*\"(\w+)\"")
OUTCOMES = re.compile(r'outcome(?:=|: str = )"(\w+)"(?: if [\w.]+ else "(\w+)")?')
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


def sources() -> list[Path]:
    return sorted((ROOT / "webapp").rglob("*.py"))


def test_every_role_has_a_name() -> None:
    assert set(ROLE_NAMES) == set(ROLES)


def test_every_action_of_the_audit_has_words() -> None:
    recorded = {action for file in sources() for action in RECORDED.findall(file.read_text())}

    users = {f"user_{action}" for action in (*DONE, *QUESTIONS)}

    assert recorded | users | set(ACTIONS.values()) == set(ACTION_NAMES)


def test_every_outcome_of_the_audit_has_words() -> None:
    given = [outcome for file in sources() for pair in OUTCOMES.findall(file.read_text()) for outcome in pair]

    assert {outcome for outcome in given if outcome} == set(OUTCOME_NAMES)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (CHROME, "Chrome 142, Linux"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "Chrome 142, Linux"),
        (CHROME + " Edg/142.0.0.0", "Edge 142, Linux"),
        (CHROME + " OPR/120.0.0.0", "Opera 120, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145, Windows"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox 145, Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Version/18.6 Safari/604.1", "Safari 18, iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.6 Safari/605.1.15", "Safari 18, macOS"),
        ("curl/8.5.0", None),
        ("", None),
    ],
)
def test_a_browser_is_named_with_its_system(agent: str, name: str | None) -> None:
    assert browser_name(agent) == name


def test_everything_that_drift_is_told_of_is_named_in_words() -> None:
    names = [summary_name(summary, str) for summary in SUMMARIES]

    assert len(set(names)) == len(SUMMARIES)
    assert not [name for name in names if "_" in name]


def test_what_an_older_version_has_told_of_is_shown_as_it_is() -> None:
    assert summary_name("systolic_lag00", str) == "systolic_lag00"


@pytest.mark.parametrize(
    ("version", "name"),
    [("20261129T112541Z-982092f8", "of 29 Nov 12:25"), ("2026-03-01T06-00-00Z-ward", "2026-03-01T06-00-00Z-ward")],
)
def test_a_model_is_named_by_when_it_was_made_in_local_time(site: Site, version: str, name: str) -> None:
    with site.app.test_request_context("/login?lang=en"):
        assert model_name(version) == name
