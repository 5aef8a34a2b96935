"""Which Chromium the browser tests run: one of this machine, else the one that Playwright has installed for itself.

``python -m tests.browser.chromium`` prints its path, or ends with code 1 when there is none.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NONE = "no Chromium on this machine; install the package chromium, or run: .venv/bin/playwright install chromium"


def find_chromium() -> str | None:
    """Return the path of an executable that starts."""
    paths = (*map(shutil.which, NAMES), _of_playwright())
    return next((path for path in paths if path and _starts(path)), None)


def _starts(path: str) -> bool:
    return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0


def _of_playwright() -> str | None:
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    found = find_chromium()
    print(found or NONE)
    sys.exit(found is None)
