"""How a simulation is shown: as a table of text, as a plot, and what the command refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alerts import simulate
from alerts.simulation.plotting import LABELS, plot
from alerts.simulation.table import text


def level(burden: float, announced: float | None) -> dict[str, float | None]:
    return {"alerts_per_patient_day": burden, "crises_announced": announced, "median_lead_h": announced, "ppv": 0.25}


def of_rules(alerts: int, by_kind: dict[str, dict[str, int]]) -> dict[str, Any]:
    levels = {"CRITICAL": level(0.0, None), "HIGH": level(0.25, 0.5), "MEDIUM": level(1.5, 0.8)}
    shares = {"crises_told": 1.0, "answered_share": None, "latched_share": 0.125}
    return {"alerts": alerts, "alerts_per_patient_day": alerts / 20, "by_kind": by_kind, "predicted": levels, **shares}


FOUND = {
    "from": "2026-03-03T12:00:00.000Z",
    "to": "2026-03-10T12:00:00.000Z",
    "patients": 3,
    "patient_days": 20.0,
    "crises": 5,
    "rules": {
        "today": of_rules(31, {"measured": {"CRITICAL": 2}, "silence": {"STALE": 29}}),
        "tried": of_rules(4, {"measured": {"CRITICAL": 4}}),
    },
}


def test_the_table_has_a_column_for_each_set_of_rules_and_a_line_for_each_kind_and_level() -> None:
    lines = [" ".join(line.split()) for line in text(FOUND).splitlines()]
    assert lines[0] == "2026-03-03T12:00:00.000Z to 2026-03-10T12:00:00.000Z: 3 patients, 20 patient-days, 5 crises"
    assert "today tried" in lines
    assert "alerts per patient-day 1.55 0.2" in lines
    assert "measured CRITICAL 0.1 0.2" in lines
    assert "silence STALE 1.45 0" in lines
    assert "alerts answered - -" in lines
    assert "crises announced 80.0 % 80.0 %" in lines


def test_the_plot_has_a_line_for_each_set_of_rules_and_no_point_of_what_is_not_known() -> None:
    axes = plot(FOUND).get_axes()
    assert [axis.get_ylabel() for axis in axes] == list(LABELS.values())
    for axis in axes[:2]:
        assert [np.asarray(line.get_xdata()).tolist() for line in axis.get_lines()] == [[0.25, 1.5], [0.25, 1.5]]
    assert [np.asarray(line.get_xdata()).tolist() for line in axes[2].get_lines()] == [[0.0, 0.25, 1.5]] * 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from", "2026-03-02", "--to", "2026-03-02"], "The period ends before it begins."),
        (["--from", "2026-03-01", "--to", "2026-03-02", "--rules", "nowhere.yaml"], "nowhere.yaml cannot be read"),
    ],
)
def test_what_cannot_be_simulated_is_told_in_one_line(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BP_ELASTICSEARCH_URL", "http://127.0.0.1:9")
    assert simulate.main(options) == 1
    assert told in capsys.readouterr().err


def test_a_day_begins_at_midnight_utc_and_a_moment_is_taken_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate.moment("2026-03-01").isoformat() == "2026-03-01T00:00:00+00:00"
    assert simulate.moment("2026-03-01T12:00:00+01:00").isoformat() == "2026-03-01T12:00:00+01:00"
    with pytest.raises(SystemExit):
        simulate.main(["--from", "yesterday", "--to", "2026-03-02"])
    assert "'yesterday' is neither a day" in capsys.readouterr().err
