"""Measure the house: ``python scripts/sizes.py [--root DIR]`` prints a Markdown table with a row for each room.

Lines are those of the files. A function's length is its body without the docstring. "One caller" is the share of all
functions that are private (``_name``) and named in exactly one other place of their file. Files under 40 lines are
counted without the ``__init__``. Standard library only, so that any checkout can be measured.
"""

from __future__ import annotations

import argparse
import ast
import re
import statistics
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SMALL_LINES: Final = 40
TESTS: Final = "tests"


@dataclass
class Room:
    """What was counted in one top-level folder."""

    lines: int = 0
    files: int = 0
    small_files: int = 0
    body_lines: list[int] = field(default_factory=list)
    one_caller: int = 0


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines from the first statement after the docstring to the last."""
    statements = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def called_once(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the private functions of a module whose name stands in exactly one other place of it."""
    mentions = Counter(re.findall(r"\b_\w+\b", text))
    for function in functions(ast.parse(text)):
        if function.name.startswith("_") and not function.name.endswith("__") and mentions[function.name] == 2:
            yield function


def measure(root: Path) -> dict[str, Room]:
    """Return the rooms of a checkout by name: each top-level folder with Python files, the tests in one."""
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "*.py"], capture_output=True, text=True, check=True)
    rooms: dict[str, Room] = defaultdict(Room)
    for name in listed.stdout.split():
        folder, _, rest = name.partition("/")
        if rest and (root / name).exists():
            _count(rooms[folder], name, (root / name).read_text(encoding="utf-8"))
    return dict(sorted(rooms.items()))


def _count(room: Room, name: str, text: str) -> None:
    lines = text.count("\n")
    room.lines += lines
    room.files += 1
    room.small_files += lines < SMALL_LINES and not name.endswith("__init__.py")
    room.body_lines += map(body_lines, functions(ast.parse(text)))
    room.one_caller += len(list(called_once(text)))


def row(name: str, room: Room) -> Sequence[str]:
    """Return the cells of one room, or of several added up."""
    sizes = room.body_lines or [0]
    tenth = statistics.quantiles(sizes, n=10)[-1] if len(sizes) > 1 else sizes[0]
    return (
        name,
        f"{room.lines:,}",
        str(room.files),
        str(room.small_files),
        f"{len(room.body_lines):,}",
        f"{statistics.median(sizes):.0f} / {tenth:.0f} / {max(sizes)}",
        f"{100 * room.one_caller / max(len(room.body_lines), 1):.0f} %",
    )


def together(rooms: Iterable[Room]) -> Room:
    """Add rooms up."""
    total = Room()
    for room in rooms:
        total.lines, total.files = total.lines + room.lines, total.files + room.files
        total.small_files += room.small_files
        total.body_lines += room.body_lines
        total.one_caller += room.one_caller
    return total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(), help="another checkout to measure")
    rooms = measure(parser.parse_args().root)
    sources = [room for name, room in rooms.items() if name != TESTS]
    print("| room | lines | files | files under 40 lines | functions | body lines: median / p90 / max | one caller |")
    print("|---|---|---|---|---|---|---|")
    for cells in (*(row(name, room) for name, room in rooms.items()), row("all without tests", together(sources))):
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
