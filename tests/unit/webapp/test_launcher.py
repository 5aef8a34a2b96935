"""``python -m webapp`` starts a real server, or ends with one sentence."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.errors import UserError
from conf.ports import free_port
from tests.unit.webapp.site import settings
from webapp.__main__ import options, serve

ROOT = Path(__file__).resolve().parents[3]
SECRETS = {"BP_SECRET_KEY": "s" * 48}


def start(tmp_path: Path, **environment: str) -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BP_")}
    return subprocess.Popen(
        [sys.executable, "-m", "webapp"],
        cwd=tmp_path,
        env={**clean, "PYTHONPATH": str(ROOT), "BP_LOCAL_DIR": str(tmp_path / "local"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_it_refuses_to_start_with_one_sentence(tmp_path: Path, missing: str) -> None:
    process = start(tmp_path, **{name: value for name, value in SECRETS.items() if name != missing})

    _, complaint = process.communicate(timeout=60)

    assert process.returncode == 1
    assert complaint.startswith(f"error: {missing} must hold at least 32 bytes")
    assert complaint.count("\n") == 1


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_port()
    process = start(tmp_path, BP_WEB_PORT=str(port), BP_ELASTICSEARCH_URL="http://127.0.0.1:9", **SECRETS)
    assert process.stdout
    process.stdout.readline()
    yield process, f"http://127.0.0.1:{port}"
    process.kill()
    process.communicate()


def ask(address: str) -> int:
    deadline_s = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - our own address
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def test_it_serves_logs_json_and_ends_on_sigterm(server: tuple[subprocess.Popen[str], str]) -> None:
    process, address = server

    assert ask(f"{address}/healthz") == 200  # is no line of the log, unlike a question that fails
    assert ask(f"{address}/readyz") == 503
    assert ask(f"{address}/login?lang=en") == 200
    assert ask(f"{address}/account") in (200, 401)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)

    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["logger"] == "webapp.requests"]
    assert [line["route"] for line in requests] == ["/readyz", "/login", "/account"]
    assert all(line["request_id"] and line["duration_ms"] >= 0 for line in requests)
    assert "lang=en" not in log


def test_plain_http_beyond_this_machine_needs_a_proxy_or_a_word(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="would serve plain HTTP beyond this machine"):
        serve(settings(tmp_path, web_host="0.0.0.0"))  # noqa: S104


def test_a_taken_port_is_told_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=rf"cannot listen on port {port}: .* set BP_WEB_PORT\."):
            serve(settings(tmp_path, web_port=port))


def test_two_workers_of_eight_threads_listen_where_the_settings_say(tmp_path: Path) -> None:
    chosen = options(settings(tmp_path, web_port=5055))

    assert (chosen["worker_class"], chosen["workers"], chosen["threads"]) == ("gthread", 2, 8)
    assert chosen["bind"] == "127.0.0.1:5055"
    assert chosen["forwarded_allow_ips"] == ""
