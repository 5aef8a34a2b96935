"""The id of an alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.model import AlertKind, alert_id, read_alert_id


@given(st.text(min_size=1), st.sampled_from(list(AlertKind)), st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_an_alert_id_names_patient_kind_and_start(patient_id: str, kind: AlertKind, started_at: datetime) -> None:
    start = started_at.replace(microsecond=0, tzinfo=UTC)
    assert read_alert_id(alert_id(patient_id, kind, start)) == (patient_id, kind, start)


@pytest.mark.parametrize(
    "text", ["", "predicted", "predicted-1", "other-1-p", "measured-x-p", "measured-1-", "measured-²-p"]
)
def test_any_other_text_is_no_alert_id(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_alert_id(text)
