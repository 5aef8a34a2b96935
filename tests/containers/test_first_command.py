"""The first command of docs/operations.md on an engine, and what is then to be seen of the system from outside."""

from __future__ import annotations

from typing import Any

import pytest

from elastic.names import LATEST, OBSERVATIONS, PREDICTIONS
from tests.containers.board import first_sign_in, visit
from tests.containers.seen import OF_THE_MAKERS, processes, rights, secrets_seen
from tests.containers.stack import ENDED_WELL, NAME, Stack

pytestmark = pytest.mark.timeout(3600)

ROOT_IS_WRITTEN = {"kafka", "elasticsearch", "kibana"}  # by the start scripts of their makers
GIVES_FILES_AWAY = "secrets"


@pytest.fixture(scope="module")
def running(stack: Stack) -> Stack:
    """Return the system as the first command leaves it."""
    stack.compose("up", "-d", "--build")
    stack.wait_until_well()
    return stack


def named(container: str) -> str:
    """Return the service of a container."""
    return container.rsplit("-", 1)[0]


def test_every_service_is_healthy_or_has_ended_with_0(running: Stack) -> None:
    states = {named(name): state for name, state in running.states().items()}
    ended = {"secrets", "setup", "first-model", "kibana-import"}
    assert {name for name, state in states.items() if state == ENDED_WELL} == ended
    assert {"kafka", "elasticsearch", "kibana", "stream", "alerts", "webapp", "producer", "canary"} <= set(states)


def test_the_image_is_built_once(running: Stack) -> None:
    left_over = running.engine.told("docker", "images", "--quiet", "--filter", "dangling=true")
    assert left_over.split() == []
    ids = {one["Image"] for one in running.inspect().values() if one["Config"]["Image"].startswith(NAME)}
    assert len(ids) == 1


def test_a_second_up_makes_nothing_anew(running: Stack) -> None:
    before = running.lives()
    running.compose("up", "-d")
    assert running.lives() == before


def test_a_user_signs_in_and_sees_patients(running: Stack) -> None:
    running.wait_for_more(LATEST, than=0)
    assert first_sign_in(running, "anne").patients()
    assert visit(running).patients() == set()


def test_predictions_come_and_go_on(running: Stack) -> None:
    before = running.wait_for_more(PREDICTIONS, than=0)
    running.wait_for_more(PREDICTIONS, than=before)
    assert running.count(OBSERVATIONS) > before


def test_no_secret_is_seen(running: Stack) -> None:
    secrets = running.secrets()
    assert len(secrets) > 10
    seen = secrets_seen(running, secrets)
    assert {(name, what) for name, what, where in seen if where == "environment"} <= OF_THE_MAKERS
    assert {found for found in seen if found[2] != "environment"} == set()


def test_only_the_loopback_address_is_published(running: Stack) -> None:
    published = [port for one in running.inspect().values() for port in bindings(one)]
    assert {port["HostIp"] for port in published} == {"127.0.0.1"}
    listening = [line.split() for line in running.engine.told("ss", "-ltnHp").splitlines() if "docker-proxy" in line]
    assert len(listening) == len(published)
    assert {line[3].rsplit(":", 1)[0] for line in listening} == {"127.0.0.1"}


def bindings(container: dict[str, Any]) -> list[dict[str, str]]:
    return [port for ports in (container["NetworkSettings"]["Ports"] or {}).values() for port in ports or ()]


def test_no_process_has_a_capability_or_can_gain_one(running: Stack) -> None:
    for name in running.lives():
        for process in processes(running, f"{NAME}-{name}"):
            found = rights(process)
            if not found:
                continue
            assert {found[kind] for kind in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}, name
            assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2"), name
            assert "0" not in found["Uid"].split(), name


def test_no_container_of_ours_can_write_its_root(running: Stack) -> None:
    for name, one in running.inspect().items():
        host = one["HostConfig"]
        assert host["ReadonlyRootfs"] == (named(name) not in ROOT_IS_WRITTEN), name
        assert host["CapDrop"] == ["ALL"], name
        assert (host["CapAdd"] or []) == (["CAP_CHOWN"] if named(name) == GIVES_FILES_AWAY else []), name
        if one["State"]["Running"] and host["ReadonlyRootfs"]:
            done = running.engine.run("docker", "exec", f"{NAME}-{name}", "python", "-c", "open('/app/new', 'w')")
            assert "Read-only file system" in done.stderr, name
