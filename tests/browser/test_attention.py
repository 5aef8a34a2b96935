"""A refused reading that sounds like a crisis: on the board, on the patient's page, answered, gone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from elastic.names import ALL_INDICES
from tests.browser.conftest import Visit
from tests.browser.hospital import CALM, Hospital
from tests.support.factories import observation, payload

pytestmark = pytest.mark.integration

NEXT_POLL_MS = 12_000


def test_what_the_cuff_cannot_tell_stands_on_the_board_until_somebody_acknowledges(
    visit: Visit, hospital: Hospital
) -> None:
    """1. 310/160 of a calm patient is refused. 2. It stands first, is told on the page. 3. An answer takes it away."""
    visitor = visit().sign_in()
    page = visitor.open("/?quiet=1")
    line = page.locator(f'.section-critical [data-patient="{CALM.id}"]')
    expect(line).to_have_count(0)
    reading = observation(systolic=310, diastolic=160, effectiveDateTime=datetime.now(UTC).isoformat(), id="too-high")
    hospital.pipeline.send(payload(reading | {"subject": {"reference": f"Patient/{CALM.id}"}}), key=CALM.id)
    hospital.pipeline.drain()
    hospital.pipeline.client.indices.refresh(index=ALL_INDICES)

    expect(line.locator(".alert-worst").first).to_contain_text("310/160 mmHg", timeout=NEXT_POLL_MS)
    expect(line).to_contain_text("hors des limites vraisemblables")
    assert visitor.violations() == []
    visitor.open(f"/patients/{CALM.id}")
    expect(page.locator(".alerts")).to_contain_text("310/160 mmHg")
    expect(page.locator(".alerts")).to_contain_text("Mesure inexploitable évoquant une crise")

    visitor.open("/")
    line.get_by_role("button", name=f"Acquitter {CALM.id}").click()
    page.get_by_role("dialog").get_by_role("button", name="Acquitter").click()
    expect(line).to_have_count(0, timeout=NEXT_POLL_MS)
