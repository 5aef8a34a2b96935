"""What the embedded broker is formatted with."""

from __future__ import annotations

import pytest

from embedded.kafka_broker import new_cluster_id


@pytest.mark.parametrize("number", [0, 0xF8 << 120, (1 << 128) - 1])
def test_cluster_id_never_looks_like_an_option(number: int) -> None:
    # base64 of a first byte from 0xF8 on would begin with a dash, one cluster in sixty-four
    cluster_id = new_cluster_id(number)
    assert not cluster_id.startswith("-")
    assert len(cluster_id) == 22
