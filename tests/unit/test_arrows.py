"""Folders stand on floors and import from below only; what decides needs neither Flask nor Spark to be imported."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Set
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.support.sources import ROOT, imported, is_package, modules_of

FLOORS = (  # from the ground; a folder imports from floors below its own, or beside it where no circle comes of it
    ("conf", "fhir"),
    ("assessment",),
    ("elastic", "ml"),
    ("alerts", "producer"),
    ("jobs",),
    ("webapp", "kibana", "embedded", "deploy"),
    ("demo", "benchmarks"),
)
FLOOR_OF = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}
WITHOUT_FRAMEWORKS = ("alerts", "assessment", "conf", "elastic", "fhir", "ml", "producer")

Arrows = Mapping[str, Set[str]]


def folder_of(module: str, depth: int) -> str:
    """Return the folder, at most so deep, in which a module stands; a package is its own folder."""
    parts = module.split(".") if is_package(module) else module.split(".")[:-1]
    return ".".join(parts[:depth])


def arrows(texts: Mapping[str, str], depth: int = 1) -> dict[str, set[str]]:
    """Return which folders import from which others, out of the texts of modules by their names."""
    found: dict[str, set[str]] = {}
    for module, text in texts.items():
        own = folder_of(module, depth)
        targets = {folder_of(name, depth) for name in imported(text) if name.split(".")[0] in FLOOR_OF}
        found.setdefault(own, set()).update(targets - {own, ""})
    return found


def climbing(found: Arrows) -> list[str]:
    """Return the arrows that go to a floor above."""
    return [
        f"{folder} -> {target}"
        for folder, targets in found.items()
        for target in sorted(targets)
        if FLOOR_OF[target] > FLOOR_OF[folder]
    ]


def circle(found: Arrows) -> list[str]:
    """Return a circle of folders, or nothing."""
    try:
        TopologicalSorter(found).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Return the text of each module of the project by its name, tests and scripts aside."""
    return modules_of(FLOOR_OF)


def test_every_folder_with_code_stands_on_a_floor() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert packages == set(FLOOR_OF)


def test_no_arrow_climbs(sources: dict[str, str]) -> None:
    assert climbing(arrows(sources)) == []


def test_no_folders_import_each_other_in_a_circle(sources: dict[str, str]) -> None:
    assert circle(arrows(sources)) == []


@pytest.mark.parametrize("folder", ["elastic", "fhir", "jobs", "ml", "producer", "webapp"])
def test_the_rooms_of_a_folder_form_no_circle(sources: dict[str, str], folder: str) -> None:
    within = arrows(sources, depth=2)
    rooms = {name: {room for room in targets if "." in room} for name, targets in within.items() if "." in name}
    assert circle({name: targets for name, targets in rooms.items() if name.startswith(f"{folder}.")}) == []


@pytest.mark.parametrize(
    ("module", "planted"),
    [("fhir.codes", "from jobs.streaming import windows"), ("alerts.model", "import webapp.board.views")],
)
def test_a_planted_import_that_climbs_is_found(sources: dict[str, str], module: str, planted: str) -> None:
    found = climbing(arrows(sources | {module: f"{sources[module]}\n{planted}\n"}))
    assert found == [f"{module.split('.')[0]} -> {planted.split()[1].split('.')[0]}"]


def test_a_planted_circle_on_one_floor_is_found(sources: dict[str, str]) -> None:
    planted = {"kibana.words": "import webapp.i18n", "webapp.i18n": "from kibana import words"}
    assert set(circle(arrows(sources | planted))) >= {"kibana", "webapp"}


def test_nothing_but_the_site_imports_flask(sources: dict[str, str]) -> None:
    users = {
        name.split(".")[0] for name, text in sources.items() if any(m.split(".")[0] == "flask" for m in imported(text))
    }
    assert users == {"webapp"}


@pytest.mark.parametrize("folder", WITHOUT_FRAMEWORKS)
def test_what_decides_is_imported_without_flask_and_without_spark(sources: dict[str, str], folder: str) -> None:
    """In a fresh interpreter, so that what an import brings along counts too."""
    modules = [name for name in sources if name.split(".")[0] == folder and not name.endswith("__main__")]
    code = f"import {', '.join(modules)}, sys; print(*sorted({{'flask', 'pyspark'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("", 0), done.stderr
