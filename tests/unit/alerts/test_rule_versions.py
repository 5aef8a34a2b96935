"""Versions of the rules: the newest one changes what the file says, and nothing is ever lost."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.answering import Person
from alerts.rule_versions import (
    CHANGEABLE,
    VersionConflict,
    VersionError,
    by_number,
    changed,
    differences,
    history,
    in_force,
    save,
    values,
)
from alerts.rules import RULES_FILE, RulesError, load_rules
from tests.support.fake_search import FakeSearch

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
ROY = Person("dr.roy", "manager")
RULES = load_rules()


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


def test_without_a_version_the_file_holds(search: FakeSearch) -> None:
    held = in_force(search, RULES_FILE)
    assert (held.rules, held.version, held.number) == (RULES, None, 0)


def test_the_newest_version_holds_and_what_it_does_not_name_is_as_the_file_says(
    search: FakeSearch, tmp_path: Path
) -> None:
    save(search, {"measured.systolic": 170.0}, ROY, NOW, "earlier", None, 0)
    save(search, {"predicted.levels.HIGH": 0.5, "silence.intervals": 3.0}, ROY, NOW, "calmer", {"crises": 2}, 1)
    file = tmp_path / "alerts.yaml"
    file.write_text(RULES_FILE.read_text().replace("diastolic: 120", "diastolic: 115"))
    held = in_force(search, file)
    assert (held.number, held.rules.measured.systolic, held.rules.measured.diastolic) == (2, 180, 115)
    assert (held.rules.predicted.levels["HIGH"], held.rules.silence.intervals) == (0.5, 3)
    assert held.of_file.predicted == RULES.predicted
    assert [version.number for version in history(search)] == [2, 1]
    first = by_number(search, 1)
    assert first
    assert (first.by, first.role, first.why, first.changes) == (
        "dr.roy",
        "manager",
        "earlier",
        {"measured.systolic": 170},
    )
    assert by_number(search, 3) is None


def test_of_two_who_save_at_once_the_second_one_is_told(search: FakeSearch) -> None:
    save(search, {"measured.systolic": 170.0}, ROY, NOW, "earlier", None, 0)
    with pytest.raises(VersionConflict, match="Somebody else"):
        save(search, {"measured.systolic": 175.0}, ROY, NOW, "later", None, 0)
    assert in_force(search, RULES_FILE).rules.measured.systolic == 170


def test_a_version_that_does_not_fit_the_file_any_more_is_passed_by_and_alerts_go_on(
    search: FakeSearch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(search, {"predicted.levels.MEDIUM": 0.35}, ROY, NOW, "fewer", None, 0)
    file = tmp_path / "alerts.yaml"
    file.write_text(RULES_FILE.read_text().replace("HIGH: 0.40", "HIGH: 0.30"))
    held = in_force(search, file)
    assert held.rules == held.of_file == load_rules(file)
    assert "version 1 of the rules is passed by" in caplog.text


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"measured.systolic": 181.0}, ("",)),
        ({"measured.diastolic": 121.0}, ("",)),
        ({"predicted.levels.HIGH": 0.9}, ("predicted",)),
        ({"predicted.quiet": 0.0}, ("predicted.quiet",)),
        ({"predicted.quiet": 2.5}, ("predicted.quiet",)),
        ({"silence.intervals": 1.0}, ("silence.intervals",)),
        ({"kept_hours": 1.0}, ("kept_hours",)),
    ],
)
def test_rules_that_would_let_a_crisis_pass_or_mean_nothing_are_refused(
    changes: dict[str, float], places: tuple[str, ...]
) -> None:
    with pytest.raises(VersionError) as refused:
        changed(RULES, changes)
    assert isinstance(refused.value, RulesError)
    assert refused.value.places == places


def test_what_a_version_may_change_is_read_from_rules_and_goes_back_into_them() -> None:
    other = {name: value * 1.01 for name, value in values(RULES).items() if not name.endswith("quiet")}
    wanted = {name: value for name, value in other.items() if not name.startswith("measured.") and value}
    rules = changed(RULES, differences(RULES, values(RULES) | wanted))
    assert differences(RULES, values(rules)) == wanted
    assert set(values(RULES)) == set(CHANGEABLE)
    assert changed(RULES, values(RULES)) == RULES
