from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.keeping import bars, keep


def drawn() -> Figure:
    figure = Figure()
    bars(figure.subplots(), ["slow", "fast"], [12.4, 13_500.0])
    return figure


def test_figures_are_kept_as_json_and_as_a_plot_with_its_values(tmp_path: Path) -> None:
    keep(tmp_path / "kept", "speed", {"readings": 5}, drawn())
    assert json.loads((tmp_path / "kept" / "speed.json").read_text()) == {"readings": 5}
    assert (tmp_path / "kept" / "speed.svg").stat().st_size > 0
    assert [text.get_text() for text in drawn().axes[0].texts] == ["12", "13,500"]


def test_the_first_bar_is_on_top() -> None:
    bottom, top = drawn().axes[0].get_ylim()
    assert top < bottom


def test_nothing_is_kept_without_a_folder(tmp_path: Path) -> None:
    keep(None, "speed", {"readings": 5}, drawn())
    assert list(tmp_path.iterdir()) == []
