"""Languages, times and percentages as the site writes them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.clinical import ALERT_THRESHOLDS
from tests.unit.webapp.site import NOON, Site
from webapp import i18n

RISKS = st.floats(0, 1, allow_nan=False)
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
        (-5, "0 s ago"),
        (-60, "0 s ago"),
        (-61, "in the future"),
    ],
)
def test_an_age_is_cut_to_its_largest_unit(site: Site, seconds: float, text: str) -> None:
    assert in_language(site, "en", "{{ value|age }}", value=NOON - timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("risk", "number"),
    [
        (0.0, 0),
        (0.1999, 19),
        (0.2, 20),
        (0.29, 29),
        (0.3996, 39),
        (0.4, 40),
        (0.57, 57),
        (0.6, 60),
        (0.9999, 99),
        (1, 100),
    ],
)
def test_a_percentage_is_cut_off_after_its_decimal_digits(site: Site, risk: float, number: int) -> None:
    assert in_language(site, "fr", "{{ value|percent }}", value=risk) == f"{number}{NBSP}%"


@given(RISKS)
def test_a_percentage_reaches_a_threshold_exactly_when_the_risk_does(risk: float) -> None:
    for threshold in ALERT_THRESHOLDS:
        assert (number_of(risk) >= number_of(threshold)) == (risk >= threshold)


@given(RISKS, RISKS)
def test_a_higher_risk_never_reads_lower(first: float, second: float) -> None:
    assert number_of(min(first, second)) <= number_of(max(first, second))


def number_of(risk: float) -> int:
    return int(i18n.percent(risk).removesuffix(f"{NBSP}%"))


@pytest.mark.parametrize("name", ["when", "when_long", "age", "percent"])
def test_no_value_is_a_dash(site: Site, name: str) -> None:
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
