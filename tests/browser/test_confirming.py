"""A slip of the hand signs nobody out: the question is asked without scripts too, and can be read by everybody."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.site import USERS, Site

pytestmark = pytest.mark.integration

NURSE = USERS["clinician", "fr"]


@pytest.mark.parametrize("scripts", [True, False])
def test_shutting_an_account_asks_and_can_be_called_off(visit: Visit, small_site: Site, scripts: bool) -> None:
    """1. Shut. 2. Cancel: the account is open. 3. Shut, and yes. 4. The page says so, and the account is shut."""
    page = visit(on=small_site, java_script_enabled=scripts).sign_in("admin").open("/admin/users")
    row = page.get_by_role("row").filter(has_text=NURSE)

    row.get_by_role("button", name="Désactiver").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Désactiver le compte de {NURSE} ?")
    page.get_by_role("link", name="Annuler").click()
    expect(row).to_contain_text("actif")
    row.get_by_role("button", name="Désactiver").click()
    page.get_by_role("button", name="Désactiver").click()

    expect(page.get_by_role("status")).to_have_text(re.compile("Le compte est désactivé"))
    expect(row.get_by_role("button", name="Réactiver")).to_be_visible()


def test_the_question_is_accessible_and_fits_a_small_telephone(visit: Visit, small_site: Site) -> None:
    visitor = visit(320, 640, on=small_site).sign_in("admin")
    page = visitor.open("/admin/users")
    page.get_by_role("button", name=f"Nouveau mot de passe pour {NURSE}").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("Donner un nouveau mot de passe")
    assert visitor.violations() == []
    assert not visitor.is_too_wide()
