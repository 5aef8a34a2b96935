from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from ml.evaluation.stability import spread
from ml.report import plots
from ml.report.page import render_card, render_report
from tests.support.evaluations import card_of, full_evaluation, least_evaluation, make_part

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Collects images, addresses and tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.images += [values] if tag == "img" else []
        self.addresses += [value for name, value in attrs if name in ("src", "href") and value]
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.fixture(scope="module")
def report() -> str:
    return render_report({**card_of(full_evaluation()), "version": "v1"}, full_evaluation())


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plots out: they take a second or two, and the test reads the words alone."""
    monkeypatch.setattr(plots, "to_image", lambda *_drawing: "data:image/svg+xml;base64,")


def test_the_report_needs_nothing_else(report: str) -> None:
    reader = read(report)
    assert reader.open == []
    assert all(address.startswith(("data:image/svg+xml;base64,", "#")) for address in reader.addresses)
    assert {address[1:] for address in reader.addresses if address.startswith("#")} <= set(reader.ids)
    assert "<script" not in report
    assert "url(" not in report


def test_every_image_has_a_text_for_those_who_cannot_see_it(report: str) -> None:
    images = read(report).images
    assert len(images) == 8 + 2  # plots, and examples of crises found and of false alarms: none was missed
    assert all(len(image["alt"] or "") > 40 for image in images)


def test_doubts_stand_above_everything_else(report: str) -> None:
    text = re.sub(r"\s+", " ", report)
    assert text.index("Where it is not better") < text.index("What it reaches") < text.index("<table")


def test_the_report_says_that_patients_are_simulated(report: str) -> None:
    assert "SIMULATED PATIENTS" in report
    assert report.count("Simulated patients.</figcaption>") == 8


@pytest.mark.usefixtures("undrawn")
def test_patients_on_record_are_not_called_simulated() -> None:
    html = render_report({}, {**least_evaluation(), "source": "patients on record"})
    assert "simulated patients" not in html.lower().replace("each simulated patient", "")


def test_a_report_of_the_least_evaluation_says_what_was_not_judged() -> None:
    html = render_report({}, least_evaluation())
    assert "The oracle was not asked" in html
    assert html.count("there is no part of the data with every window") == 2  # neither alarms nor examples
    assert read(html).open == []


def test_examples_are_told_by_which_rule_they_are_shown_and_each_in_a_sentence(report: str) -> None:
    text = re.sub(r"\s+", " ", report)
    assert "At the level HIGH (6 h risk from 40 % on). Nobody chose these" in text
    for said in ("<li>A: found ", "<li>A: a false alarm. ", "6 h before (0 in all)</h3> <p>None.</p>"):
        assert said in text


@pytest.mark.usefixtures("undrawn")
def test_texts_of_the_card_cannot_break_the_page() -> None:
    html = render_report({"version": "<script>alert(1)</script>"}, least_evaluation())
    assert "<script>" not in html


def test_the_same_evaluation_gives_the_same_report(report: str) -> None:
    assert render_report({**card_of(full_evaluation()), "version": "v1"}, full_evaluation()) == report


@pytest.mark.usefixtures("undrawn")
def test_the_decision_is_shown_check_by_check() -> None:
    decision = {"promote": False, "checks": [{"name": "events 6h", "passed": False, "detail": "12 windows."}]}
    card: dict[str, Any] = {**card_of(least_evaluation()), "decision": decision}
    for text in (render_report(card, least_evaluation()), render_card(card, least_evaluation())):
        assert "the version in service stays" in text
        assert "12 windows." in text


def test_the_card_has_every_section_and_whole_tables() -> None:
    text = render_card({**card_of(full_evaluation()), "version": "v1"}, full_evaluation())
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:2] == ["Purpose", "In short"]
    assert {"Oracle", "Alarms", "Subgroups", "Known failures", "Approval"} <= set(headings)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1


def test_report_and_card_tell_how_the_version_was_made_who_answers_and_what_tripod_asks(report: str) -> None:
    card = render_card(card_of(full_evaluation()), full_evaluation())
    for text in (report, card):
        for told in ("0.1.0, commit abc", "boosters 12.5", "Human oversight", "People decide", "Public", "TRIPOD+AI"):
            assert told.lower() in text.lower()
        assert "neither data nor clinicians chose them" in text


@pytest.mark.usefixtures("undrawn")
def test_the_needed_sample_size_stands_beside_what_there_is() -> None:
    size = {"prevalence": 0.05, "r2": 0.05, "parameters": 30, "overall_risk": 73, "shrinkage": 5249, "optimism": 1770}
    size |= {"needed": 5249, "rows": 60_123, "patients": 3_600, "events": 3_000}
    card = {**card_of(least_evaluation()), "sample_size": {"6h": size}}
    html, text = render_report(card, least_evaluation()), render_card(card, least_evaluation())
    assert "| 6 h | 5.0 % | 0.050 | 73 | 5,249 | 1,770 | 5,249 | 60,123 | 3,600 | 100 |" in text
    assert "<td>60,123</td>" in html


def test_the_report_tells_how_often_levels_change_as_they_are_and_as_they_are_served(report: str) -> None:
    card = render_card(card_of(full_evaluation()), full_evaluation())
    for text in (report, card):
        assert "How often alert levels change" in text
        assert "level as the alert service serves it" in text


@pytest.mark.usefixtures("undrawn")
def test_nudged_levels_are_told_where_they_were_judged() -> None:
    judged = full_evaluation()
    changes = {**judged["level_changes"], "nudged": {"value": 0.095, "low": 0.08, "high": 0.11}}
    html = render_report({}, {**judged, "level_changes": changes})
    assert "With both newest pressures 3 mmHg higher or lower 9.5 % (8.0 to 11.0) of the levels above LOW" in html
    assert "mmHg higher or lower" not in render_report({}, judged)


def test_the_spread_over_fits_is_drawn_and_told_where_it_was_judged() -> None:
    rows, random = 200, np.random.default_rng(1)
    ours = random.random((rows, 3))
    data, _ = make_part(seed=0, rows=rows)
    told = {"patients": 5000, "of_patients": 24_000, **spread(data, ours, [ours, ours * 0.9, ours * 0.8])}
    card = render_card(card_of(least_evaluation()), {**least_evaluation(), "stability": told})
    html = render_report({}, {**least_evaluation(), "stability": told})
    assert len(read(html).images) == 7 + 1
    for text in (html, card):
        assert "Fitted again 3 times, 180 windows not in crisis" in text
        assert "Each fit saw 5,000 of the 24,000 training patients, drawn anew." in text
    assert "Would another training" not in render_report({}, least_evaluation())


def test_the_card_of_the_least_evaluation_can_be_written() -> None:
    assert "Not judged." in render_card(card_of(least_evaluation()), least_evaluation())
