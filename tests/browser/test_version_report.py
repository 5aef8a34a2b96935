"""The report of a version, as an administrator opens it from the list of all versions."""

from __future__ import annotations

import pytest

from ml.registry.history import REPORT
from ml.report.page import render_report
from tests.browser.conftest import Visit
from tests.browser.site import Site
from tests.support.bundles import publish_small, save_small_bundle
from tests.support.evaluations import card_of, full_evaluation

pytestmark = pytest.mark.integration

WIDTHS = (360, 1366)
LOADED = "images => images.every((image) => image.complete && image.naturalWidth > 0)"


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_of_a_version_opens_whole_from_the_list(visit: Visit, small_site: Site, width: int) -> None:
    card = card_of(full_evaluation())
    report = render_report({**card, "version": "v1"}, full_evaluation())
    models = small_site.services.settings.model_dir
    version = save_small_bundle(models, card=card, files={REPORT: report.encode()})
    publish_small(models, version)
    visitor = visit(width=width, on=small_site).sign_in("admin", "en")
    page = visitor.open("/admin/models/versions")
    assert visitor.violations() == []
    assert not visitor.is_too_wide()
    page.get_by_role("link", name=version).click()
    page.wait_for_url(f"**/admin/models/versions/{version}/report")
    images = page.locator("img")
    assert images.count() == report.count("<img")
    assert images.evaluate_all(LOADED)
    assert not visitor.is_too_wide()
