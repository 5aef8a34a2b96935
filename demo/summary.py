"""The demo's figures for the eye: a live page on a terminal, one line elsewhere, and the closing summary."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from alerts.model import STALE
from demo.figures import Figures, waiting_for

SILENT = "NO READINGS"
LEVEL_STYLES = {"CRITICAL": "bold white on red", "HIGH": "bold red", "MEDIUM": "yellow", "LOW": "green"}


def live_page(figures: Figures, rates: tuple[float, float], elapsed_s: float, places: Mapping[str, str]) -> Panel:
    """Return the page that a terminal shows; `places` names addresses and folders for the last lines."""
    where = Table.grid(padding=(0, 3))
    for name, place in {"Spark UI": figures.spark_ui or "-", **places}.items():
        where.add_row(name, place)
    parts: list[RenderableType] = [_flow(figures, rates), Text(), _levels(figures), Text(), where]
    awaited = waiting_for(figures)
    if awaited:
        parts.insert(0, Text(f"Waiting for {awaited} ...\n", style="cyan"))
    if figures.trouble:
        parts.insert(0, Text(f"{figures.trouble}\n", style="red"))
    title = f"Blood-pressure surveillance, running {_clock(elapsed_s)}"
    return Panel(Group(*parts), title=title, subtitle="Ctrl-C stops everything", expand=False)


def plain_line(figures: Figures, rates: tuple[float, float], elapsed_s: float) -> str:
    """Return the same in one line, for logs and scripts."""
    awaited = waiting_for(figures)
    parts = [
        f"readings {figures.readings:,} ({rates[0]:,.0f}/s)",
        f"predictions {figures.predictions:,} ({rates[1]:,.0f}/s)",
        f"lag {_lag(figures)}",
        f"rejected {figures.rejected:,}",
        f"patients {levels_text(figures.patients_by_level)}",
        f"open alerts {alerts_text(figures)}",
        f"batch {_seconds(figures.ingest_ms)} / {_seconds(figures.score_ms)}",
    ]
    notes = [f"waiting for {awaited}"] if awaited else []
    notes += [figures.trouble] if figures.trouble else []
    return f"{_clock(elapsed_s)} " + "; ".join([*notes, ", ".join(parts)])


def closing_lines(figures: Figures, elapsed_s: float) -> list[str]:
    """Return what the run came to."""
    return [
        f"Ran {_clock(elapsed_s)}: {figures.readings:,} readings stored, {figures.predictions:,} predictions written.",
        f"Patients by predicted level: {levels_text(figures.patients_by_level)} ({figures.patients:,} in all).",
        f"Open alerts: {alerts_text(figures)}.",
        f"Rejected: {reasons_text(figures)}.",
    ]


def levels_text(counts: Mapping[str, int], nothing: str = "none yet") -> str:
    """Return what was counted by level, highest first."""
    return " ".join(f"{level} {count:,}" for level, count in counts.items()) or nothing


def alerts_text(figures: Figures) -> str:
    """Return the open alerts by level, those of the levels that have one; silence in words, as it is no level."""
    counts = {level: count for level, count in figures.alerts_by_level.items() if count}
    return levels_text({SILENT if level == STALE else level: count for level, count in counts.items()}, "none")


def reasons_text(figures: Figures) -> str:
    """Return the rejects by reason, most frequent first."""
    ordered = sorted(figures.rejected_by_reason.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ordered) or "none"


def _flow(figures: Figures, rates: tuple[float, float]) -> Table:
    table = Table.grid(padding=(0, 3))
    table.add_row("Readings", f"{figures.readings:,}", f"{rates[0]:,.0f}/s")
    table.add_row("Predictions", f"{figures.predictions:,}", f"{rates[1]:,.0f}/s")
    table.add_row("Waiting in Kafka", _lag(figures), "")
    table.add_row("Last micro-batch", f"ingest {_seconds(figures.ingest_ms)}", f"score {_seconds(figures.score_ms)}")
    table.add_row("Rejected", f"{figures.rejected:,}", reasons_text(figures) if figures.rejected else "")
    table.add_row("Open alerts", f"{figures.alerts:,}", alerts_text(figures) if figures.alerts else "")
    table.add_row("Model", figures.model_version or "-", "")
    return table


def _levels(figures: Figures) -> Table:
    table = Table(title=f"{figures.patients:,} patients by predicted level (6 h risk)", title_justify="left")
    for level in figures.patients_by_level:
        table.add_column(Text(level, style=LEVEL_STYLES.get(level, "")), justify="right")
    table.add_row(*(f"{count:,}" for count in figures.patients_by_level.values()))
    return table


def _lag(figures: Figures) -> str:
    return "-" if figures.lag is None else f"{figures.lag:,}"


def _seconds(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def _clock(elapsed_s: float) -> str:
    minutes, seconds = divmod(int(elapsed_s), 60)
    return f"{minutes}:{seconds:02d}"
