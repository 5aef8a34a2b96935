"""The pressures that a treatment aims at: set by a clinician, shown in chart and report, noted in the audit."""

from __future__ import annotations

import re

import pytest

from assessment.targets import FIELDS, USUAL
from elastic.names import AUDIT
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.unit.webapp.patients.pages import text, visible
from tests.unit.webapp.site import Browser, Site
from webapp.store import patient_targets

PATIENT = "/patients/P-0412"
LOWER = dict(zip(FIELDS, ("110", "119", "60", "69"), strict=True))


def bands(browser: Browser, patient: str = PATIENT) -> list[list[int]]:
    chart = browser.get(f"{patient}/chart").get_json()
    found: list[list[int]] = chart["pressures"]["targets"]
    return found


def test_who_has_no_targets_of_his_own_has_the_usual_ones(site: Site) -> None:
    assert patient_targets.find(site.services.store, "P-0412").targets == USUAL
    assert bands(site.signed_in()) == [[120, 130], [70, 80]]


def test_targets_that_are_set_are_shown_in_chart_page_and_report(site: Site) -> None:
    browser = site.signed_in(name="dr.martin")
    assert browser.post(f"{PATIENT}/targets", LOWER).status_code == 302

    assert bands(browser) == [[110, 120], [60, 70]]
    for path in (PATIENT, f"{PATIENT}/report"):
        page = visible(browser.get(path).get_data(as_text=True))
        assert "110\N{EN DASH}119 / 60\N{EN DASH}69 mmHg" in page
        assert "set by dr.martin" in page
    assert bands(site.signed_in("viewer")) == [[110, 120], [60, 70]]
    assert bands(site.signed_in(name="else"), "/patients/P-0233") == [[120, 130], [70, 80]]


@pytest.mark.parametrize(
    "changes",
    [
        {"systolic_lowest": "119"},  # as high as its end
        {"systolic_highest": "251"},
        {"diastolic_lowest": "39"},
        {"diastolic_lowest": "-60"},
        {"diastolic_highest": "6e1"},
        {"diastolic_highest": "\N{SUPERSCRIPT TWO}"},
        {"diastolic_highest": ""},
        {"diastolic_highest": "120"},  # above the systolic one
        {"systolic_lowest": "9" * 400},
    ],
)
def test_targets_that_nobody_can_mean_are_refused(site: Site, changes: dict[str, str]) -> None:
    browser = site.signed_in()

    assert browser.post(f"{PATIENT}/targets", {**LOWER, **changes}).status_code == 422
    assert bands(browser) == [[120, 130], [70, 80]]


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"systolic_lowest": "140"}, "systolic_highest", "Doit être supérieur au début."),
        ({"diastolic_highest": "119"}, "systolic_highest", "Doit être supérieur à la diastolique."),
        ({"diastolic_lowest": "7"}, "diastolic_lowest", "Entre 40 et 250 mmHg."),
        ({"systolic_highest": "haut"}, "systolic_highest", "Il faut ici un nombre entier."),
    ],
)
def test_a_refused_target_keeps_what_was_typed_and_names_the_field(
    site: Site, changes: dict[str, str], field: str, said: str
) -> None:
    typed = {**LOWER, **changes}

    answer = site.signed_in(language="fr").post(f"{PATIENT}/targets", typed)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for name, value in typed.items():
        assert f'name="{name}" value="{value}"' in page
    assert re.findall(r'aria-describedby="(\w+)-fault"', page) == [field]
    assert f'id="{field}-fault">{said}</p>' in page
    assert "<details open>" in page
    assert "Statut 422" not in page


def test_nobody_sets_targets_of_a_patient_who_is_not_there(site: Site) -> None:
    assert site.signed_in().post("/patients/P-9/targets", LOWER).status_code == 404


def test_who_may_only_read_is_offered_no_change(site: Site) -> None:
    assert "targets" not in text(site, PATIENT, role="viewer").replace('class="targets"', "")


def test_each_change_is_noted_in_the_audit(site: Site, fake: FakeElasticsearch) -> None:
    browser = site.signed_in()
    browser.post(f"{PATIENT}/targets", LOWER)
    browser.post(f"{PATIENT}/targets", {"usual": "1"})
    site.services.audit.flush()

    noted = [event for event in fake.stored(AUDIT).values() if event["action"] == "targets"]
    assert [event["target"] for event in noted] == ["110\N{EN DASH}119/60\N{EN DASH}69", "usual"]
    assert {patient_id for event in noted for patient_id in event["patient_id"]} == {"P-0412"}
