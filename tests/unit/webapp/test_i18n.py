"""Languages, times and percentages as the site writes them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.unit.webapp.site import NOON, Site
from webapp import i18n

NBSP, DASH = "\N{NO-BREAK SPACE}", "\N{EN DASH}"


def in_language(site: Site, code: str, template: str, **values: object) -> str:
    with site.app.test_request_context(f"/login?lang={code}"):
        return site.app.jinja_env.from_string(template).render(**values)


@pytest.mark.parametrize(
    ("code", "instant", "text"),
    [
        ("fr", "2026-01-05T08:07:09Z", "5 janv. 09:07"),
        ("fr", "2026-07-05T08:07:09Z", "5 juil. 10:07"),
        ("en", "2026-07-05T08:07:09.123Z", "5 Jul 10:07"),
        ("fr", "2026-03-29T00:59:00Z", "29 mars 01:59"),
        ("fr", "2026-03-29T01:00:00Z", "29 mars 03:00"),
    ],
)
def test_times_are_shown_in_the_sites_zone(site: Site, code: str, instant: str, text: str) -> None:
    assert in_language(site, code, "{{ value|when }}", value=instant) == text
    assert in_language(site, code, "{{ value|when }}", value=datetime.fromisoformat(instant)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
        (-5, "in the future"),
    ],
)
def test_an_age_is_cut_to_its_largest_unit(site: Site, seconds: float, text: str) -> None:
    assert in_language(site, "en", "{{ value|age }}", value=NOON - timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("risk", "text"), [(0.3996, f"39{NBSP}%"), (0.6, f"60{NBSP}%"), (0.29, f"29{NBSP}%"), (None, DASH)]
)
def test_a_percentage_is_cut_off_and_never_rounded_up(site: Site, risk: float | None, text: str) -> None:
    assert in_language(site, "fr", "{{ value|percent }}", value=risk) == text


@pytest.mark.parametrize("name", ["when", "when_long", "age"])
def test_no_time_is_a_dash(site: Site, name: str) -> None:
    assert in_language(site, "fr", f"{{{{ none|{name} }}}}") == DASH


def test_a_value_in_a_text_is_escaped(site: Site) -> None:
    text = in_language(site, "en", '{{ _("Password for one use, for %(name)s", name=name) }}', name="<b>")

    assert text == "Password for one use, for &lt;b&gt;"


def test_a_percent_sign_without_values_is_just_that(site: Site) -> None:
    assert in_language(site, "en", '{{ _("70 % valid") }}') == "70 % valid"


def test_a_count_takes_its_form(site: Site) -> None:
    template = '{{ ngettext("%(num)s patient", "%(num)s patients", number) }}'

    assert [in_language(site, "en", template, number=number) for number in (0, 1, 2)] == [
        "0 patients",
        "1 patient",
        "2 patients",
    ]
    assert in_language(site, "fr", template, number=0) == "0 patient"


@pytest.mark.parametrize("asked", ["de", "", "../en", "EN"])
def test_a_language_that_is_not_spoken_is_the_sites_own(site: Site, asked: str) -> None:
    assert f'<html lang="{site.services.settings.language}">' in site.client().get(f"/login?lang={asked}").text


def test_all_languages_are_offered() -> None:
    assert set(i18n.LANGUAGES) == {"fr", "en"}
