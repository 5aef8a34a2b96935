"""What was refused of a patient is told where people look: the patient's page, and the system page by device."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from elastic.scope import NOBODYS
from elastic.search import rejected
from tests.support.fake_search import FakeSearch
from tests.support.ward import Patient
from tests.unit.webapp.site import NOON, Site, make_site

AHEAD, NO_UNIT = "TIME_IN_FUTURE", "UNIT_MISSING"


def group(reason: str, count: int, minutes_ago: float, patient_id: str | None = "P-1", **more: Any) -> dict[str, Any]:
    first, newest = NOON - timedelta(minutes=minutes_ago), NOON - timedelta(minutes=1)
    times = {"first": first.isoformat(), "newest": newest.isoformat()}
    return {"patient_id": patient_id, "device_id": "cuff-7", "reason": reason, "count": count, **times, **more}


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site with a patient of whom four readings were refused, and one of nobody known."""
    search = FakeSearch()
    search.put_history(Patient("P-1", 131, 0.1), NOON)
    groups = [group(AHEAD, 3, 40), group(NO_UNIT, 1, 20, device_id=None), group(AHEAD, 7, 60, patient_id=None)]
    monkeypatch.setattr(rejected, "refusals", lambda _, __, ids=None: groups[: 2 if ids else 3])
    return make_site(tmp_path, search)


@pytest.mark.parametrize("path", ["/patients/P-1", "/patients/P-1/live"])
def test_a_patient_s_page_says_how_many_since_when_and_why(refusing: Site, path: str) -> None:
    page = refusing.signed_in(language="en").get(path).text

    assert "4 readings refused since 10 Mar 12:20" in page
    assert "the device&#39;s clock is ahead, unit missing or wrong" in page
    assert "3 \N{MULTIPLICATION SIGN} the device&#39;s clock is ahead, device cuff-7" in page


def test_a_patient_of_whom_everything_was_refused_has_a_page_that_says_so(refusing: Site) -> None:
    refusing.services.search_within(NOBODYS).client.documents.clear()  # type: ignore[attr-defined]

    page = refusing.signed_in(language="fr").get("/patients/P-1").text

    assert "Aucune mesure exploitable" in page
    assert "4 mesures refusées depuis le 10 mars 12:20" in page
    assert "appareil en avance" in page


def test_the_system_page_lists_them_by_patient_and_device_and_the_audit_names_the_patient(refusing: Site) -> None:
    noted: list[Any] = []
    refusing.services.audit.record = lambda action, **more: noted.append((action, more))  # type: ignore[method-assign]

    page = refusing.signed_in("admin").get("/admin/system").text

    rows = page.partition("Refused by patient and device")[2].partition("</table>")[0]
    assert rows.count("<tr>") == 1 + 3
    assert all(told in rows for told in ("P-1", "cuff-7", "the device&#39;s clock is ahead", ">7<", "UNIT_MISSING"))
    assert ("list", {"patient_ids": {"P-1"}}) in noted
