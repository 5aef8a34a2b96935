"""An administrator sees every version that there is, what is known of it, who moved it, and its report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ml.registry.bundles import publish
from tests.support.bundles import CREATED_AT, save_small_bundle
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import Browser, Site, make_site
from tests.unit.webapp.test_models import text
from webapp.security.guard import CONTENT_SECURITY_POLICY, REPORT_POLICY

FIGURES = {"brier": {"value": 0.0412}, "ici": {"value": 0.0034}}
CARD = {
    "warning": "Trained and judged on SIMULATED patients only.",
    "parameters": {"search": [{"max_depth": 3}]},
    "metrics": {"test": {"6h": {"xgboost": FIGURES}}},
    "thresholds": {"at_recall": {"0.80": {"alarms_per_patient_day": {"value": 1.234}}}},
}
REPORT = b"<!doctype html><title>Report</title><style>p { color: red }</style><p>figures"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def site(tmp_path: Path, models: Path) -> Site:
    return make_site(tmp_path, search=FakeSearch(), model_dir=models)


@pytest.fixture
def chief(site: Site) -> Browser:
    return site.signed_in("admin", name="chief")


@pytest.fixture
def version(models: Path) -> str:
    """Return a version with a report, which is in service."""
    saved = save_small_bundle(models, card=CARD, files={"report.html": REPORT})
    publish(models, saved, by="Dr Martin", why="All 40 checks passed.", at=CREATED_AT)
    return saved


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            ("full training (simulated patients)", "41.2", "0.3", "1.23", "in service", "Dr Martin", "All 40 checks"),
        ),
        ("fr", ("entraînement complet (patients simulés)", "41,2", "0,3", "1,23", "en service", "Dr Martin")),
    ],
)
def test_a_version_is_told_with_figures_state_and_who_put_it_there(
    site: Site, version: str, language: str, told: tuple[str, ...]
) -> None:
    page = text(site.signed_in("admin", name="chief", language=language).get("/admin/models/versions").text)
    for words in (version, *told):
        assert words in page


def test_the_page_of_models_leads_to_all_versions(chief: Browser) -> None:
    assert 'href="/admin/models/versions"' in chief.get("/admin/models").text


def test_what_is_not_known_is_a_dash_and_no_link(chief: Browser, models: Path) -> None:
    saved = save_small_bundle(models)
    page = chief.get("/admin/models/versions").text
    row = re.search(rf"<tr>.*?{saved}.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert f"{saved}/report" not in row[0]
    assert row[0].count("\N{EN DASH}") == 5  # kind, three figures, who put it there
    assert "never in service" in row[0]


def test_without_the_folder_of_the_models_the_page_says_what_to_do(chief: Browser) -> None:
    assert "let it read the folder of the models (BP_MODEL_DIR)" in text(chief.get("/admin/models/versions").text)


@pytest.mark.usefixtures("version")
def test_a_report_is_shown_as_it_was_written_with_its_own_style_and_no_scripts(chief: Browser) -> None:
    page = chief.get("/admin/models/versions").text
    (path,) = re.findall(r'href="(/admin/models/versions/[^"]+/report)"', page)
    answer = chief.get(path)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, REPORT, "text/html")
    assert answer.headers["Content-Security-Policy"] == REPORT_POLICY
    assert "script" not in REPORT_POLICY
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert chief.get("/admin/models/versions").headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize("name", ["..", "nowhere", "%2e%2e%2fsecret"])
def test_only_reports_of_versions_can_be_asked_for(chief: Browser, models: Path, name: str) -> None:
    (models.parent / "report.html").write_bytes(REPORT)
    answer = chief.get(f"/admin/models/versions/{name}/report")
    assert answer.status_code == 404
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_a_report_that_was_changed_is_not_shown(chief: Browser, version: str, models: Path) -> None:
    (models / version / "report.html").write_bytes(REPORT + b"<p>better figures")
    assert chief.get(f"/admin/models/versions/{version}/report").status_code == 404
