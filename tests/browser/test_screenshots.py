"""Pictures of the site for the documentation, taken when asked for: BP_TEST_SCREENSHOTS=1."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.browser.conftest import Visit
from tests.browser.hospital import RISING, SCREENSHOTS

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not SCREENSHOTS, reason="pictures are taken with BP_TEST_SCREENSHOTS=1"),
]

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MOST_BYTES = 300_000
COLOURS = 128
LOCALES = {"fr": "fr-FR", "en": "en-GB"}
PHONE, DESK, WALL = (360, 780), (1366, 900), (1920, 1080)
PATIENT = f"/patients/{RISING.id}"
PICTURES = {
    "login-1366": (DESK, None, "fr", "/login"),
    "board-360": (PHONE, "clinician", "fr", "/"),
    "board-1366": (DESK, "clinician", "fr", "/"),
    "board-1920-en": (WALL, "clinician", "en", "/"),
    "patient-360": (PHONE, "clinician", "fr", PATIENT),
    "patient-1366": (DESK, "clinician", "fr", PATIENT),
    "predictions-1366": (DESK, "clinician", "fr", "/predictions"),
    "statistics-1366": (DESK, "clinician", "fr", "/stats"),
    "system-1366-en": (DESK, "admin", "en", "/admin/system"),
    "report-1366": (DESK, "clinician", "fr", f"{PATIENT}/report"),
    "wall-1920": (WALL, "kiosk", "fr", "/"),
}
WHOLE_PAGE = {"patient-1366", "report-1366", "statistics-1366", "system-1366-en"}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_of(visit: Visit, name: str) -> None:
    size, role, language, path = PICTURES[name]
    visitor = visit(*size, locale=LOCALES[language])
    if role:
        visitor.sign_in(role, language)
    page = visitor.open(path)
    page.wait_for_load_state("networkidle")
    FOLDER.mkdir(parents=True, exist_ok=True)
    taken = page.screenshot(full_page=name in WHOLE_PAGE, animations="disabled")
    file = FOLDER / f"{name}.png"
    Image.open(BytesIO(taken)).convert("RGB").quantize(COLOURS).save(file, optimize=True)
    assert file.stat().st_size < MOST_BYTES
