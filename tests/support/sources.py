"""The project's own modules as text, for tests that hold how they are built."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def folders() -> set[str]:
    """Return the top-level folders with Python in them, the tests aside."""
    return {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py")} - {"tests"}


def modules_of(folders: Collection[str]) -> dict[str, str]:
    """Return the text of each module in some top-level folders by its dotted name; a package's is its ``__init__``."""
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    return {
        path.relative_to(ROOT).with_suffix("").as_posix().removesuffix("/__init__").replace("/", "."): path.read_text()
        for path in files
    }


def is_package(module: str) -> bool:
    """Tell whether a dotted name is a folder's."""
    return ROOT.joinpath(*module.split(".")).is_dir()


def imported(text: str) -> Iterator[str]:
    """Yield the names of the modules that a module imports, inside functions and for types too."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
