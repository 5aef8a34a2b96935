"""Ids before people's eyes: whatever a hospital's system puts into one, a page stays a page."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.patients.pages import text
from tests.unit.webapp.site import NOON, Site
from webapp import patient_ids
from webapp.patient_ids import LONGEST_SHOWN, shortened, visible
from webapp.patients.views import patient_path

TURNING = "P-\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe"
TEMPLATES = Path(patient_ids.__file__).parent / "templates"
LONG = "urn:oid:1.2.840.113619.21.1.3214775690001|" + "0123456789" * 18


@pytest.mark.parametrize(
    ("id_", "shown"),
    [
        ("P-0412", "P-0412"),
        (TURNING, "P-[U+202E]gnp.exe"),
        ("a\tb\u0000\u200bc", "a[U+0009]b[U+0000][U+200B]c"),
        ("Zoë Ω 山", "Zoë Ω 山"),
    ],
)
def test_what_shows_nothing_is_named(id_: str, shown: str) -> None:
    assert visible(id_) == shown


@given(st.text())
def test_no_id_is_longer_than_its_place_and_what_fits_is_whole(id_: str) -> None:
    assert len(shortened(id_)) <= LONGEST_SHOWN
    if len(visible(id_)) <= LONGEST_SHOWN:
        assert shortened(id_) == visible(id_)


def test_two_ids_of_one_system_are_told_apart() -> None:
    assert shortened(LONG) != shortened(LONG[:-1] + "x")


@pytest.mark.parametrize("path", ["/patients", "/predictions"])
def test_a_list_shows_ids_short_and_the_whole_as_title(site: Site, search: FakeSearch, path: str) -> None:
    for id_ in (TURNING, LONG):
        search.put_history(Patient(id_, 130, 0.5, silent=timedelta(minutes=1)), NOON)

    page = text(site, path)

    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page
    assert ">P-[U+202E]gnp.exe</bdi>" in page
    assert f'<bdi title="{LONG}">{shortened(LONG)}</bdi>' in page


def test_a_patients_page_has_the_whole_id_to_copy(site: Site, search: FakeSearch) -> None:
    search.put_history(Patient(LONG, 130, 0.5), NOON)
    page = text(site, patient_path(LONG))

    assert page.count(f"<bdi>{LONG}</bdi>") == 1
    assert "whole-id" not in text(site, "/patients/P-0412", name="other")


def test_a_template_writes_no_id_as_it_comes() -> None:
    """Ids come from outside: what is shown of one goes through `ui.patient_id`, `id_text`, `short_id`, `short`."""
    raw = re.compile(r"(?<!=\")\{\{ ?(?:\w+\.)?(?:patient|device)_id ?\}\}|id=(?:\w+\.)?device_id[,)]")
    found = {file.name: raw.findall(file.read_text(encoding="utf-8")) for file in TEMPLATES.rglob("*.html")}

    assert {name: ids for name, ids in found.items() if ids} == {}
