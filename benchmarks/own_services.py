"""Kafka and Elasticsearch of a benchmark's own, so that it neither meets nor leaves anything."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embedded.services import Addresses, Options, start, stop


@contextmanager
def own_services(**options: Any) -> Iterator[tuple[Path, Addresses]]:
    """Start services on free ports; hand out their folder and addresses, and remove all of it at the end.

    `options` are those of `embedded.services.Options`, such as ``only="elasticsearch"``.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        try:
            yield folder, start(Options(folder, kafka_port=0, elasticsearch_port=0, **options))
        finally:
            stop(folder, clean=True)
