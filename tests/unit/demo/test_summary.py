from __future__ import annotations

import io

from rich.console import Console

from demo.figures import Figures
from demo.summary import closing_lines, live_page, plain_line, reasons_text


def running(**changes: object) -> Figures:
    valid: dict[str, object] = {
        "readings": 12345,
        "predictions": 2000,
        "rejected_by_reason": {"TIME_MISSING": 3, "UNIT_UNKNOWN": 7},
        "patients_by_level": {"CRITICAL": 1, "HIGH": 2, "MEDIUM": 30, "LOW": 167},
        "alerts_by_level": {"CRITICAL": 3, "HIGH": 1, "MEDIUM": 0, "LOW": 0, "STALE": 2},
        "lag": 40,
        "batches": 9,
        "ingest_ms": 400.0,
        "score_ms": 1250.0,
        "model_version": "20260101T000000Z-abcdef12",
        "spark_ui": "http://127.0.0.1:4040",
    }
    return Figures(**{**valid, **changes})  # type: ignore[arg-type]


def drawn(figures: Figures) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(live_page(figures, (512.4, 88.0), 75.0, {"Elasticsearch": "http://127.0.0.1:9200"}))
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_a_plain_line_holds_every_figure() -> None:
    assert plain_line(running(), (512.4, 88.0), 75.0) == (
        "1:15 readings 12,345 (512/s), predictions 2,000 (88/s), lag 40, rejected 10, "
        "patients CRITICAL 1 HIGH 2 MEDIUM 30 LOW 167, open alerts CRITICAL 3 HIGH 1 NO READINGS 2, batch 0.4 s / 1.2 s"
    )


def test_a_plain_line_before_the_first_batch_says_what_is_awaited() -> None:
    assert plain_line(Figures(), (0.0, 0.0), 3.0).startswith("0:03 waiting for Spark to start; readings 0")


def test_the_live_page_shows_figures_levels_reasons_and_addresses() -> None:
    page = drawn(running())

    for text in ("12,345", "512/s", "CRITICAL", "167", "UNIT_UNKNOWN 7", "1.2 s", "20260101T000000Z-abcdef12"):
        assert text in page
    assert "CRITICAL 3 HIGH 1 NO READINGS 2" in page
    assert "http://127.0.0.1:4040" in page
    assert "http://127.0.0.1:9200" in page
    assert "Waiting for" not in page


def test_the_live_page_before_the_first_batch_says_what_is_awaited() -> None:
    assert "Waiting for Spark to start" in drawn(Figures())


def test_a_ward_without_alerts_is_told_as_such() -> None:
    assert ", open alerts none, " in plain_line(running(alerts_by_level={"CRITICAL": 0, "HIGH": 0}), (0.0, 0.0), 3.0)


def test_what_goes_wrong_is_shown() -> None:
    figures = running(trouble="query ingest failed, restart 1 in 1 s: no Elasticsearch")

    assert plain_line(figures, (0.0, 0.0), 3.0).startswith("0:03 query ingest failed, restart 1 in 1 s: no Elast")
    assert "query ingest failed" in drawn(figures)


def test_the_most_frequent_reason_comes_first() -> None:
    assert reasons_text(running()) == "UNIT_UNKNOWN 7, TIME_MISSING 3"
    assert reasons_text(Figures()) == "none"


def test_the_closing_lines_hold_totals_levels_and_rejects() -> None:
    assert closing_lines(running(), 90.0) == [
        "Ran 1:30: 12,345 readings stored, 2,000 predictions written.",
        "Patients by predicted level: CRITICAL 1 HIGH 2 MEDIUM 30 LOW 167 (200 in all).",
        "Open alerts: CRITICAL 3 HIGH 1 NO READINGS 2.",
        "Rejected: UNIT_UNKNOWN 7, TIME_MISSING 3.",
    ]
