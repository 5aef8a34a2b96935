from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import pytest
from rich.console import Console

from conf.errors import UserError
from conf.settings import Settings
from demo import pipeline
from demo.__main__ import _watch, main


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--exit-after", "0"], "invalid positive number value: '0'"),
        (["--exit-after", "nan"], "invalid positive number value: 'nan'"),
        (["--exit-after", "5", "stream"], "invalid choice: 'stream'"),
        (["--patients", "many"], "invalid int value: 'many'"),
        (["--history", "long"], "'long' is not a duration"),
    ],
)
def test_an_unfit_option_ends_with_the_usage_exit_code(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.fixture
def demo(tmp_path: Path) -> pipeline.Demo:
    """Return a demo that ends after a second, without parts: only what its stream tells of itself is there."""
    options = Namespace(exit_after=1.0, json=tmp_path / "result.json", history="16h", speed=960.0)
    made = pipeline.Demo(options, Settings(local_dir=tmp_path, elasticsearch_url="http://127.0.0.1:9"), Console(), -1)
    made.log_dir.mkdir()
    for part in ("stream", "alerts"):
        (made.log_dir / f"{part}.log").touch()
    return made


def test_after_the_time_given_it_ends_with_a_summary_and_its_figures(
    demo: pipeline.Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    queries = {"ingest": {"totals": {"readings": 40}}, "score": {"totals": {"predictions": 7}}}
    demo.metrics_file.write_text(json.dumps({"queries": queries}))

    _watch(demo)

    assert "40 readings stored, 7 predictions written" in capsys.readouterr().out
    figures = json.loads(demo.options.json.read_text())
    assert (figures["readings"], figures["predictions"]) == (40, 7)


def test_when_no_prediction_came_in_the_time_given_it_fails_and_says_where_to_look(demo: pipeline.Demo) -> None:
    with pytest.raises(UserError, match="No prediction was written within 1 s") as failure:
        _watch(demo)

    assert str(demo.log_dir / "stream.log") in str(failure.value)
