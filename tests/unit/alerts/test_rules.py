"""The rules of alerts: the file that comes along, and what a wrong one is refused with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.model import AlertKind
from alerts.rules import RULES_FILE, RulesError, load_rules
from conf.clinical import ALERT_THRESHOLDS, CRISIS_DIASTOLIC, CRISIS_SYSTOLIC


def changed(folder: Path, before: str, after: str) -> Path:
    """Return a file of rules with one place changed."""
    text = RULES_FILE.read_text(encoding="utf-8")
    assert before in text
    file = folder / "alerts.yaml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    return file


def test_the_usual_rules_begin_where_the_clinical_constants_do() -> None:
    rules = load_rules()
    assert (rules.measured.systolic, rules.measured.diastolic) == (CRISIS_SYSTOLIC, CRISIS_DIASTOLIC)
    assert rules.predicted.thresholds == ALERT_THRESHOLDS


@pytest.mark.parametrize("kind", list(AlertKind))
def test_every_kind_has_terms(kind: AlertKind) -> None:
    terms = load_rules().terms(kind)
    assert terms.quiet >= 1
    assert terms.kept == timedelta(hours=72)


def test_a_rule_that_is_changed_holds(tmp_path: Path) -> None:
    rules = load_rules(
        changed(tmp_path, "answer_within_minutes: {CRITICAL: 5}", "answer_within_minutes: {CRITICAL: 3}")
    )
    assert rules.terms(AlertKind.MEASURED).answer_within == {3: timedelta(minutes=3)}


@pytest.mark.parametrize(
    ("before", "after", "line", "what"),
    [
        ("quiet: 2", "quiet: 0", 12, "measured.quiet"),
        ("hysteresis: 0.05", "hysteresis: yes please", 29, "predicted.hysteresis"),
        ("{MEDIUM: 0.20, HIGH: 0.40", "{MEDIUM: 0.20, HIGH: 0.10", 27, "each from a higher risk on"),
        ("{MEDIUM: 0.20, HIGH: 0.40", "{MEDIUM: 0.20, HIHG: 0.40", 28, "predicted.levels.HIHG"),
        ("systolic: 180", "systolic: 190", 1, "180/120 mmHg or below"),
        ("longest_hours: 24", "longest_hour: 24", 38, "silence.longest_hour"),
        ("intervals: 2", "intervals: 1", 37, "silence.intervals"),
    ],
)
def test_a_wrong_rule_is_told_with_its_line_and_a_remedy(
    tmp_path: Path, before: str, after: str, line: int, what: str
) -> None:
    file = changed(tmp_path, before, after)
    with pytest.raises(RulesError) as refusal:
        load_rules(file)
    told = str(refusal.value)
    assert f"line {line}: " in told
    assert what in told
    assert str(file) in told
    assert "Mend these lines" in told
    assert "\n" not in told


def test_what_is_no_yaml_or_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(file)
    file.write_text("measured: [", encoding="utf-8")
    with pytest.raises(RulesError, match=r"is not YAML: .*line 1"):
        load_rules(file)
