"""Settings may hold preliminary readings and refuse those of unknown status."""

from __future__ import annotations

import pytest

from fhir.parse.observation import read_status
from fhir.readings import IntakeRules
from fhir.reasons import Reason, Refused


def test_preliminary_is_used_with_a_flag_unless_the_setting_holds_it() -> None:
    assert read_status({"status": "preliminary"}, IntakeRules()) == ("preliminary", ("status_preliminary",))

    with pytest.raises(Refused) as refused:
        read_status({"status": "preliminary"}, IntakeRules(hold_preliminary=True))
    assert refused.value.reason is Reason.STATUS_NO_RESULT


def test_unknown_is_used_with_a_flag_unless_the_setting_refuses_it() -> None:
    assert read_status({"status": "unknown"}, IntakeRules()) == ("unknown", ("status_unknown",))

    with pytest.raises(Refused) as refused:
        read_status({"status": "unknown"}, IntakeRules(refuse_unknown_status=True))
    assert refused.value.reason is Reason.STATUS_UNRECOGNISED


@pytest.mark.parametrize("status", ["in-process", "specimen-in-process", "appended", "cannot-be-obtained", "Final"])
def test_a_status_of_a_later_fhir_release_is_named_in_the_detail(status: str) -> None:
    with pytest.raises(Refused) as refused:
        read_status({"status": status}, IntakeRules())
    assert (refused.value.reason, refused.value.detail) == (Reason.STATUS_UNRECOGNISED, status)
