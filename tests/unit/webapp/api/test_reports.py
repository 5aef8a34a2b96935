"""Reports are exports: counted, noted in the audit before they are given, refused while that cannot be."""

from __future__ import annotations

import csv

from tests.unit.webapp.site import Site

REPORT = "/api/v1/patients/P-0001/report"


def test_the_report_says_what_was_measured(audited: Site) -> None:
    answer = audited.signed_in().get(f"{REPORT}.json", page=False).get_json()
    assert answer["patient_id"] == "P-0001"
    assert (answer["whole"]["readings"], answer["whole"]["systolic"]["mean"]) == (4, 148.0)
    assert (answer["day"]["readings"], answer["night"]["readings"]) == (4, 0)
    assert answer["quality"]["sufficient"] is False


def test_the_readings_of_the_report_are_a_table(audited: Site) -> None:
    response = audited.signed_in().get(f"{REPORT}.csv", page=False)
    lines = list(csv.DictReader(response.get_data(as_text=True).splitlines()))
    assert response.content_type == "text/csv; charset=utf-8"
    assert [line["timestamp"] for line in lines][-1] == "2026-03-01T08:00:00.000Z"
    assert (lines[0]["systolic"], lines[0]["plausible"], len(lines)) == ("148.0", "true", 4)


def test_no_report_is_given_that_the_audit_cannot_note(site: Site) -> None:
    for ending in ("json", "csv"):
        response = site.signed_in(name=f"anne-{ending}").get(f"{REPORT}.{ending}", page=False)
        assert response.status_code == 503
        assert "audit" in response.get_json(force=True)["detail"]


def test_exports_are_counted_apart_from_reads(audited: Site) -> None:
    audited.app.config["EXPORTS_PER_MINUTE"] = 2
    browser = audited.signed_in()
    statuses = [browser.get(f"{REPORT}.json", page=False).status_code for _ in range(3)]
    refused = browser.get(f"{REPORT}.csv", page=False)
    assert statuses == [200, 200, 429]
    assert int(refused.headers["Retry-After"]) in range(1, 61)
    assert browser.get("/api/v1/patients/P-0001", page=False).status_code == 200


def test_there_is_no_report_of_a_patient_who_is_not_there(audited: Site) -> None:
    assert audited.signed_in().get("/api/v1/patients/P-9999/report.json", page=False).status_code == 404
