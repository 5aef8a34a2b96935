"""One patient has one trend: board and patient's page tell the same number."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from elastic.names import OBSERVATIONS
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient, reading
from tests.unit.webapp.patients.pages import visible
from tests.unit.webapp.site import NOON, make_site

ARROW = re.compile(r"(?:rising|falling) ([+\N{MINUS SIGN}-]\d+)")


@pytest.mark.parametrize("rise", [-24, -18, 7, 30])
def test_board_and_page_tell_the_same_trend(tmp_path: Path, rise: int) -> None:
    """1. A patient rises or falls. 2. A reading is there that no prediction knows. 3. Both screens agree."""
    search = FakeSearch()
    search.put_history(Patient("P-1", 150, 0.68, rise=rise, readings=40), NOON)
    search.put(OBSERVATIONS, reading("P-1", NOON - timedelta(minutes=1), 171, 99))
    browser = make_site(tmp_path, search=search).signed_in(language="en")

    board = ARROW.search(visible(browser.get("/").get_data(as_text=True)))
    page = re.search(
        r"systolic pressure ([+\N{MINUS SIGN}]\d+) mmHg", visible(browser.get("/patients/P-1").get_data(as_text=True))
    )

    assert board
    assert page
    assert board[1].replace("-", "\N{MINUS SIGN}") == page[1]
