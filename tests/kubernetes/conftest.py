"""What the tests on an API server share: one server, and on it the example overlay."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.api_server import ApiServer, lacking, running
from tests.unit.deploy.kubernetes.manifests import EXAMPLE

NAMESPACE = "surveillance"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """Yield a running server."""
    if "BP_TEST_KUBERNETES" not in os.environ:
        pytest.skip("asked for by: tests/run.sh kubernetes")
    absent = list(lacking())
    assert not absent, f"This machine lacks {', '.join(absent)}."
    with running(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture(scope="session")
def applied(server: ApiServer) -> ApiServer:
    """Return the server with the example applied, and the account that a controller makes in each namespace."""
    server.told("apply", "-f", EXAMPLE / "namespace.yaml")
    server.told("-n", NAMESPACE, "create", "serviceaccount", "default")
    server.told("apply", "-k", EXAMPLE)
    return server


@pytest.fixture
def stream_config(applied: ApiServer) -> Path:
    """Return a file by which one is the stream's account, as its pod is by the token that is mounted there."""
    token = applied.told("-n", NAMESPACE, "create", "token", "stream").strip()
    return applied.write_config("stream", token, NAMESPACE)
