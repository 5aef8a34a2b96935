"""A fault of our own is told in the log, and never quotes the message that brought it to light."""

from __future__ import annotations

import logging

import pytest

from fhir import faults
from fhir.faults import internal_error, tell
from fhir.reasons import Reason


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_told", set())


def caught(patient_id: str, depth: int = 0) -> Exception:
    def fail(left: int) -> None:
        if left:
            fail(left - 1)
        raise KeyError(patient_id)

    try:
        fail(depth)
    except KeyError as error:
        return error
    raise AssertionError


def test_a_fault_is_told_by_kind_and_place_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    reject = internal_error(caught("p-1"))
    assert (reject.reason, reject.entry) == (Reason.INTERNAL_ERROR, None)
    assert reject.detail.startswith("KeyError, fhir/test_faults.py:")
    assert "raise KeyError" in caplog.text
    assert "in fail" in caplog.text
    assert "p-1" not in caplog.text + reject.detail


def test_faults_of_one_kind_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for number in range(100):
        tell(caught(f"p-{number}"))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_deep_trace_is_logged_from_its_inner_end(caplog: pytest.LogCaptureFixture) -> None:
    tell(caught("p-1", depth=200))
    assert len(caplog.text.splitlines()) < 60


def test_an_error_that_was_never_raised_is_told_as_well() -> None:
    assert tell(ValueError("p-1")) == "ValueError"
