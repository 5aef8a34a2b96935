"""What the browser tests share: a hospital on the real pipeline, the site, and Chromium."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from pyspark.sql import SparkSession

from alerts.__main__ import run as keep_alerts
from embedded.services import Addresses
from tests.browser.chromium import FLAGS, NONE, find_chromium
from tests.browser.hospital import Hospital
from tests.browser.site import Site, serve, serve_in_memory
from tests.browser.visitor import Visitor
from tests.support.ward import ward

DESKTOP = (1366, 768)
TIMEOUT_MS = 15_000

Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Yield a running Chromium."""
    path = find_chromium()
    if path is None:
        pytest.skip(NONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")  # its alert service ends with the browser tests: others have services of their own
def hospital(
    chromium: Browser,  # noqa: ARG001 - without a browser nothing needs to be started
    services: Addresses,
    spark: SparkSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Hospital]:
    """Yield patients with two days of readings and predictions, and the alert service at work."""
    made = Hospital(services, spark, tmp_path_factory.mktemp("hospital"))
    made.open()
    stopping = threading.Event()
    keeping = threading.Thread(target=keep_alerts, args=(made.settings,), kwargs={"stopping": stopping})
    keeping.start()
    yield made
    stopping.set()
    keeping.join()


@pytest.fixture(scope="package")
def site(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield the site of the hospital."""
    with serve(hospital.settings, tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture
def visit(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Open a browser: ``visit(width=360)``; at the end of the test no page may have done what it must not."""
    visitors = []

    def begin(width: int = DESKTOP[0], height: int = DESKTOP[1], on: Site | None = None, **more: Any) -> Visitor:
        context = chromium.new_context(viewport={"width": width, "height": height}, **more)
        context.set_default_timeout(TIMEOUT_MS)
        visitors.append(Visitor(context, on or request.getfixturevalue("site")))
        return visitors[-1]

    yield begin
    faults = [fault for visitor in visitors for fault in visitor.faults]
    for visitor in visitors:
        visitor.context.close()
    assert faults == []


@pytest.fixture
def small_site(tmp_path: Path) -> Iterator[Site]:
    """Yield a site of the test's own over a few patients in memory: for pages that need no pipeline behind them."""
    with serve_in_memory(tmp_path, ward(0)) as running:
        yield running


@pytest.fixture
def another_site(hospital: Hospital, tmp_path: Any) -> Iterator[Site]:
    """Yield a site of the test's own over the same data, whose clock it may put forward."""
    with serve(hospital.settings, tmp_path) as running:
        yield running
