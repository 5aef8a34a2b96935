"""Nothing in the sources is longer than a reader holds in mind, and nothing stands apart that is too small for it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from scripts.sizes import SMALL_LINES, body_lines, called_once, functions
from tests.support.sources import folders, imported, is_package, modules_of

LONGEST_BODY_LINES = 40
LEAST_BODY_LINES = 5  # of a private function with one caller that no docstring justifies
ONLY_CALL = "\n\nprint(_crumb(1))\n"


def too_long(text: str) -> list[str]:
    """Return the functions of a module that do not fit on a screen."""
    return [function.name for function in functions(ast.parse(text)) if body_lines(function) > LONGEST_BODY_LINES]


def crumbs(text: str) -> list[str]:
    """Return the private functions with one caller that have neither a length nor a rule of their own."""
    return [
        function.name
        for function in called_once(text)
        if body_lines(function) < LEAST_BODY_LINES and ast.get_docstring(function) is None
    ]


def small_modules(modules: Mapping[str, str]) -> list[str]:
    """Return the small modules that are neither a package nor a command and that fewer than two others import."""
    imports = {module: set(imported(text)) for module, text in modules.items()}
    return [
        module
        for module, text in modules.items()
        if text.count("\n") < SMALL_LINES
        and not is_package(module)
        and not module.endswith("__main__")
        and 'if __name__ == "__main__":' not in text
        and sum(module in names for user, names in imports.items() if user != module) < 2
    ]


@pytest.fixture(scope="module")
def sources() -> dict[str, str]:
    """Return the text of each module by its name, the tests aside."""
    return modules_of(folders())


def test_every_folder_with_code_is_measured(sources: dict[str, str]) -> None:
    assert {"conf", "jobs", "scripts", "webapp"} < {module.split(".")[0] for module in sources}


def test_no_function_is_longer_than_a_screen(sources: dict[str, str]) -> None:
    assert {module: found for module, text in sources.items() if (found := too_long(text))} == {}


def test_no_private_function_is_too_small_for_its_only_caller(sources: dict[str, str]) -> None:
    assert {module: found for module, text in sources.items() if (found := crumbs(text))} == {}


def test_no_module_is_too_small_for_its_only_importer(sources: dict[str, str]) -> None:
    assert small_modules(sources) == []


@pytest.mark.parametrize(("lines", "found"), [(40, []), (41, ["grown"])])
def test_a_planted_function_that_is_too_long_is_found(lines: int, found: list[str]) -> None:
    body = "    step = 0\n" * lines
    assert too_long(f'def grown() -> None:\n    """Grow."""\n{body}') == found


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("def _crumb(x):\n    return x + 1", ["_crumb"]),
        ("class Bread:\n    async def _crumb(self, x):\n        return x + 1", ["_crumb"]),
        ('def _crumb(x):\n    """Return the successor, as Peano has it."""\n    return x + 1', []),
        ("def _crumb(x):\n" + "    x += 1\n" * 4 + "    return x", []),
        ("def _crumb(x):\n    return x and _crumb(x - 1)", []),
        ("def crumb(x):\n    return x + 1\n\n\n_crumb = crumb", []),
    ],
    ids=["function", "method", "with a rule", "with five lines", "named twice more", "public"],
)
def test_a_planted_crumb_is_found(planted: str, found: list[str]) -> None:
    assert crumbs(planted + ONLY_CALL) == found


def test_a_planted_module_with_one_importer_is_found(sources: dict[str, str]) -> None:
    planted = sources | {"conf.little": "ONE = 1\n", "jobs.user": "from conf.little import ONE\n"}
    assert set(small_modules(planted)) - set(small_modules(sources)) == {"conf.little", "jobs.user"}


@pytest.mark.parametrize(
    "changed",
    [
        {"ml.user": "import conf.little\n" + "\n" * SMALL_LINES},
        {"conf.little": 'if __name__ == "__main__":\n    print(1)\n'},
        {"conf.little": "ONE = 1\n" * SMALL_LINES},
    ],
    ids=["a second importer", "a command", "long enough"],
)
def test_a_small_module_may_stand_with(sources: dict[str, str], changed: dict[str, str]) -> None:
    planted = sources | {"conf.little": "ONE = 1\n", "jobs.user": "from conf import little\n" + "\n" * SMALL_LINES}
    assert "conf.little" in small_modules(planted)
    assert "conf.little" not in small_modules(planted | changed)
