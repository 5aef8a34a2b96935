from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from conf.errors import UserError
from conf.ports import HOST, choose_port, free_port, is_free, is_listening


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def choose(requested: int, remembered: int | None = None) -> int:
    return choose_port(requested, remembered, title="Kafka", option="--kafka-port")


def test_taken_port_names_the_port_and_the_option(taken_port: int) -> None:
    with pytest.raises(UserError, match=rf"Kafka cannot listen on port {taken_port}: .* --kafka-port \(0 means any"):
        choose(taken_port)


def test_port_that_another_program_holds_on_all_addresses_counts_as_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        assert not is_free(server.getsockname()[1])


def test_free_port_is_used_as_requested() -> None:
    port = free_port()
    assert choose(port) == port


def test_any_port_means_the_one_used_before() -> None:
    remembered = free_port()
    assert choose(0, remembered) == remembered


def test_any_port_means_another_one_when_the_one_used_before_is_taken(taken_port: int) -> None:
    assert choose(0, taken_port) not in {0, taken_port}


def test_only_an_accepting_port_is_listening(taken_port: int) -> None:
    assert is_listening(taken_port)
    assert not is_listening(free_port(other_than=taken_port))
