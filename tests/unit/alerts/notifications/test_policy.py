"""The section `notifications` of the rules: what it may say, and what it is refused with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from alerts.channels.message import Disclosure, Recipient
from alerts.notifications.gaps import gaps
from alerts.notifications.policy import Policy
from alerts.rules import RULES_FILE, RulesError, load_rules
from tests.support.notifying import policy

SECTION = """
notifications:
  time_zone: Europe/Paris
  recipients:
    nurse-desk: {mail: nurses@example.org, language: en, discloses: [id, values]}
    doctor: {webhook: https://pager.example.org/hook, form: fhir}
  quiet_hours: 22:00-06:00
  routes:
    - kinds: [measured]
      levels: [CRITICAL]
      days: [mon, tue]
      hours: 07:00-19:00
      chain:
        - {after_minutes: 0, tell: [nurse-desk], remind_every_minutes: 5, reminders: 2}
        - {after_minutes: 10, tell: [doctor]}
"""
NIGHT_ROUTE = {"levels": ["HIGH"], "hours": "23:00-05:00", "chain": [{"after_minutes": 0, "tell": ["nurse"]}]}
FIRST = len(RULES_FILE.read_text(encoding="utf-8").splitlines()) + 1  # the line before `notifications`


def rules_with(folder: Path, section: str) -> Path:
    """Return a file of the usual rules with a section of notifications."""
    file = folder / "alerts.yaml"
    file.write_text(RULES_FILE.read_text(encoding="utf-8") + section, encoding="utf-8")
    return file


def test_the_usual_rules_tell_nobody() -> None:
    assert load_rules().notifications is None


def test_the_example_that_stands_in_the_usual_rules_can_be_used_as_it_is(tmp_path: Path) -> None:
    text = RULES_FILE.read_text(encoding="utf-8")
    start = text.index("# notifications:")
    example = "\n".join(line.removeprefix("# ") for line in text[start:].splitlines())
    found = load_rules(rules_with(tmp_path, f"\n{example}\n")).notifications
    assert found
    assert found.routes
    assert gaps(found) == []


def test_a_section_gives_recipients_and_routes(tmp_path: Path) -> None:
    found = load_rules(rules_with(tmp_path, SECTION)).notifications
    assert found
    assert found.named["nurse-desk"] == Recipient(
        "nurse-desk", "mail", "nurses@example.org", "en", frozenset({Disclosure.ID, Disclosure.VALUES})
    )
    assert found.named["doctor"].discloses == frozenset()
    assert found.named["doctor"].form == "fhir"
    assert found.routes[0].takes("measured", "CRITICAL", None)
    assert not found.routes[0].takes("measured", "HIGH", None)
    assert not found.routes[0].takes("predicted", "CRITICAL", None)


@pytest.mark.parametrize(
    ("before", "after", "line", "what"),
    [
        ("tell: [doctor]", "tell: [docter]", 14, "docter is not among the recipients (nurse-desk, doctor)"),
        ("after_minutes: 10", "after_minutes: 0", 12, "each step comes later than the one before"),
        ("hours: 07:00-19:00", "hours: 7-19", 11, "07:00-19:00, or 22:00-06:00 over midnight"),
        ("reminders: 2}", "reminders: 0}", 13, "go together"),
        ("mail: nurses@example.org,", "mail: nurses,", 4, "recipients.nurse-desk.mail"),
        ("mail: nurses@example.org,", "mail: a@b.org, kafka: alerts,", 4, "a recipient has one address"),
        ("Europe/Paris", "Europe/Pari", 2, "not the name of a time zone"),
        ("days: [mon, tue]", "days: [mon, tues]", 10, "days"),
        ("kinds: [measured]", "kind: [measured]", 8, "routes.0.kind"),
        ("[id, values]", "[id, value]", 4, "discloses"),
        ("form: fhir", "form: xml", 5, "form"),
    ],
)
def test_a_wrong_section_is_told_with_its_line_and_a_remedy(
    tmp_path: Path, before: str, after: str, line: int, what: str
) -> None:
    assert before in SECTION
    file = rules_with(tmp_path, SECTION.replace(before, after, 1))
    with pytest.raises(RulesError) as refusal:
        load_rules(file)
    told = str(refusal.value)
    assert what in told
    assert f"line {FIRST + line}: " in told
    assert "Mend these lines" in told
    assert "\n" not in told


def test_every_unknown_name_is_told_at_once(tmp_path: Path) -> None:
    section = SECTION.replace("tell: [doctor]", "tell: [docter]").replace("tell: [nurse-desk]", "tell: [nurses]")
    with pytest.raises(RulesError) as refusal:
        load_rules(rules_with(tmp_path, section))
    assert f"line {FIRST + 13}: notifications.routes.0.chain.0.tell: nurses" in str(refusal.value)
    assert f"line {FIRST + 14}: notifications.routes.0.chain.1.tell: docter" in str(refusal.value)


def test_hours_that_are_all_quiet_are_refused_unless_critical_alerts_go_that_way() -> None:
    with pytest.raises(ValidationError, match="nobody would ever be told"):
        policy(routes=[NIGHT_ROUTE], quiet_hours="22:00-06:00")
    assert policy(routes=[NIGHT_ROUTE | {"levels": ["HIGH", "CRITICAL"]}], quiet_hours="22:00-06:00")


def test_what_can_never_be_told_has_no_time() -> None:
    night = policy(routes=[NIGHT_ROUTE | {"levels": ["HIGH", "CRITICAL"]}], quiet_hours="22:00-06:00")
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert night.opens(night.routes[0], noon, is_critical=False) is None
    assert night.opens(night.routes[0], noon, is_critical=True) == datetime(2026, 3, 1, 22, tzinfo=UTC)


def test_recipients_whom_no_route_tells_are_refused() -> None:
    with pytest.raises(ValidationError, match="nobody is told of anything"):
        policy(routes=[])


def test_without_recipients_a_section_is_allowed() -> None:
    assert Policy(time_zone="Europe/Paris").named == {}


def test_the_hours_at_which_nobody_is_told_of_a_crisis_are_named() -> None:
    chain = [{"after_minutes": 0, "tell": ["nurse"]}]
    weekdays = {"days": ["mon", "tue", "wed", "thu", "fri"], "hours": "07:00-19:00", "chain": chain}
    nights = {"hours": "19:00-07:00", "chain": chain}
    weekend = {"days": ["sat", "sun"], "hours": "07:00-19:00", "kinds": ["measured"], "chain": chain}
    assert gaps(policy(routes=[weekdays, nights, weekend])) == [
        "Of CRITICAL alerts (predicted, attention, feed, system) nobody is told "
        "sat 07:00 to sat 19:00, sun 07:00 to sun 19:00."
    ]


def test_a_gap_over_the_end_of_the_week_is_one() -> None:
    routes = [{"hours": "07:00-19:00", "chain": [{"after_minutes": 0, "tell": ["nurse"]}]}]
    (gap,) = gaps(policy(routes=routes))
    assert "sun 19:00 to mon 07:00" in gap


def test_wards_of_their_own_leave_patients_without_one_untold() -> None:
    routes = [{"wards": ["A"], "chain": [{"after_minutes": 0, "tell": ["nurse"]}]}]
    (gap,) = gaps(policy(routes=routes))
    assert "measured of patients without a ward" in gap
    assert "feed, system)" in gap
    assert gap.endswith("nobody is told at any time.")


def test_a_canary_may_be_all_that_anybody_is_told_of() -> None:
    watch = {"watch": {"webhook": "https://watch.example.org/canary", "canary": True}}
    alone = Policy.model_validate({"time_zone": "Europe/Paris", "recipients": watch})
    assert alone.told_of_canary == ("watch",)


@pytest.mark.parametrize("heartbeat", [{"webhook": "pager.example.org"}, {"webhook": "https://a", "every_seconds": 0}])
def test_a_heartbeat_that_leads_nowhere_or_never_comes_is_refused(heartbeat: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="heartbeat"):
        Policy.model_validate({"time_zone": "Europe/Paris", "heartbeat": heartbeat})
