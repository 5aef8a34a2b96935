"""Trying rules on the site, and saving what was tried: for ward managers, in both languages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.rule_versions import in_force
from alerts.rules import RULES_FILE, load_rules
from conf.files import write_whole
from elastic.names import ALERT_RULES, AUDIT
from tests.support.fake_elasticsearch import FakeElasticsearch
from tests.support.fake_search import FakeSearch
from tests.unit.webapp.site import Browser, Site, make_site
from webapp.rules import trials

GIVEN = {
    "measured.systolic": "180",
    "measured.diastolic": "120",
    "measured.confirm_within_minutes": "0",
    "measured.quiet": "2",
    "predicted.levels.MEDIUM": "20",
    "predicted.levels.HIGH": "45",
    "predicted.levels.CRITICAL": "70,5",
    "predicted.hysteresis": "5",
    "predicted.quiet": "2",
    "silence.intervals": "2",
    "days": "7",
    "until": "",
    "patients": "100",
}


def level(burden: float, announced: float | None) -> dict[str, float | None]:
    return {
        "alerts_per_patient_day": burden,
        "crises_announced": announced,
        "median_lead_h": announced and 3.5,
        "ppv": announced and announced / 2,
    }


def of_rules(alerts: int) -> dict[str, Any]:
    """Return figures of one set of rules, a level without any alert among them."""
    levels = {"CRITICAL": level(0.0, None), "HIGH": level(0.25, 0.5), "MEDIUM": level(1.5, 0.8)}
    shares = {"crises_told": 1.0, "answered_share": 0.75, "latched_share": 0.125}
    by_kind = {"measured": {"CRITICAL": 2}, "silence": {"STALE": alerts - 2}}
    return {"alerts": alerts, "alerts_per_patient_day": alerts / 20, "by_kind": by_kind, "predicted": levels, **shares}


FIGURES = {
    "from": "2026-03-03T12:00:00.000Z",
    "to": "2026-03-10T12:00:00.000Z",
    "patients": 3,
    "patient_days": 20.0,
    "crises": 5,
    "rules": {"today": of_rules(31), "tried": of_rules(17)},
}


class Simulator:
    """The program that simulates, as far as the site sees it: it writes files when the test lets it."""

    def __init__(self) -> None:
        self.started: list[dict[str, str]] = []
        self.said: list[Path] = []

    def launch(self, arguments: Sequence[str], said: Path, lock: int) -> None:
        self.started.append(dict(zip(arguments[::2], arguments[1::2], strict=True)))
        self.said.append(said)
        self.lock = os.dup(lock)

    def comes_to(self, done: int, patients: int) -> None:
        write_whole(Path(self.started[-1]["--progress"]), f"{done} {patients}")

    def ends(self) -> None:
        write_whole(Path(self.started[-1]["--json"]), json.dumps(FIGURES))
        os.close(self.lock)

    def fails(self, text: str) -> None:
        write_whole(self.said[-1], text)
        os.close(self.lock)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    made = Simulator()
    monkeypatch.setattr(trials, "launch", made.launch)
    return made


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def site(tmp_path: Path, search: FakeSearch, fake: FakeElasticsearch) -> Site:
    return make_site(tmp_path, search=search, elasticsearch_url=fake.url)


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.signed_in("manager", name="dr.roy")


def begin(browser: Browser, **changes: str) -> str:
    answer = browser.post("/rules/trials", GIVEN | changes)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def text(browser: Browser, path: str) -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_the_form_shows_the_rules_in_force(browser: Browser) -> None:
    html = browser.get("/rules/trials").text
    for name, value in {"measured.systolic": "180", "predicted.levels.HIGH": "40", "predicted.hysteresis": "5"}.items():
        assert re.search(rf'name="{re.escape(name)}"[^>]* value="{value}"', html), name


def test_a_trial_asks_for_what_was_typed_and_shows_how_far_it_is(browser: Browser, simulator: Simulator) -> None:
    path = begin(browser, until="2026-03-09", days="14")
    (asked,) = simulator.started
    assert (asked["--from"], asked["--to"]) == ("2026-02-23T23:00:00+00:00", "2026-03-09T23:00:00+00:00")
    assert asked["--patients"] == "100"
    rules = load_rules(Path(asked["--rules"]))
    assert rules.predicted.levels == {"MEDIUM": 0.2, "HIGH": 0.45, "CRITICAL": 0.705}
    assert rules.measured == load_rules().measured
    simulator.comes_to(40, 100)
    assert browser.get(f"{path}/state", page=False).json == {"done": 40, "patients": 100, "is_over": False}
    shown = text(browser, path)
    assert "Patients replayed 40" in shown
    assert "Predicted risk, HIGH from: 40 45 %" in shown
    assert "Save these rules" not in shown


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ("Rules in force Tried rules", "No reading any more", "3.5", "Crises announced", "80 %")),
        ("fr", ("Règles en vigueur Règles essayées", "Plus aucune mesure", "3,5", "Crises annoncées", "80 %")),
    ],
)
def test_what_a_trial_showed_stands_in_a_table_and_in_plots(
    site: Site, simulator: Simulator, language: str, told: tuple[str, ...]
) -> None:
    browser = site.signed_in("manager", language=language)
    path = begin(browser)
    simulator.ends()
    html = browser.get(path).text
    shown = text(browser, path).replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert [part for part in told if part not in shown] == []
    assert html.count('<svg class="figure"') == 3
    assert html.count('<path class="line"') == html.count('<path class="ideal"') == 3


def test_saved_rules_are_in_force_with_their_figures_and_the_way_back_is_there(
    site: Site, browser: Browser, search: FakeSearch, simulator: Simulator, fake: FakeElasticsearch
) -> None:
    path = begin(browser)
    simulator.ends()
    assert browser.post(f"{path}/save", {"why": "too many at night"}).status_code == 302
    (stored,) = search.documents[ALERT_RULES]
    assert stored["changes"] == {"predicted.levels.HIGH": 0.45, "predicted.levels.CRITICAL": 0.705}
    assert (stored["number"], stored["by"], stored["role"], stored["figures"]) == (1, "dr.roy", "manager", FIGURES)
    held = in_force(search, RULES_FILE)
    assert (held.number, held.rules.predicted.levels["HIGH"]) == (1, 0.45)
    shown = text(browser, "/rules")
    assert "what version 1 has changed" in shown
    assert "too many at night" in shown
    assert "1.55 → 0.85" in shown
    assert browser.post("/rules/versions/0/return").status_code == 302
    assert in_force(search, RULES_FILE).rules == load_rules()
    assert "Return to version 1" in text(browser, "/rules")
    assert browser.post("/rules/versions/1/return").status_code == 302
    held = in_force(search, RULES_FILE)
    assert (held.number, held.rules.predicted.levels["HIGH"], held.version and held.version.figures) == (
        3,
        0.45,
        FIGURES,
    )
    site.services.audit.flush()
    noted = sorted(event["target"] for event in fake.stored(AUDIT).values() if event["action"] == "rules")
    assert noted == ["version 1", "version 2", "version 3"]


@pytest.mark.parametrize(
    ("changes", "place", "told"),
    [
        ({"measured.systolic": "185"}, None, "no rule may let one pass"),
        ({"measured.diastolic": "121"}, None, "no rule may let one pass"),
        ({"predicted.levels.HIGH": "80"}, "predicted.levels.HIGH", "Each level must begin at a higher risk"),
        ({"predicted.quiet": "0"}, "predicted.quiet", "This number cannot be used here."),
        ({"measured.systolic": "1e2"}, "measured.systolic", "A number."),
        ({"until": "2026-03-12"}, "until", "A day that is not in the future."),
        ({"predicted.levels.HIGH": "40", "predicted.levels.CRITICAL": "60"}, None, "Nothing is different"),
    ],
)
def test_what_cannot_be_tried_is_told_beside_its_field_and_nothing_typed_is_lost(
    browser: Browser, simulator: Simulator, changes: dict[str, str], place: str | None, told: str
) -> None:
    answer = browser.post("/rules/trials", GIVEN | changes)
    assert answer.status_code == 422
    where = rf'id="{re.escape(place)}-fault">[^<]*' if place else r'role="alert">[^<]*'
    assert re.search(where + re.escape(told), answer.text)
    (name,) = list(changes)[:1]
    assert f'value="{changes[name]}"' in answer.text
    assert simulator.started == []


def test_rules_are_not_saved_without_a_reason_nor_before_the_trial_is_over(
    browser: Browser, search: FakeSearch, simulator: Simulator
) -> None:
    path = begin(browser)
    assert browser.post(f"{path}/save", {"why": "soon"}).status_code == 409
    simulator.ends()
    answer = browser.post(f"{path}/save", {"why": " "})
    assert (answer.status_code, "Say why." in answer.text) == (422, True)
    assert search.documents[ALERT_RULES] == []


def test_rules_that_were_saved_meanwhile_are_not_overrun(browser: Browser, simulator: Simulator) -> None:
    first = begin(browser)
    simulator.ends()
    second = begin(browser, **{"predicted.levels.HIGH": "50"})
    simulator.ends()
    assert browser.post(f"{first}/save", {"why": "first"}).status_code == 302
    assert "Try again beside them." in text(browser, second)
    assert browser.post(f"{second}/save", {"why": "second"}).status_code == 409


def test_a_trial_that_failed_says_why(browser: Browser, simulator: Simulator) -> None:
    path = begin(browser)
    simulator.fails("some warning\nerror: Elasticsearch does not answer (timed out).\n")
    assert "The trial has failed: Elasticsearch does not answer (timed out)." in text(browser, path)
    assert browser.get(f"{path}/state", page=False).json == {"done": 0, "patients": 0, "is_over": True}


def test_a_simulator_that_was_killed_leaves_nobody_waiting(browser: Browser, simulator: Simulator) -> None:
    path = begin(browser)
    simulator.comes_to(10, 100)
    assert "ended without a result" not in text(browser, path)
    os.close(simulator.lock)
    assert "The simulator ended without a result. Try again." in text(browser, path)


def test_only_one_trial_is_under_way(browser: Browser, simulator: Simulator) -> None:
    """The program holds the lock as long as it runs, whichever worker of the site has started it."""
    begin(browser)
    answer = browser.post("/rules/trials", GIVEN)
    assert (answer.status_code, "Another trial is under way" in answer.text) == (409, True)
    simulator.ends()
    begin(browser)


def test_old_trials_are_forgotten(tmp_path: Path, browser: Browser, simulator: Simulator) -> None:
    paths = []
    for _ in range(trials.MOST_KEPT + 2):
        paths.append(begin(browser))
        simulator.ends()
    assert browser.get(paths[-1]).status_code == 200
    assert len([it for it in (tmp_path / trials.FOLDER).iterdir() if it.is_dir()]) == trials.MOST_KEPT


@pytest.mark.parametrize("path", ["/rules/trials/0123456789abcdef", "/rules/trials/..%2f..", "/rules/trials/lock"])
def test_there_is_no_trial_but_those_that_were_begun(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 404


def test_the_rules_of_a_trial_are_a_file_that_the_service_could_use(browser: Browser, simulator: Simulator) -> None:
    begin(browser)
    content = yaml.safe_load(Path(simulator.started[0]["--rules"]).read_text())
    assert set(content) == set(yaml.safe_load(RULES_FILE.read_text())) | set(load_rules().model_dump(by_alias=True))


@pytest.mark.parametrize("role", ["viewer", "clinician", "admin"])
def test_only_a_manager_tries_and_saves_rules(site: Site, role: str) -> None:
    browser = site.signed_in(role)
    assert browser.get("/rules/trials").status_code == 403
    assert browser.post("/rules/trials", GIVEN).status_code == 403
    assert browser.post("/rules/versions/0/return").status_code == 403
    assert "Try other rules" not in text(browser, "/rules")


def test_a_manager_reads_no_patient(site: Site) -> None:
    browser = site.signed_in("manager")
    assert browser.get("/patients").status_code == 403
    assert browser.get("/").status_code == 403
    assert "Try other rules" in text(browser, "/rules")
