"""A model that is there is left alone; the absence of one after training is an error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conf.errors import UserError
from deploy.first_model import train_if_missing


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that were started; none of them does anything."""
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: started.append(command))
    return started


def test_with_a_model_nothing_is_trained(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("deploy.first_model.current_version", lambda _: "v1")
    train_if_missing(tmp_path)
    assert commands == []
    assert "Model v1 is in service." in capsys.readouterr().out


def test_training_that_publishes_nothing_is_an_error(tmp_path: Path, commands: list[list[str]]) -> None:
    with pytest.raises(UserError, match="first model was not trained"):
        train_if_missing(tmp_path)
    assert commands[0][1:3] == ["-m", "deploy.submit"]
    assert commands[0][-2:] == ["retrain", "--quick"]
