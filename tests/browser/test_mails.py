"""A mail about alerts on a phone: nothing to scroll sideways for, and accessible, in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from playwright.sync_api import Browser, Page

from alerts.channels.disclosing import Disclosing
from alerts.channels.mail import compose
from alerts.channels.message import Language, Telling
from alerts.channels.wording import Words
from conf.settings import Settings
from tests.browser.visitor import PHONE, is_too_wide, violations
from tests.support import tellings

pytestmark = pytest.mark.integration

WHERE = tellings.WHERE
MAILS: dict[str, Sequence[Telling]] = {
    "of each kind": (
        tellings.telling(tellings.measured(**WHERE)),
        tellings.telling(
            tellings.predicted(**WHERE, reasons=tellings.REASONS, out_of_range=tellings.OUT_OF_RANGE), 1, 1
        ),
        tellings.telling(tellings.refused(**WHERE)),
        tellings.telling(tellings.silent(**WHERE)),
    ),
    "of the system": (tellings.telling(tellings.outage("model-patients")),),
    "of a burst": tellings.burst(14),
}


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """Yield a page as wide as a phone."""
    context = chromium.new_context(viewport=PHONE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("kind", MAILS)
@pytest.mark.parametrize("discloses", [tellings.EVERYTHING, tellings.NOTHING], ids=["with names", "without"])
def test_a_mail_reads_well_on_a_phone(phone: Page, kind: str, language: Language, discloses: frozenset[str]) -> None:
    settings = Settings(secret_key=tellings.SECRET)
    recipient = tellings.recipient(language=language, discloses=discloses)
    message = tellings.message(MAILS[kind], recipient)
    words = Words(language, settings.zone).message(Disclosing(settings).told(message))
    html = compose(words, "bp@hospital.example", recipient.address, message.at).get_body(("html",))
    assert html is not None
    phone.set_content(html.get_content())
    assert (WHERE["name"] in phone.inner_text("body")) == (bool(discloses) and kind != "of the system")
    assert violations(phone) == []
    assert not is_too_wide(phone)
