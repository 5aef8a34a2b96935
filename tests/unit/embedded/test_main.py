"""The command line: exit codes and texts, without starting a server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from conf.errors import EXIT_FAILURE, EXIT_OK, EXIT_USAGE
from conf.ports import HOST, free_port
from conf.settings import load_settings
from embedded.__main__ import _options, _parser, main
from embedded.node import lock_holder
from embedded.services import Options
from tests.unit.embedded.test_node import hold_lock

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command on an empty local directory; gives the exit code and what it wrote to standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BP_LOCAL_DIR", str(tmp_path / "local"))

    def run_command(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        return code, capsys.readouterr().err

    return run_command


def options_of(arguments: list[str], **environment: str) -> Options:
    return _options(_parser().parse_args(["start", *arguments]), load_settings(environment, Path("none")))


def test_status_of_nothing_is_a_failure_with_the_command_that_starts_it(run: Run) -> None:
    assert run("status") == (EXIT_FAILURE, "error: Not everything runs. Start it with: python -m embedded start.\n")


def test_stopping_nothing_succeeds(run: Run) -> None:
    assert run("stop") == (EXIT_OK, "")


def test_port_of_another_program_is_one_line_and_starts_nothing(run: Run, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        code, text = run("start", "--kafka-port", str(port), "--elasticsearch-port", "0")
    assert code == EXIT_FAILURE
    assert text.startswith(f"error: Kafka cannot listen on port {port}: ")
    assert text.count("\n") == 1
    assert not (tmp_path / "local" / "embedded.json").exists()


def test_data_used_by_a_foreign_process_names_that_process(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "local" / "kafka" / "data"
    data.mkdir(parents=True)
    with hold_lock(data / ".lock") as holder:
        code, text = run("start", "--only", "kafka", "--kafka-port", str(free_port()))
        assert lock_holder(data / ".lock") == holder.pid
        holder.kill()
    assert code == EXIT_FAILURE
    assert f"is in use by process {holder.pid}. End it (kill {holder.pid})" in text


@pytest.mark.parametrize("arguments", [["--kafka-port", "70000"], ["--kafka-heap", "much"], ["--only", "zookeeper"]])
def test_unusable_option_is_a_usage_error(arguments: list[str], run: Run) -> None:
    with pytest.raises(SystemExit) as exit_info:
        run("start", *arguments)
    assert exit_info.value.code == EXIT_USAGE


def test_ports_come_from_the_option_then_from_a_local_address_in_the_settings_then_from_the_default() -> None:
    local = {"BP_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:19999", "BP_ELASTICSEARCH_URL": "http://localhost:18888"}
    remote = {"BP_KAFKA_BOOTSTRAP_SERVERS": "kafka.example:1", "BP_ELASTICSEARCH_URL": "https://search.example:2"}
    assert options_of(["--kafka-port", "0"], **local).kafka_port == 0
    assert (options_of([], **local).kafka_port, options_of([], **local).elasticsearch_port) == (19999, 18888)
    assert (options_of([], **remote).kafka_port, options_of([], **remote).elasticsearch_port) == (9092, 9200)
