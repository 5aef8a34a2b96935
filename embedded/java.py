"""Find a Java that Kafka, Elasticsearch and Spark all run on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from conf.errors import UserError

FITTING_VERSIONS = (17, 21)
COMMON_PLACES = (
    "/usr/lib/jvm/*/bin/java",
    "/usr/java/*/bin/java",
    "/opt/java/*/bin/java",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java",
    "/opt/homebrew/opt/openjdk@*/bin/java",
    "/usr/local/opt/openjdk@*/bin/java",
)
REMEDY = (
    "Install Java 17 or 21 (Debian, Ubuntu: apt install openjdk-17-jre-headless; macOS: brew install openjdk@17) "
    "or set JAVA_HOME to it."
)
PROBE_TIMEOUT_S = 20


@dataclass(frozen=True)
class JavaInstallation:
    """What a `java` program says of itself."""

    version: int
    home: Path


def find_java(environment: Mapping[str, str] = os.environ, places: Iterable[str] = COMMON_PLACES) -> Path:
    """Return the first fitting `java` of JAVA_HOME, PATH and the usual places; `UserError` when there is none."""
    unfit: list[JavaInstallation] = []
    for candidate in _candidates(environment, places):
        installation = probe(candidate)
        if installation and installation.version in FITTING_VERSIONS:
            return installation.home / "bin" / "java"
        if installation:
            unfit.append(installation)
    found = ", ".join(sorted({f"Java {java.version} in {java.home}" for java in unfit}))
    raise UserError(f"No fitting Java was found, only {found}. {REMEDY}" if found else f"No Java was found. {REMEDY}")


def probe(java: Path) -> JavaInstallation | None:
    """Ask `java` for its version and home; None when it does not run (macOS has a `java` that only says so)."""
    try:
        answer = subprocess.run(
            [java, "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_settings(answer.stderr)


def parse_settings(text: str) -> JavaInstallation | None:
    """Read the output of ``java -XshowSettings:properties``; version 8 and older call themselves 1.8."""
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", text, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+)$", text, re.MULTILINE)
    return JavaInstallation(int(version[1]), Path(home[1].strip())) if version and home else None


def _candidates(environment: Mapping[str, str], places: Iterable[str]) -> Iterator[Path]:
    if environment.get("JAVA_HOME"):
        yield Path(environment["JAVA_HOME"]) / "bin" / "java"
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    for pattern in places:
        yield from sorted(Path("/").glob(pattern.removeprefix("/")))
